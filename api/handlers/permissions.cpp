// Permissions: what single peers of a mesh may do beyond, or short of, their role.
#include "service/permissions.hpp"

#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/json/encode.hpp"
#include "api/json/reader.hpp"
#include "session/member.hpp"

namespace brig::api {
namespace {

using nlohmann::json;
using Role = session::Caller::Member::Role;

json encode_entry(const std::string& peer, const service::Overrides& overrides) {
  auto out = json::parse(service::to_json(overrides));
  out["peer"] = peer;
  return out;
}

json defaults() {
  auto out = json::object();
  for (auto role : {Role::member, Role::admin, Role::owner})
    for (auto permission : service::kPermissions)
      out[std::string(session::to_string(role))][std::string(word_of(permission))] =
          service::is_default(role, permission);
  return out;
}

service::Overrides decode_overrides(Body& body) {
  service::Overrides out;
  auto top = body.object();
  if (!top.present()) return out;
  for (auto permission : service::kPermissions)
    out[static_cast<std::size_t>(permission)] = top.flag(word_of(permission));
  top.finish();
  return out;
}

}  // namespace

net::Task<Response> list_permissions(Context* context, Request* request) {
  auto found = context->services.permissions.list(*request->caller, request->path["mesh"]);
  if (!found) co_return problem(found.error(), request->id);
  auto out = json::array();
  for (const auto& entry : *found) out.push_back(encode_entry(entry.peer, entry.overrides));
  co_return json_response(200, {{"defaults", defaults()}, {"overrides", std::move(out)}});
}

net::Task<Response> put_permissions(Context* context, Request* request) {
  Body body(request->body);
  auto overrides = decode_overrides(body);
  if (body.failure()) co_return problem(*body.failure(), request->id);
  auto peer = request->path["peer"];
  auto may = context->services.permissions.check(*request->caller, request->path["mesh"], peer, overrides);
  if (!may) co_return problem(may.error(), request->id);
  audit::Deed deed{request->path["mesh"], "permissions.set", request->caller->owner,
                   dumped(encode_entry(peer, overrides))};
  auto told = co_await context->services.audit.add(std::move(deed));
  if (!told) co_return problem(told.error(), request->id);
  auto set =
      co_await context->services.permissions.set(*request->caller, request->path["mesh"], peer, overrides);
  if (!set) co_return problem(set.error(), request->id);
  co_return json_response(200, encode_entry(peer, overrides));
}

}  // namespace brig::api
