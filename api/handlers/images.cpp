#include <deque>
#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/json/decode.hpp"
#include "api/json/encode.hpp"
#include "core/text.hpp"
#include "net/event.hpp"

namespace brig::api {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxQueued = 256 * 1024;
constexpr std::size_t kMaxStep = 1024;
constexpr std::size_t kMaxLog = 64 * 1024;

// Lines between the builder, which tells as it likes, and a caller, who reads as it likes.
struct Progress {
  explicit Progress(const boost::asio::any_io_executor& executor) : changed(executor) {}

  void tell(const image::Progress& progress) {
    if (queued.size() >= kMaxQueued) return;
    queued += dumped({{"progress", encode(progress)}}) + "\n";
    changed.notify_all();
  }

  net::Event changed;
  std::string queued;
  bool done = false;
};

net::Task<Result<image::ImageInfo>> build(Context* context, std::string name, bool no_cache,
                                          std::shared_ptr<Progress> progress) {
  auto sink = [progress](const image::Progress& p) {
    progress->tell({printable(p.step, kMaxStep), p.log.substr(0, kMaxLog), p.fraction});
  };
  auto built = co_await context->services.images.build(std::move(name), no_cache, sink);
  progress->done = true;
  progress->changed.notify_all();
  co_return built;
}

// Until the builder is done and its last words are written.
net::Task<Result<void>> relay(std::shared_ptr<Progress> progress, Sink* sink) {
  for (;;) {
    while (progress->queued.empty() && !progress->done) co_await progress->changed.wait();
    if (progress->queued.empty()) co_return Result<void>();
    auto text = std::exchange(progress->queued, {});
    BRIG_CO_CHECK(co_await sink->write(std::as_bytes(std::span(text))));
  }
}

net::Task<Result<void>> stream_build(Context* context, std::string name, bool no_cache,
                                     std::string request_id, Sink* sink) {
  using namespace boost::asio::experimental::awaitable_operators;
  auto progress = std::make_shared<Progress>(co_await boost::asio::this_coro::executor);
  // The relay ends well only after the build has, so neither is cut off by the other's end.
  auto [built, relayed] =
      co_await (build(context, std::move(name), no_cache, progress) && relay(progress, sink));
  BRIG_CO_CHECK(std::move(relayed));
  json last;
  if (built) {
    last["done"] = encode(*built);
  } else {
    last["error"] = problem_json(Failure{built.error(), 0, {}, {}}, request_id);
  }
  auto text = dumped(last) + "\n";
  co_return co_await sink->write(std::as_bytes(std::span(text)));
}

}  // namespace

net::Task<Response> list_images(Context* context, Request* request) {
  auto found = co_await context->services.images.list();
  if (!found) co_return problem(found.error(), request->id);
  co_return json_response(200, {{"images", encode_all(*found)}});
}

net::Task<Response> list_outdated(Context* context, Request* request) {
  auto found = co_await context->services.images.outdated();
  if (!found) co_return problem(found.error(), request->id);
  co_return json_response(200, {{"outdated", encode_all(*found)}});
}

net::Task<Response> build_image(Context* context, Request* request) {
  Body body(request->body, true);
  bool no_cache = decode_build(body);
  if (body.failure()) co_return problem(*body.failure(), request->id);
  auto provider = context->services.images.provider(request->path["name"]);
  if (!provider) co_return problem(provider.error(), request->id);
  Response out;
  out.type = "application/x-ndjson";
  out.stream = [context, name = request->path["name"], no_cache, id = request->id](Sink* sink) {
    return stream_build(context, name, no_cache, id, sink);
  };
  co_return out;
}

net::Task<Response> remove_image(Context* context, Request* request) {
  auto removed = co_await context->services.images.remove(request->path["name"]);
  if (!removed) co_return problem(removed.error(), request->id);
  Response out;
  out.status = 204;
  co_return out;
}

}  // namespace brig::api
