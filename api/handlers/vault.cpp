// The vault: what goes in never comes out here again.
#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/json/decode.hpp"
#include "api/json/encode.hpp"
#include "core/log.hpp"
#include "core/units.hpp"
#include "session/tenancy.hpp"

namespace brig::api {
namespace {

using nlohmann::json;

json encode(const vault::Entry& entry) {
  json out{{"name", entry.name},
           {"created", format_time(entry.created)},
           {"replaced", format_time(entry.replaced)}};
  if (entry.last_used) out["last_used"] = format_time(*entry.last_used);
  return out;
}

// An admin may look after a mesh's; everybody else has their own.
Result<vault::Scope> scope_of(const Request& request) {
  const auto* wanted = request.parameter("mesh");
  BRIG_TRY(auto mesh, session::mesh_for(*request.caller, wanted ? *wanted : std::string()));
  return vault::Scope{request.caller->owner, mesh};
}

// The same, for who means to change something there.
Result<vault::Scope> scope_to_change(const Context& context, const Request& request) {
  BRIG_TRY(auto scope, scope_of(request));
  if (!scope.mesh.empty())
    BRIG_CHECK(context.services.permissions.require(*request.caller, scope.mesh, service::Permission::vault));
  return scope;
}

// For the mesh's audit, before it is done.
audit::Deed deed_of(const Request& request, const char* event, const vault::Scope& scope,
                    const std::string& name) {
  return {scope.mesh, event, request.caller->owner, dumped({{"key", name}})};
}

// What was parsed is wiped with what was sent.
Secret take_value(Object& top) {
  const auto* given = top.raw("value");
  if (!given || !given->is_string()) {
    top.fail("value", "value is missing: the text to keep, as in {\"value\": \"…\"}");
    return {};
  }
  auto& text = const_cast<json*>(given)->get_ref<std::string&>();
  Secret out(text);
  wipe(text);
  return out;
}

Response nothing() {
  Response out;
  out.status = 204;
  return out;
}

}  // namespace

net::Task<Response> list_vault(Context* context, Request* request) {
  auto scope = scope_of(*request);
  if (!scope) co_return problem(scope.error(), request->id);
  auto found = co_await context->services.vault.list(*scope);
  if (!found) co_return problem(found.error(), request->id);
  auto out = json::array();
  for (const auto& entry : *found) out.push_back(encode(entry));
  co_return json_response(200, {{"secrets", std::move(out)}});
}

net::Task<Response> set_vault(Context* context, Request* request) {
  auto scope = scope_to_change(*context, *request);
  if (!scope) co_return problem(scope.error(), request->id);
  auto name = request->path["name"];
  if (auto fine = vault::check_key("the key", name); !fine) co_return problem(fine.error(), request->id);
  Secret value;
  {
    Body body(request->body);
    wipe(request->body);
    auto top = body.object();
    if (top.present()) {
      value = take_value(top);
      top.finish();
    }
    if (body.failure()) co_return problem(*body.failure(), request->id);
  }
  auto deed = deed_of(*request, "vault.set", *scope, name);
  if (auto told = co_await context->services.audit.add(std::move(deed)); !told)
    co_return problem(told.error(), request->id);
  auto kept = co_await context->services.vault.set(*scope, name, std::move(value));
  if (!kept) co_return problem(kept.error(), request->id);
  context->services.events.add({"vault.set", {}, scope->owner, scope->mesh, dumped({{"name", name}})});
  log::info("a value was put into the vault", {{"name", name}, {"owner", scope->owner}});
  co_return json_response(200, encode(*kept));
}

net::Task<Response> remove_vault(Context* context, Request* request) {
  std::optional<Failure> failure;
  bool force = query_flag(*request, "force", failure);
  if (failure) co_return problem(*failure, request->id);
  auto scope = scope_to_change(*context, *request);
  if (!scope) co_return problem(scope.error(), request->id);
  auto name = request->path["name"];
  if (auto fine = vault::check_key("the key", name); !fine) co_return problem(fine.error(), request->id);
  auto deed = deed_of(*request, "vault.remove", *scope, name);
  co_await audit::add_or_note(context->services.audit, std::move(deed));
  auto removed = co_await context->services.vault.remove(*scope, name, force);
  if (!removed) co_return problem(removed.error(), request->id);
  context->services.events.add({"vault.removed", {}, scope->owner, scope->mesh, dumped({{"name", name}})});
  log::info("a value was removed from the vault", {{"name", name}, {"owner", scope->owner}});
  co_return nothing();
}

}  // namespace brig::api
