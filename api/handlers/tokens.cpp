#include <nlohmann/json.hpp>

#include "api/auth/bearer.hpp"
#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/json/decode.hpp"
#include "api/json/encode.hpp"
#include "core/log.hpp"

namespace brig::api {

namespace {

// In the audit of the mesh that it is of.
net::Task<void> tell_revoked(Context* context, session::Caller caller, std::string id) {
  auto all = co_await context->services.tokens.list();
  if (!all) co_return;  // as revoking it will say
  for (const auto& token : *all) {
    if (token.id != id) continue;
    audit::Deed deed{token.mesh, "token.revoke", caller.owner, dumped(encode(token))};
    co_await audit::add_or_note(context->services.audit, std::move(deed));
    co_return;
  }
}

}  // namespace

net::Task<Response> list_tokens(Context* context, Request* request) {
  auto found = co_await context->services.tokens.list();
  if (!found) co_return problem(found.error(), request->id);
  co_return json_response(200, {{"tokens", encode_all(*found)}});
}

net::Task<Response> create_token(Context* context, Request* request) {
  Body body(request->body);
  auto spec = decode_token(body);
  if (body.failure()) co_return problem(*body.failure(), request->id);
  auto made = make_token();
  auto now = context->services.clock.wall();
  Token token;
  token.id = made.id;
  token.hash = made.hash;
  token.label = spec.label;
  token.role = spec.role;
  token.owner = spec.owner.empty() ? "token:" + made.id : spec.owner;
  token.mesh = spec.mesh;
  token.member = spec.member;
  token.created = now;
  if (spec.expires_in) token.expires = now + *spec.expires_in;
  audit::Deed deed{token.mesh, "token.create", request->caller->owner, dumped(encode(token))};
  if (auto told = co_await context->services.audit.add(std::move(deed)); !told)
    co_return problem(told.error(), request->id);
  auto created = co_await context->services.tokens.create(token);
  if (!created) co_return problem(created.error(), request->id);
  log::info("a token was made",
            {{"token", token.id}, {"role", to_string(token.role)}, {"by", request->caller->owner}});
  context->services.events.add({"token.created",
                                {},
                                token.owner,
                                token.mesh,
                                dumped({{"token", encode(token)}, {"by", request->caller->owner}})});
  co_return json_response(201, {{"token", encode(token)}, {"secret", made.text.reveal()}});
}

net::Task<Response> revoke_token(Context* context, Request* request) {
  auto id = request->path["id"];
  co_await tell_revoked(context, *request->caller, id);
  auto revoked = co_await context->services.tokens.revoke(id, context->services.clock.wall());
  if (!revoked) co_return problem(revoked.error(), request->id);
  context->revoke("token:" + id);
  context->services.events.add(
      {"token.revoked", {}, "", "", dumped({{"token", id}, {"by", request->caller->owner}})});
  log::info("a token was revoked", {{"token", id}, {"by", request->caller->owner}});
  Response out;
  out.status = 204;
  co_return out;
}

}  // namespace brig::api
