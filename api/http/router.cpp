#include "api/http/router.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace brig::api {
namespace {

// The number of literal segments if the pattern fits, else -1. Every request asks this of every route.
int fit(std::string_view pattern, const std::vector<std::string>& segments) {
  if (static_cast<std::size_t>(std::count(pattern.begin(), pattern.end(), '/')) != segments.size()) return -1;
  int literal = 0;
  for (const auto& segment : segments) {
    if (!pattern.starts_with('/')) return -1;
    auto part = pattern.substr(1, pattern.find('/', 1) - 1);
    pattern.remove_prefix(part.size() + 1);
    if (part.starts_with('{')) continue;
    if (part != segment) return -1;
    ++literal;
  }
  return pattern.empty() ? literal : -1;
}

std::map<std::string, std::string> parameters(std::string_view pattern,
                                              const std::vector<std::string>& segments) {
  std::map<std::string, std::string> out;
  auto parts = split(pattern.substr(1), '/');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].starts_with('{')) out[std::string(parts[i].substr(1, parts[i].size() - 2))] = segments[i];
  }
  return out;
}

}  // namespace

std::string_view to_string(Access access) {
  switch (access) {
    case Access::none:
      return "none";
    case Access::viewer:
      return "viewer";
    case Access::user:
      return "user";
    case Access::admin:
      return "admin";
  }
  return "admin";
}

bool allows(Access needed, const std::optional<session::Caller>& caller) {
  using Role = session::Caller::Role;
  switch (needed) {
    case Access::none:
      return true;
    case Access::viewer:
      return caller.has_value();
    case Access::user:
      return caller && caller->role != Role::viewer;
    case Access::admin:
      return caller && caller->role == Role::admin;
  }
  return false;
}

std::optional<Failure> match(std::span<const Route> table, std::string_view method,
                             const std::vector<std::string>& segments, Match& out) {
  int best = -1;
  std::string allowed;
  for (const auto& route : table) {
    int literal = fit(route.pattern, segments);
    if (literal < 0) continue;
    if (route.method != method) {
      if (allowed.find(route.method) == std::string::npos)
        allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
      continue;
    }
    if (literal <= best) continue;
    best = literal;
    out.route = &route;
  }
  if (out.route) {
    out.path = parameters(out.route->pattern, segments);
    return std::nullopt;
  }
  std::string shown = "/" + join(segments, "/");
  if (!allowed.empty())
    return Failure{
        Error{Code::invalid,
              brig::quoted(method) + " is not done to " + brig::quoted(shown) + "; " + allowed + " is",
              "api: route", false},
        405,
        {},
        {{"Allow", allowed}}};
  return Failure{
      Error{Code::not_found, "there is no such path: " + brig::quoted(shown) + "; see /v1/openapi.yaml",
            "api: route", false},
      404,
      {},
      {}};
}

std::optional<Failure> check_query(const Route& route,
                                   const std::vector<std::pair<std::string, std::string>>& query) {
  std::vector<std::string_view> known;
  if (!route.query.empty()) known = split(route.query, ' ');
  for (auto it = query.begin(); it != query.end(); ++it) {
    const auto& name = it->first;
    auto refuse = [&](std::string message) {
      return Failure{
          Error{Code::invalid, std::move(message), "api: query", false}, 400, printable(name, 64), {}};
    };
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      std::vector<std::string> names(known.begin(), known.end());
      return refuse("unknown query parameter " + brig::quoted(name) + did_you_mean(name, known) +
                    (known.empty() ? "; none is known here" : "; known are " + join(names, ", ")));
    }
    // Names of files are bytes; everything else here is text.
    if (!is_utf8(it->second) && name != "path" && name != "top")
      return refuse("the query parameter " + brig::quoted(name) + " is not UTF-8");
    bool again = std::any_of(query.begin(), it, [&](const auto& other) { return other.first == name; });
    if (again && name != "label" && name != "path")
      return refuse("the query parameter " + brig::quoted(name) + " comes twice");
  }
  return std::nullopt;
}

}  // namespace brig::api
