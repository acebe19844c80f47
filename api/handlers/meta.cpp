#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/json/encode.hpp"
#include "session/member.hpp"

namespace brig::api {

using nlohmann::json;

net::Task<Response> get_health(Context*, Request*) {
  co_return json_response(200, {{"status", "alive"}});
}

net::Task<Response> get_ready(Context* context, Request* request) {
  bool ready = true;
  auto conditions = json::array();
  for (const auto& condition : context->services.readiness()) {
    ready = ready && condition.ok;
    conditions.push_back({{"name", condition.name}, {"ok", condition.ok}});
    if (request->caller && !condition.detail.empty()) conditions.back()["detail"] = condition.detail;
  }
  co_return json_response(ready ? 200 : 503, {{"ready", ready}, {"conditions", conditions}});
}

net::Task<Response> get_metrics(Context* context, Request*) {
  Response out;
  out.type = "text/plain; version=0.0.4; charset=utf-8";
  out.body = context->services.metrics.text();
  co_return out;
}

net::Task<Response> get_openapi(Context*, Request*) {
  Response out;
  out.type = "application/yaml";
  out.body = std::string(openapi_document());
  co_return out;
}

net::Task<Response> get_version(Context* context, Request* request) {
  const auto& version = context->services.version;
  nlohmann::json caller{{"role", to_string(request->caller->role)}, {"owner", request->caller->owner}};
  if (!request->caller->mesh.empty()) caller["mesh"] = request->caller->mesh;
  if (const auto& member = request->caller->member)
    caller["member"] = {
        {"peer", member->peer}, {"groups", member->groups}, {"role", session::to_string(member->role)}};
  co_return json_response(200, {{"version", version.version},
                                {"api", "v1"},
                                {"installation", version.installation},
                                {"caller", caller}});
}

net::Task<Response> get_doctor(Context* context, Request*) {
  auto findings = co_await context->services.doctor.examine();
  bool ok = std::none_of(findings.begin(), findings.end(),
                         [](const doctor::Finding& f) { return f.grade == doctor::Finding::Grade::bad; });
  co_return json_response(200, {{"ok", ok}, {"findings", encode_all(findings)}});
}

}  // namespace brig::api
