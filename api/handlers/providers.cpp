#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/json/decode.hpp"
#include "api/json/encode.hpp"

namespace brig::api {

net::Task<Response> list_providers(Context* context, Request*) {
  co_return json_response(200, {{"providers", encode_all(context->services.images.providers())}});
}

net::Task<Response> get_provider(Context* context, Request* request) {
  auto found = context->services.images.provider(request->path["provider"]);
  if (!found) co_return problem(found.error(), request->id);
  co_return json_response(200, encode(*found));
}

net::Task<Response> put_provider(Context* context, Request* request) {
  Body body(request->body);
  auto declaration = body.whole();
  if (body.failure()) co_return problem(*body.failure(), request->id);
  auto stored = co_await context->services.providers.put(request->path["provider"], std::move(declaration),
                                                         request->caller->owner);
  if (!stored) co_return problem(stored.error(), request->id);
  co_return json_response(200, encode(*stored));
}

net::Task<Response> remove_provider(Context* context, Request* request) {
  auto removed = co_await context->services.providers.remove(request->path["provider"]);
  if (!removed) co_return problem(removed.error(), request->id);
  Response out;
  out.status = 204;
  co_return out;
}

}  // namespace brig::api
