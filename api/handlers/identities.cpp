#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/json/decode.hpp"
#include "api/json/encode.hpp"

namespace brig::api {
namespace {

std::string holder(const Request& request) {
  return provider::holder_of(request.caller->owner, request.caller->mesh);
}

}  // namespace

net::Task<Response> list_identities(Context* context, Request* request) {
  auto found = co_await context->services.identities.list(holder(*request), request->path["provider"]);
  if (!found) co_return problem(found.error(), request->id);
  co_return json_response(200, {{"identities", encode_all(*found)}});
}

net::Task<Response> create_identity(Context* context, Request* request) {
  Body body(request->body);
  auto spec = decode_identity(body);
  if (body.failure()) co_return problem(*body.failure(), request->id);
  auto provider = request->path["provider"];
  auto made = co_await context->services.identities.create(holder(*request), provider, std::move(spec));
  if (!made) co_return problem(made.error(), request->id);
  auto out = json_response(201, encode(*made));
  out.headers.push_back({"Location", "/v1/providers/" + provider + "/identities/" + made->id});
  co_return out;
}

net::Task<Response> update_identity(Context* context, Request* request) {
  Body body(request->body, true);
  auto change = decode_identity_change(body);
  if (body.failure()) co_return problem(*body.failure(), request->id);
  auto changed = co_await context->services.identities.update(holder(*request), request->path["provider"],
                                                              request->path["id"], std::move(change));
  if (!changed) co_return problem(changed.error(), request->id);
  co_return json_response(200, encode(*changed));
}

net::Task<Response> remove_identity(Context* context, Request* request) {
  auto removed = co_await context->services.identities.remove(holder(*request), request->path["provider"],
                                                              request->path["id"]);
  if (!removed) co_return problem(removed.error(), request->id);
  Response out;
  out.status = 204;
  co_return out;
}

net::Task<Response> probe_identity(Context* context, Request* request) {
  auto found = co_await context->services.identities.probe(holder(*request), request->path["provider"],
                                                           request->path["id"]);
  if (!found) co_return problem(found.error(), request->id);
  co_return json_response(200, encode(*found));
}

}  // namespace brig::api
