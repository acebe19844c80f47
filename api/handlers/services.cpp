// Services of a mesh: deployed, looked at, called.
#include "api/json/services.hpp"

#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/json/decode.hpp"
#include "api/json/encode.hpp"
#include "net/event.hpp"

namespace brig::api {
namespace {

using nlohmann::json;

// Lines between a deployment, which goes its way, and a caller, who reads as it likes.
struct Telling {
  explicit Telling(const boost::asio::any_io_executor& executor) : changed(executor) {}
  net::Event changed;
  std::string queued;
  bool done = false;
};

using Work = std::function<net::Task<Result<service::View>>(service::Progress)>;

net::Task<Result<service::View>> carry_out(Work work, std::shared_ptr<Telling> telling) {
  auto tell = [telling](service::State state, const std::string& what) {
    json line{{"state", to_string(state)}};
    if (!what.empty()) line["what"] = what;
    telling->queued += dumped(line) + "\n";
    telling->changed.notify_all();
  };
  auto view = co_await work(tell);
  telling->done = true;
  telling->changed.notify_all();
  co_return view;
}

net::Task<Result<void>> relay(std::shared_ptr<Telling> telling, Sink* sink) {
  while (true) {
    while (telling->queued.empty() && !telling->done) co_await telling->changed.wait();
    if (telling->queued.empty()) co_return Result<void>();
    auto text = std::exchange(telling->queued, {});
    BRIG_CO_CHECK(co_await sink->write(std::as_bytes(std::span(text))));
  }
}

// What is told to the caller; the deployment itself does not end with this.
net::Task<Result<void>> stream_work(Work work, std::string request_id, Sink* sink) {
  using namespace boost::asio::experimental::awaitable_operators;
  auto telling = std::make_shared<Telling>(co_await boost::asio::this_coro::executor);
  auto [view, relayed] = co_await (carry_out(std::move(work), telling) && relay(telling, sink));
  BRIG_CO_CHECK(std::move(relayed));
  json last;
  if (view) {
    last["done"] = encode(*view);
  } else {
    last["error"] = problem_json(Failure{view.error(), 0, {}, {}}, request_id);
  }
  auto text = dumped(last) + "\n";
  co_return co_await sink->write(std::as_bytes(std::span(text)));
}

Response streamed(Work work, std::string request_id) {
  Response out;
  out.type = "application/x-ndjson";
  out.stream = [work = std::move(work), id = std::move(request_id)](Sink* sink) {
    return stream_work(work, id, sink);
  };
  return out;
}

Response shown(const Result<service::View>& view, const Request* request) {
  return view ? json_response(200, encode(*view)) : problem(view.error(), request->id);
}

}  // namespace

net::Task<Response> list_services(Context* context, Request* request) {
  auto found = context->services.deployed.list(*request->caller, request->path["mesh"]);
  if (!found) co_return problem(found.error(), request->id);
  auto out = json::array();
  for (const auto& view : *found) out.push_back(encode(view));
  co_return json_response(200, {{"services", std::move(out)}});
}

net::Task<Response> deploy_service(Context* context, Request* request) {
  auto spec = std::make_shared<service::DeploySpec>();
  {
    Body body(request->body);
    *spec = decode_deploy(body);
    wipe(request->body);
    if (body.failure()) co_return problem(*body.failure(), request->id);
  }
  auto mesh = request->path["mesh"];
  if (auto fine = context->services.deployed.check(*request->caller, mesh, *spec); !fine)
    co_return problem(fine.error(), request->id);
  Work work = [context, caller = *request->caller, mesh, spec](service::Progress progress) {
    return context->services.deployed.deploy(caller, mesh, std::move(*spec), std::move(progress));
  };
  co_return streamed(std::move(work), request->id);
}

net::Task<Response> update_service(Context* context, Request* request) {
  auto mesh = request->path["mesh"];
  auto name = request->path["name"];
  auto found = context->services.deployed.get(*request->caller, mesh, name);
  if (!found) co_return problem(found.error(), request->id);
  Work work = [context, caller = *request->caller, mesh, name](service::Progress progress) {
    return context->services.deployed.update(caller, mesh, name, std::move(progress));
  };
  co_return streamed(std::move(work), request->id);
}

net::Task<Response> get_service(Context* context, Request* request) {
  auto view = context->services.deployed.get(*request->caller, request->path["mesh"], request->path["name"]);
  co_return shown(view, request);
}

net::Task<Response> restart_service(Context* context, Request* request) {
  auto view = co_await context->services.deployed.restart(*request->caller, request->path["mesh"],
                                                          request->path["name"]);
  co_return shown(view, request);
}

net::Task<Response> stop_service(Context* context, Request* request) {
  auto view = co_await context->services.deployed.stop(*request->caller, request->path["mesh"],
                                                       request->path["name"]);
  co_return shown(view, request);
}

net::Task<Response> remove_service(Context* context, Request* request) {
  auto removed = co_await context->services.deployed.remove(*request->caller, request->path["mesh"],
                                                            request->path["name"]);
  if (!removed) co_return problem(removed.error(), request->id);
  Response out;
  out.status = 204;
  co_return out;
}

// As the server described them, byte for byte.
net::Task<Response> list_tools(Context* context, Request* request) {
  auto found =
      context->services.deployed.tools(*request->caller, request->path["mesh"], request->path["name"]);
  if (!found) co_return problem(found.error(), request->id);
  Response out;
  out.body = "{\"tools\":[";
  for (const auto& tool : *found) out.body += (out.body.back() == '[' ? "" : ",") + tool.json;
  out.body += "]}";
  co_return out;
}

// Likewise its answer, be it a result or an error of its own.
net::Task<Response> call_tool(Context* context, Request* request) {
  Body body(request->body);
  auto call = decode_call(body, request->body);
  if (body.failure()) co_return problem(*body.failure(), request->id);
  auto answer = co_await context->services.deployed.call(
      *request->caller, request->path["mesh"], request->path["name"], std::move(call.tool),
      std::move(call.arguments), Deadline::in(call.timeout));
  if (!answer) co_return problem(answer.error(), request->id);
  Response out;
  out.body = (answer->is_error ? "{\"error\":" : "{\"result\":") + answer->json + "}";
  co_return out;
}

net::Task<Response> get_service_logs(Context* context, Request* request) {
  std::optional<Failure> failure;
  auto last = query_number(*request, "last", 1, service::kLogLines, failure);
  if (failure) co_return problem(*failure, request->id);
  auto found = context->services.deployed.logs(*request->caller, request->path["mesh"], request->path["name"],
                                               static_cast<std::size_t>(last.value_or(service::kLogLines)));
  if (!found) co_return problem(found.error(), request->id);
  auto out = json::array();
  for (const auto& line : *found) out.push_back(encode(line));
  co_return json_response(200, {{"lines", std::move(out)}});
}

}  // namespace brig::api
