#include <nlohmann/json.hpp>

#include "api/auth/bearer.hpp"
#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/json/decode.hpp"
#include "api/json/encode.hpp"
#include "core/log.hpp"

namespace brig::api {

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
