// Checkpoints, restore, fork, discard.
#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/json/decode.hpp"
#include "api/json/encode.hpp"

namespace brig::api {

net::Task<Response> list_checkpoints(Context* context, Request* request) {
  auto found = co_await context->services.workspaces.checkpoints(*request->caller, request->path["ref"]);
  if (!found) co_return problem(found.error(), request->id);
  co_return json_response(200, {{"checkpoints", encode_all(*found)}});
}

net::Task<Response> make_checkpoint(Context* context, Request* request) {
  Body body(request->body);
  auto name = decode_checkpoint(body);
  if (body.failure()) co_return problem(*body.failure(), request->id);
  auto made = co_await context->services.workspaces.checkpoint(*request->caller, request->path["ref"],
                                                               std::move(name));
  if (!made) co_return problem(made.error(), request->id);
  co_return json_response(201, encode(*made));
}

net::Task<Response> remove_checkpoint(Context* context, Request* request) {
  auto removed = co_await context->services.workspaces.remove_checkpoint(
      *request->caller, request->path["ref"], request->path["name"]);
  if (!removed) co_return problem(removed.error(), request->id);
  Response out;
  out.status = 204;
  co_return out;
}

net::Task<Response> restore_session(Context* context, Request* request) {
  auto body = std::make_unique<Body>(request->body);
  auto spec = decode_restore(*body);
  if (body->failure()) co_return problem(*body->failure(), request->id);
  body.reset();
  wipe(request->body);
  auto restored =
      co_await context->services.workspaces.restore(*request->caller, request->path["ref"], std::move(spec));
  if (!restored) co_return problem(restored.error(), request->id);
  co_return json_response(200, encode(*restored));
}

net::Task<Response> fork_session(Context* context, Request* request) {
  auto body = std::make_unique<Body>(request->body, true);
  auto spec = decode_fork(*body);
  if (body->failure()) co_return problem(*body->failure(), request->id);
  body.reset();
  wipe(request->body);
  auto made =
      co_await context->services.workspaces.fork(*request->caller, request->path["ref"], std::move(spec));
  if (!made) co_return problem(made.error(), request->id);
  auto out = json_response(201, encode(*made));
  out.headers.push_back({"Location", "/v1/sessions/" + made->id.str()});
  co_return out;
}

net::Task<Response> discard_session(Context* context, Request* request) {
  auto done = co_await context->services.workspaces.discard(*request->caller, request->path["ref"]);
  if (!done) co_return problem(done.error(), request->id);
  co_return json_response(200, encode(*done));
}

}  // namespace brig::api
