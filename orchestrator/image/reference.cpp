#include "image/reference.hpp"

#include <algorithm>
#include <cctype>

#include "core/text.hpp"

namespace brig::image {

Result<void> check_image_reference(std::string_view field, std::string_view reference) {
  bool fine =
      !reference.empty() && reference.size() <= 255 && reference.front() != '-' && reference.front() != '/' &&
      reference.front() != '.' && reference.back() != '/' && reference.back() != ':' &&
      reference.find("//") == std::string_view::npos && reference.find("..") == std::string_view::npos &&
      std::all_of(reference.begin(), reference.end(), [](unsigned char c) {
        return std::isalnum(c) || c == '-' || c == '_' || c == '.' || c == '/' || c == ':' || c == '@';
      });
  if (fine) return {};
  return Error{Code::invalid,
               std::string(field) + " is " + quoted(reference) +
                   "; write an image as in \"registry/team/name:tag\" or \"name@sha256:…\"",
               "image", false};
}

std::string registry_of(std::string_view reference) {
  auto first = reference.substr(0, reference.find('/'));
  auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  bool named =
      first.size() < reference.size() && (first.find_first_of(".:") != first.npos || first == "localhost" ||
                                          std::any_of(first.begin(), first.end(), is_upper));
  return named ? std::string(first) : "docker.io";
}

std::string_view repository_of(std::string_view reference) {
  auto name = reference.substr(0, reference.find('@'));
  auto colon = name.rfind(':');
  auto slash = name.rfind('/');
  bool tagged = colon != name.npos && (slash == name.npos || slash < colon);
  return tagged ? name.substr(0, colon) : name;
}

}  // namespace brig::image
