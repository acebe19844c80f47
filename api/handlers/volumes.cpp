#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/json/decode.hpp"
#include "api/json/encode.hpp"

namespace brig::api {

net::Task<Response> list_volumes(Context* context, Request* request) {
  auto found = co_await context->services.volumes.list(*request->caller);
  if (!found) co_return problem(found.error(), request->id);
  co_return json_response(200, {{"volumes", encode_all(*found)}});
}

net::Task<Response> create_volume(Context* context, Request* request) {
  Body body(request->body);
  auto spec = decode_volume(body);
  if (body.failure()) co_return problem(*body.failure(), request->id);
  auto made = co_await context->services.volumes.create(*request->caller, std::move(spec));
  if (!made) co_return problem(made.error(), request->id);
  auto out = json_response(201, encode(*made));
  out.headers.push_back({"Location", "/v1/volumes/" + made->engine});
  co_return out;
}

net::Task<Response> get_volume(Context* context, Request* request) {
  auto found = co_await context->services.volumes.get(*request->caller, request->path["volume"]);
  if (!found) co_return problem(found.error(), request->id);
  co_return json_response(200, encode(*found));
}

net::Task<Response> remove_volume(Context* context, Request* request) {
  auto removed = co_await context->services.volumes.remove(*request->caller, request->path["volume"]);
  if (!removed) co_return problem(removed.error(), request->id);
  Response out;
  out.status = 204;
  co_return out;
}

}  // namespace brig::api
