#include "mcp/names.hpp"

#include <algorithm>

namespace brig::mcp {
namespace {

constexpr std::string_view kBetween = "__";
constexpr std::string_view kScheme = "brig://";

}  // namespace

std::string prefixed_name(std::string_view service, std::string_view name) {
  std::string out;
  for (char c : service) {
    if (c == '_' && out.ends_with('_')) out += '.';
    out += c;
  }
  if (out.ends_with('_')) out += '.';
  return out.append(kBetween).append(name);
}

std::optional<Named> split_name(std::string_view name) {
  auto at = name.find(kBetween);
  if (at == std::string_view::npos) return std::nullopt;
  Named out{std::string(name.substr(0, at)), std::string(name.substr(at + kBetween.size()))};
  out.service.erase(std::remove(out.service.begin(), out.service.end(), '.'), out.service.end());
  // Else there would be a second way to write it.
  if (prefixed_name(out.service, out.name) != name) return std::nullopt;
  return out;
}

std::string prefixed_uri(std::string_view service, std::string_view uri) {
  return std::string(kScheme).append(service).append("/").append(uri);
}

std::optional<Named> split_uri(std::string_view uri) {
  if (!uri.starts_with(kScheme)) return std::nullopt;
  uri.remove_prefix(kScheme.size());
  auto at = uri.find('/');
  if (at == std::string_view::npos) return std::nullopt;
  return Named{std::string(uri.substr(0, at)), std::string(uri.substr(at + 1))};
}

}  // namespace brig::mcp
