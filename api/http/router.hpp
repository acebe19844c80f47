// The table of routes, which openapi.yaml describes, and how a request finds its own.
//
// Threads: any. Failure: as Failure.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "api/http/message.hpp"
#include "api/server.hpp"

namespace brig::api {

enum class Access { none, viewer, user, admin };
std::string_view to_string(Access access);
bool allows(Access needed, const std::optional<session::Caller>& caller);

// What handlers work with. Outlives every request.
struct Context {
  Services services;
  Limits limits;
  // Ends every conversation of these credentials: they hold no longer.
  std::function<void(const std::string& credential)> revoke;
  // Where a preview is seen; not set where none are served.
  std::function<std::string(const std::string& id)> preview_origin;
  // Cuts off whoever looks at it.
  std::function<void(const std::string& id)> cut_preview;
};

using Handler = net::Task<Response> (*)(Context* context, Request* request);

struct Route {
  std::string_view method;
  std::string_view pattern;  // "/v1/sessions/{ref}"
  Access access;
  std::size_t body_limit;  // 0: takes none
  std::string_view query;  // names, separated by spaces
  Handler handler;
};

inline constexpr std::size_t kDefaultBody = static_cast<std::size_t>(-1);  // Limits::body_bytes
// Any length and type, given to the handler as Request::source while it comes.
inline constexpr std::size_t kStreamedBody = static_cast<std::size_t>(-2);

std::span<const Route> routes();

struct Match {
  const Route* route = nullptr;
  std::map<std::string, std::string> path;
};

// Literal segments win over parameters. No such path is 404, a path without this method 405 with Allow.
std::optional<Failure> match(std::span<const Route> table, std::string_view method,
                             const std::vector<std::string>& segments, Match& out);

// Refuses parameters the route does not know, and any but `label` and `path` that come twice.
std::optional<Failure> check_query(const Route& route,
                                   const std::vector<std::pair<std::string, std::string>>& query);

}  // namespace brig::api
