#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/handlers/receive.hpp"
#include "api/http/problem.hpp"
#include "api/json/decode.hpp"
#include "api/json/encode.hpp"
#include "api/json/volume_filter.hpp"

namespace brig::api {
namespace {

Response created(const session::VolumeView& volume) {
  auto out = json_response(201, encode(volume));
  out.headers.push_back({"Location", "/v1/volumes/" + volume.engine});
  return out;
}

}  // namespace

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
  co_return created(*made);
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

namespace {

net::Task<Result<void>> send(std::shared_ptr<session::Outgoing> outgoing, Sink* sink) {
  while (true) {
    BRIG_CO_TRY(auto bytes, co_await outgoing->read());
    if (bytes.empty()) co_return Result<void>();
    BRIG_CO_CHECK(co_await sink->write(bytes));
  }
}

}  // namespace

net::Task<Response> export_volume(Context* context, Request* request) {
  auto begun = co_await context->services.volumes.carry_out(*request->caller, request->path["volume"]);
  if (!begun) co_return problem(begun.error(), request->id);
  std::shared_ptr<session::Outgoing> outgoing = std::move(*begun);
  Response out;
  out.type = "application/zstd";
  out.stream = [outgoing](Sink* sink) { return send(outgoing, sink); };
  co_return out;
}

net::Task<Response> import_volume(Context* context, Request* request) {
  session::ImportSpec spec;
  if (const auto* name = request->parameter("name")) spec.name = *name;
  if (const auto* mesh = request->parameter("mesh")) spec.mesh = *mesh;
  auto begun = co_await context->services.volumes.take_in(*request->caller, std::move(spec));
  if (!begun) co_return problem(begun.error(), request->id);
  auto received = co_await receive(begun->get(), request->source);
  if (!received) co_return problem(received.error(), request->id);
  auto volume = co_await (*begun)->finish();
  if (!volume) co_return problem(volume.error(), request->id);
  co_return created(*volume);
}

net::Task<Response> clone_volume(Context* context, Request* request) {
  Body body(request->body);
  auto spec = decode_volume_copy(body);
  if (body.failure()) co_return problem(*body.failure(), request->id);
  auto copy =
      co_await context->services.volumes.clone(*request->caller, request->path["volume"], std::move(spec));
  if (!copy) co_return problem(copy.error(), request->id);
  co_return created(*copy);
}

net::Task<Response> remove_volume(Context* context, Request* request) {
  using Removal = session::Volumes::Removal;
  std::optional<Failure> failure;
  bool for_good = query_flag(*request, "for_good", failure);
  if (failure) co_return problem(*failure, request->id);
  auto how = for_good ? Removal::for_good : Removal::quarantine;
  auto removed = co_await context->services.volumes.remove(*request->caller, request->path["volume"], how);
  if (!removed) co_return problem(removed.error(), request->id);
  Response out;
  out.status = 204;
  co_return out;
}

}  // namespace brig::api
