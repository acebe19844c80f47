#include "api/json/prune.hpp"

#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/http/telling.hpp"

namespace brig::api {
namespace {

using nlohmann::json;

net::Task<Result<json>> carry_out(Context* context, session::Caller caller, prune::Order order,
                                  std::shared_ptr<Telling> telling) {
  prune::Listener listener;
  listener.step = [telling](const prune::Step& step) { telling->tell({{"step", encode(step)}}); };
  // Who reads too slowly misses progress, and no step.
  listener.progress = [telling](const std::string& volume, double fraction) {
    if (telling->queued.empty()) telling->tell({{"progress", {{"volume", volume}, {"fraction", fraction}}}});
  };
  BRIG_CO_TRY(auto report, co_await context->services.prunes.execute(std::move(caller), std::move(order),
                                                                     std::move(listener)));
  co_return encode(report);
}

}  // namespace

net::Task<Response> get_footprint(Context* context, Request* request) {
  auto taken = co_await context->services.footprints.footprint();
  if (!taken) co_return problem(taken.error(), request->id);
  co_return json_response(200, encode(*taken));
}

net::Task<Response> plan_gc(Context* context, Request* request) {
  Body body(request->body, true);
  auto rules = decode_gc_rules(body);
  if (body.failure()) co_return problem(*body.failure(), request->id);
  auto plan = co_await context->services.gc.plan(std::move(rules));
  if (!plan) co_return problem(plan.error(), request->id);
  co_return json_response(200, encode(*plan));
}

net::Task<Response> execute_gc(Context* context, Request* request) {
  Body body(request->body);
  auto order = decode_gc(body);
  if (body.failure()) co_return problem(*body.failure(), request->id);
  auto done = co_await context->services.gc.collect(*request->caller, std::move(order.rules),
                                                    std::move(order.things));
  if (!done) co_return problem(done.error(), request->id);
  co_return json_response(200, encode(*done));
}

net::Task<Response> list_prune_rules(Context* context, Request* request) {
  auto rules = co_await context->services.standing_prunes.standing();
  if (!rules) co_return problem(rules.error(), request->id);
  json out{{"rules", json::array()}};
  for (const auto& rule : *rules) out["rules"].push_back(encode(rule));
  co_return json_response(200, out);
}

net::Task<Response> plan_prune(Context* context, Request* request) {
  Body body(request->body, true);
  auto rules = decode_rules(body);
  if (body.failure()) co_return problem(*body.failure(), request->id);
  auto plan = co_await context->services.prunes.plan(*request->caller, std::move(rules));
  if (!plan) co_return problem(plan.error(), request->id);
  co_return json_response(200, encode(*plan));
}

net::Task<Response> execute_prune(Context* context, Request* request) {
  Body body(request->body);
  auto order = decode_prune(body);
  if (body.failure()) co_return problem(*body.failure(), request->id);
  // What is refused as a whole is a plain refusal, not a line of a report.
  if (auto refused = co_await context->services.prunes.check(*request->caller, order); !refused)
    co_return problem(refused.error(), request->id);
  ToldWork work = [context, caller = *request->caller, order](std::shared_ptr<Telling> telling) {
    return carry_out(context, caller, order, std::move(telling));
  };
  co_return told(std::move(work), request->id);
}

}  // namespace brig::api
