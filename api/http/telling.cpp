#include "api/http/telling.hpp"

#include <nlohmann/json.hpp>

#include "api/http/problem.hpp"

namespace brig::api {
namespace {

using nlohmann::json;

net::Task<Result<json>> carry_out(ToldWork work, std::shared_ptr<Telling> telling) {
  auto outcome = co_await work(telling);
  telling->done = true;
  telling->changed.notify_all();
  co_return outcome;
}

// Until it is done and its last words are written, or would be if anybody read them.
net::Task<Result<void>> relay(std::shared_ptr<Telling> telling, Sink* sink) {
  Result<void> written;
  while (true) {
    while (telling->queued.empty() && !telling->done) co_await telling->changed.wait();
    if (telling->queued.empty()) co_return written;
    auto text = std::exchange(telling->queued, {});
    if (written) written = co_await sink->write(std::as_bytes(std::span(text)));
  }
}

net::Task<Result<void>> stream(ToldWork work, std::string request_id, Sink* sink) {
  using namespace boost::asio::experimental::awaitable_operators;
  auto telling = std::make_shared<Telling>(co_await boost::asio::this_coro::executor);
  // The relay ends only after the work has, so neither is cut off by the other's end.
  auto [outcome, relayed] = co_await (carry_out(std::move(work), telling) && relay(telling, sink));
  BRIG_CO_CHECK(std::move(relayed));
  json last;
  if (outcome) {
    last["done"] = std::move(*outcome);
  } else {
    last["error"] = problem_json(Failure{outcome.error(), 0, {}, {}}, request_id);
  }
  auto text = dumped(last) + "\n";
  co_return co_await sink->write(std::as_bytes(std::span(text)));
}

}  // namespace

void Telling::tell(const json& line) {
  queued += dumped(line) + "\n";
  changed.notify_all();
}

Response told(ToldWork work, std::string request_id) {
  Response out;
  out.type = "application/x-ndjson";
  out.stream = [work = std::move(work), id = std::move(request_id)](Sink* sink) {
    return stream(work, id, sink);
  };
  return out;
}

}  // namespace brig::api
