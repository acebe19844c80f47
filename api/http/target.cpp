#include "api/http/target.hpp"

#include "core/text.hpp"

namespace brig::api {
namespace {

constexpr std::size_t kMaxParts = 64;

Failure refuse(std::string message) {
  return Failure{Error{Code::invalid, std::move(message), "http", false}, 400, {}, {}};
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> decoded(std::string_view text, bool plus_is_space) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+' && plus_is_space) c = ' ';
    if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      int high = digit(text[i + 1]), low = digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return std::nullopt;
    out += c;
  }
  return out;
}

}  // namespace

std::optional<Failure> parse_target(std::string_view text, Target& out) {
  if (text.empty() || text[0] != '/')
    return refuse("the request's target must be a path such as /v1/sessions");
  if (text.find('#') != text.npos) return refuse("the request's target must not have a fragment");
  auto question = text.find('?');
  auto path = text.substr(0, question);
  if (path.size() > 1) {
    for (auto part : split(path.substr(1), '/')) {
      auto segment = decoded(part, false);
      if (!segment || !is_utf8(*segment) || out.segments.size() >= kMaxParts)
        return refuse("the request's path is malformed");
      // Not resolved: no route has them, and what stands before us might resolve them otherwise.
      if (segment->empty() || *segment == "." || *segment == ".." || segment->find('/') != std::string::npos)
        return Failure{Error{Code::not_found, "there is no such path: " + brig::quoted(path), "http", false},
                       404,
                       {},
                       {}};
      out.segments.push_back(std::move(*segment));
    }
  }
  if (question == text.npos || question + 1 == text.size()) return std::nullopt;
  for (auto part : split(text.substr(question + 1), '&')) {
    auto equals = part.find('=');
    auto key = decoded(part.substr(0, equals), true);
    auto value = decoded(equals == part.npos ? std::string_view() : part.substr(equals + 1), true);
    if (!key || !value || key->empty() || !is_utf8(*key) || out.query.size() >= kMaxParts)
      return refuse("the request's query is malformed");
    out.query.emplace_back(std::move(*key), std::move(*value));
  }
  return std::nullopt;
}

}  // namespace brig::api
