#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/json/decode.hpp"
#include "api/json/encode.hpp"
#include "api/json/volume_filter.hpp"

namespace brig::api {

net::Task<Response> list_volumes(Context* context, Request* request) {
  std::optional<Failure> failure;
  auto filter = query_volumes(*request, failure);
  auto order = query_order(*request, failure);
  bool foreign = query_flag(*request, "foreign", failure);
  if (failure) co_return problem(*failure, request->id);
  auto found = co_await context->services.volumes.list(*request->caller, std::move(filter), order);
  if (!found) co_return problem(found.error(), request->id);
  nlohmann::json out{{"volumes", encode_all(*found)}};
  if (foreign) {
    auto others = co_await context->services.volumes.foreign(*request->caller);
    if (!others) co_return problem(others.error(), request->id);
    out["foreign"] = encode_all(*others);
  }
  co_return json_response(200, out);
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
  auto out = encode(*found);
  if (!found->stage.empty()) co_return json_response(200, out);
  // Without its evidence it is still a volume that can be shown.
  auto verdict = co_await context->services.prunes.verdict(*request->caller, found->engine);
  bool goes = verdict && verdict->goes;
  auto reasons = verdict ? verdict->reasons : std::vector<std::string>{verdict.error().message};
  out["prune"] = {{"goes", goes}, {"reasons", reasons}};
  co_return json_response(200, out);
}

namespace {

net::Task<Response> set_pin(Context* context, Request* request, bool pinned) {
  auto done = co_await context->services.volumes.pin(*request->caller, request->path["volume"], pinned);
  if (!done) co_return problem(done.error(), request->id);
  co_return json_response(200, encode(*done));
}

}  // namespace

net::Task<Response> restore_volume(Context* context, Request* request) {
  auto done = co_await context->services.volumes.restore(*request->caller, request->path["volume"]);
  if (!done) co_return problem(done.error(), request->id);
  co_return json_response(200, encode(*done));
}

net::Task<Response> pin_volume(Context* context, Request* request) {
  return set_pin(context, request, true);
}

net::Task<Response> unpin_volume(Context* context, Request* request) {
  return set_pin(context, request, false);
}

net::Task<Response> remove_volume(Context* context, Request* request) {
  auto removed = co_await context->services.volumes.remove(*request->caller, request->path["volume"]);
  if (!removed) co_return problem(removed.error(), request->id);
  Response out;
  out.status = 204;
  co_return out;
}

}  // namespace brig::api
