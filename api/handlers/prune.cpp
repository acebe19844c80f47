#include "api/json/prune.hpp"

#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "net/event.hpp"

namespace brig::api {
namespace {

using nlohmann::json;

// Lines between the prune, which goes its way, and a caller, who reads as it likes.
struct Telling {
  explicit Telling(const boost::asio::any_io_executor& executor) : changed(executor) {}
  net::Event changed;
  std::string queued;
  bool done = false;
};

net::Task<Result<prune::Report>> carry_out(Context* context, session::Caller caller, prune::Order order,
                                           std::shared_ptr<Telling> telling) {
  auto tell = [telling](const json& line) {
    telling->queued += dumped(line) + "\n";
    telling->changed.notify_all();
  };
  prune::Listener listener;
  listener.step = [tell](const prune::Step& step) { tell({{"step", encode(step)}}); };
  // Who reads too slowly misses progress, and no step.
  listener.progress = [tell, telling](const std::string& volume, double fraction) {
    if (telling->queued.empty()) tell({{"progress", {{"volume", volume}, {"fraction", fraction}}}});
  };
  auto report =
      co_await context->services.prunes.execute(std::move(caller), std::move(order), std::move(listener));
  telling->done = true;
  telling->changed.notify_all();
  co_return report;
}

// Until it is done and its last words are written; who does not listen any more does not stop it.
net::Task<Result<void>> relay(std::shared_ptr<Telling> telling, Sink* sink) {
  Result<void> written;
  while (true) {
    while (telling->queued.empty() && !telling->done) co_await telling->changed.wait();
    if (telling->queued.empty()) co_return written;
    auto text = std::exchange(telling->queued, {});
    if (written) written = co_await sink->write(std::as_bytes(std::span(text)));
  }
}

net::Task<Result<void>> stream_prune(Context* context, session::Caller caller, prune::Order order,
                                     std::string request_id, Sink* sink) {
  using namespace boost::asio::experimental::awaitable_operators;
  auto telling = std::make_shared<Telling>(co_await boost::asio::this_coro::executor);
  auto [report, relayed] =
      co_await (carry_out(context, std::move(caller), std::move(order), telling) && relay(telling, sink));
  BRIG_CO_CHECK(std::move(relayed));
  json last;
  if (report) {
    last["done"] = encode(*report);
  } else {
    last["error"] = problem_json(Failure{report.error(), 0, {}, {}}, request_id);
  }
  auto text = dumped(last) + "\n";
  co_return co_await sink->write(std::as_bytes(std::span(text)));
}

}  // namespace

net::Task<Response> get_footprint(Context* context, Request* request) {
  auto taken = co_await context->services.footprints.footprint();
  if (!taken) co_return problem(taken.error(), request->id);
  co_return json_response(200, encode(*taken));
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
  Response out;
  out.type = "application/x-ndjson";
  out.stream = [context, caller = *request->caller, order, id = request->id](Sink* sink) {
    return stream_prune(context, caller, order, id, sink);
  };
  co_return out;
}

}  // namespace brig::api
