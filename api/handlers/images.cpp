#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/http/telling.hpp"
#include "api/json/decode.hpp"
#include "api/json/encode.hpp"
#include "core/text.hpp"

namespace brig::api {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxQueued = 256 * 1024;
constexpr std::size_t kMaxStep = 1024;
constexpr std::size_t kMaxLog = 64 * 1024;

net::Task<Result<json>> build(Context* context, std::string name, bool no_cache,
                              std::shared_ptr<Telling> telling) {
  // Who reads too slowly misses progress.
  auto sink = [telling](const image::Progress& p) {
    if (telling->queued.size() >= kMaxQueued) return;
    image::Progress bounded{printable(p.step, kMaxStep), p.log.substr(0, kMaxLog), p.fraction};
    telling->tell({{"progress", encode(bounded)}});
  };
  BRIG_CO_TRY(auto built, co_await context->services.images.build(std::move(name), no_cache, sink));
  co_return encode(built);
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
  ToldWork work = [context, name = request->path["name"], no_cache](std::shared_ptr<Telling> telling) {
    return build(context, name, no_cache, std::move(telling));
  };
  co_return told(std::move(work), request->id);
}

net::Task<Response> remove_image(Context* context, Request* request) {
  auto removed = co_await context->services.images.remove(request->path["name"]);
  if (!removed) co_return problem(removed.error(), request->id);
  Response out;
  out.status = 204;
  co_return out;
}

}  // namespace brig::api
