// Ports in sandboxes as web pages: who may make and take back which.
#include <nlohmann/json.hpp>

#include "api/auth/bearer.hpp"
#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/json/decode.hpp"
#include "api/json/encode.hpp"
#include "api/preview/heads.hpp"
#include "core/random.hpp"
#include "core/text.hpp"
#include "core/units.hpp"
#include "session/tenancy.hpp"

namespace brig::api {
namespace {

constexpr std::size_t kMostPerSession = 64;
constexpr std::size_t kIdBytes = 8;  // a label of a host name
constexpr std::size_t kSecretBytes = 32;

nlohmann::json encode(const Preview& preview, const std::string& origin) {
  nlohmann::json out{{"id", preview.id},
                     {"session", preview.session},
                     {"port", preview.port},
                     {"owner", preview.owner},
                     {"created", format_time(preview.created)},
                     {"expires", format_time(preview.expires)}};
  if (!preview.mesh.empty()) out["mesh"] = preview.mesh;
  if (!origin.empty()) out["origin"] = origin;
  return out;
}

Error off() {
  return {Code::unsupported,
          "this brigd serves no previews; its operator turns them on with listen in [preview] of brig.toml, "
          "and 'brig forward' reaches the port meanwhile",
          "api: previews", false};
}

}  // namespace

net::Task<Response> make_preview(Context* context, Request* request) {
  auto& services = context->services;
  Body body(request->body);
  auto spec = decode_preview(body);
  if (body.failure()) co_return problem(*body.failure(), request->id);
  if (!context->preview_origin) co_return problem(off(), request->id);
  auto session = co_await services.sessions.get(*request->caller, request->path["ref"]);
  if (!session) co_return problem(session.error(), request->id);
  if (session->state == session::State::ended || session->state == session::State::ending) {
    Error over{Code::conflict, "session " + brig::quoted(session->name) + " has ended", "api: previews",
               false};
    co_return problem(over, request->id);
  }
  auto now = services.clock.wall();
  auto all = co_await services.previews.list();
  if (!all) co_return problem(all.error(), request->id);
  std::size_t there = 0;
  for (const auto& preview : *all) there += preview.session == session->id.str() && preview.expires > now;
  if (there >= kMostPerSession) {
    Error full{Code::exhausted,
               "session " + brig::quoted(session->name) + " has " + std::to_string(kMostPerSession) +
                   " previews already; take some back with 'brig preview rm'",
               "api: previews", false};
    co_return problem(full, request->id);
  }
  Secret token(random_hex(kSecretBytes));
  Preview preview{random_hex(kIdBytes),
                  hash_token(token.reveal()),
                  session->id.str(),
                  spec.port,
                  session->owner,
                  session->mesh,
                  now,
                  now + spec.expires_in};
  auto made = co_await services.previews.create(preview);
  if (!made) co_return problem(made.error(), request->id);
  auto origin = context->preview_origin(preview.id);
  auto out = encode(preview, origin);
  out["token"] = token.reveal();
  out["url"] = origin + "/?" + std::string(preview::kTokenParameter) + "=" + std::string(token.reveal());
  co_return json_response(201, out);
}

net::Task<Response> list_previews(Context* context, Request* request) {
  auto& services = context->services;
  auto all = co_await services.previews.list();
  if (!all) co_return problem(all.error(), request->id);
  auto list = nlohmann::json::array();
  for (const auto& preview : *all) {
    if (preview.expires <= services.clock.wall()) continue;
    if (!session::may_see(*request->caller, preview.owner, preview.mesh)) continue;
    list.push_back(encode(preview, context->preview_origin ? context->preview_origin(preview.id) : ""));
  }
  co_return json_response(200, {{"previews", std::move(list)}});
}

net::Task<Response> remove_preview(Context* context, Request* request) {
  auto& services = context->services;
  const auto& id = request->path["preview"];
  auto found = co_await services.previews.find(id);
  if (!found) co_return problem(found.error(), request->id);
  bool theirs = *found && session::may_see(*request->caller, (*found)->owner, (*found)->mesh);
  if (!theirs || (*found)->expires <= services.clock.wall()) {
    Error none{Code::not_found,
               "there is no preview " + brig::quoted(id) + " of yours; 'brig preview ls' lists them",
               "api: previews", false};
    co_return problem(none, request->id);
  }
  auto removed = co_await services.previews.remove(id);
  if (!removed) co_return problem(removed.error(), request->id);
  if (context->cut_preview) context->cut_preview(id);
  Response out;
  out.status = 204;
  co_return out;
}

}  // namespace brig::api
