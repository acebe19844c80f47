#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/json/decode.hpp"
#include "api/json/encode.hpp"

namespace brig::api {

net::Task<Response> list_profiles(Context* context, Request*) {
  auto& policies = context->services.policies;
  auto profiles = nlohmann::json::array();
  for (const auto* profile : policies.profiles())
    profiles.push_back(encode(*profile, profile->name == policies.default_profile()));
  co_return json_response(200, {{"profiles", profiles}});
}

net::Task<Response> explain_policy(Context* context, Request* request) {
  Body body(request->body, true);
  auto spec = decode_explain(body);
  if (body.failure()) co_return problem(*body.failure(), request->id);
  nlohmann::json provider;
  if (!spec.provider.empty()) {
    auto known = context->services.images.provider(spec.provider);
    if (!known) co_return problem(known.error(), request->id);
    if (spec.profile.empty()) spec.profile = known->profile;
    provider = encode(*known);
  }
  auto explained = context->services.policies.explain(spec.profile, spec.request);
  if (!explained) co_return problem(explained.error(), request->id);
  auto out = encode(*explained);
  if (!provider.is_null()) out["provider"] = std::move(provider);
  co_return json_response(200, std::move(out));
}

}  // namespace brig::api
