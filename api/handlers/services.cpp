// Services of a mesh: deployed, looked at, called.
#include "api/json/services.hpp"

#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/handlers/receive.hpp"
#include "api/http/problem.hpp"
#include "api/http/telling.hpp"
#include "api/json/decode.hpp"
#include "api/json/encode.hpp"

namespace brig::api {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxQueued = 256 * 1024;

using Work = std::function<net::Task<Result<service::View>>(service::Progress)>;

net::Task<Result<json>> carry_out(Work work, std::shared_ptr<Telling> telling) {
  // Who reads too slowly misses some of it.
  auto tell = [telling](service::State state, const std::string& what) {
    if (telling->queued.size() >= kMaxQueued) return;
    json line{{"state", to_string(state)}};
    if (!what.empty()) line["what"] = what;
    telling->tell(line);
  };
  BRIG_CO_TRY(auto view, co_await work(tell));
  co_return encode(view);
}

// What is told to the caller; the deployment itself does not end with this.
Response streamed(Work work, std::string request_id) {
  auto carry = [work = std::move(work)](std::shared_ptr<Telling> telling) {
    return carry_out(work, std::move(telling));
  };
  return told(std::move(carry), std::move(request_id));
}

Response shown(const Result<service::View>& view, const Request* request) {
  return view ? json_response(200, encode(*view)) : problem(view.error(), request->id);
}

Response refused(const Error& error, Millis wait, const Request* request) {
  Failure failure{error, 0, {}, {}};
  if (error.code == Code::rate_limited) {
    auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
    failure.headers = {{"Retry-After", std::to_string(std::max<std::int64_t>(1, seconds))}};
  }
  return problem(failure, request->id);
}

}  // namespace

net::Task<Response> list_services(Context* context, Request* request) {
  auto found = context->services.deployed.list(*request->caller, request->path["mesh"]);
  if (!found) co_return problem(found.error(), request->id);
  auto out = json::array();
  for (const auto& view : *found) out.push_back(encode(view));
  co_return json_response(200, {{"services", std::move(out)}});
}

net::Task<Response> upload_bundle(Context* context, Request* request) {
  auto upload = co_await context->services.deployed.upload(*request->caller, request->path["mesh"]);
  if (!upload) co_return problem(upload.error(), request->id);
  auto received = co_await receive(upload->get(), request->source);
  if (!received) co_return problem(received.error(), request->id);
  auto done = co_await (*upload)->finish();
  if (!done) co_return problem(done.error(), request->id);
  co_return json_response(201, {{"file_id", done->id}, {"bytes", done->bytes}});
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
    co_return refused(fine.error(), context->services.deployed.wait_to_deploy(*request->caller, mesh),
                      request);
  Work work = [context, caller = *request->caller, mesh, spec](service::Progress progress) {
    return context->services.deployed.deploy(caller, mesh, std::move(*spec), std::move(progress));
  };
  co_return streamed(std::move(work), request->id);
}

net::Task<Response> update_service(Context* context, Request* request) {
  auto mesh = request->path["mesh"];
  auto name = request->path["name"];
  if (auto fine = context->services.deployed.check_update(*request->caller, mesh, name); !fine)
    co_return refused(fine.error(), context->services.deployed.wait_to_deploy(*request->caller, mesh),
                      request);
  Work work = [context, caller = *request->caller, mesh, name](service::Progress progress) {
    return context->services.deployed.update(caller, mesh, name, std::move(progress));
  };
  co_return streamed(std::move(work), request->id);
}

net::Task<Response> rollback_service(Context* context, Request* request) {
  std::optional<std::uint64_t> number;
  if (!request->body.empty()) {
    Body body(request->body);
    number = decode_rollback(body);
    if (body.failure()) co_return problem(*body.failure(), request->id);
  }
  auto mesh = request->path["mesh"];
  auto name = request->path["name"];
  if (auto fine = context->services.deployed.check_rollback(*request->caller, mesh, name, number); !fine)
    co_return refused(fine.error(), context->services.deployed.wait_to_deploy(*request->caller, mesh),
                      request);
  Work work = [context, caller = *request->caller, mesh, name, number](service::Progress progress) {
    return context->services.deployed.rollback(caller, mesh, name, number, std::move(progress));
  };
  co_return streamed(std::move(work), request->id);
}

net::Task<Response> get_service(Context* context, Request* request) {
  auto view = context->services.deployed.get(*request->caller, request->path["mesh"], request->path["name"]);
  co_return shown(view, request);
}

net::Task<Response> get_scope(Context* context, Request* request) {
  auto view = context->services.deployed.get(*request->caller, request->path["mesh"], request->path["name"]);
  if (!view) co_return problem(view.error(), request->id);
  co_return json_response(200, {{"scope", encode(view->scope)}});
}

net::Task<Response> put_scope(Context* context, Request* request) {
  Body body(request->body);
  auto scope = decode_scope(body);
  if (body.failure()) co_return problem(*body.failure(), request->id);
  auto view = co_await context->services.deployed.set_scope(*request->caller, request->path["mesh"],
                                                            request->path["name"], std::move(scope));
  if (!view) co_return problem(view.error(), request->id);
  co_return json_response(200, {{"scope", encode(view->scope)}});
}

using Change = net::Task<Result<service::View>> (service::Services::*)(session::Caller, std::string,
                                                                       std::string);

// One that counts among the deployments of a minute.
net::Task<Response> change_at_a_rate(Context* context, Request* request, Change change) {
  auto& services = context->services.deployed;
  auto mesh = request->path["mesh"];
  auto name = request->path["name"];
  if (auto fine = services.check_restart(*request->caller, mesh, name); !fine)
    co_return refused(fine.error(), services.wait_to_deploy(*request->caller, mesh), request);
  auto view = co_await (services.*change)(*request->caller, mesh, name);
  co_return shown(view, request);
}

net::Task<Response> restart_service(Context* context, Request* request) {
  return change_at_a_rate(context, request, &service::Services::restart);
}

net::Task<Response> stop_service(Context* context, Request* request) {
  auto view = co_await context->services.deployed.stop(*request->caller, request->path["mesh"],
                                                       request->path["name"]);
  co_return shown(view, request);
}

net::Task<Response> pause_service(Context* context, Request* request) {
  return change_at_a_rate(context, request, &service::Services::pause);
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
  if (!answer) {
    auto wait = context->services.deployed.wait_to_call(*request->caller, request->path["mesh"]);
    co_return refused(answer.error(), wait, request);
  }
  Response out;
  out.body = (answer->is_error ? "{\"error\":" : "{\"result\":") + answer->json + "}";
  co_return out;
}

namespace {

// Until the service ends, or whoever reads does.
net::Task<Result<void>> write_lines(std::shared_ptr<service::LogReader> reader, std::string request_id,
                                    Sink* sink) {
  while (true) {
    auto lines = co_await reader->next();
    std::string text;
    if (!lines) {
      text = dumped({{"error", problem_json(Failure{lines.error(), 0, {}, {}}, request_id)}}) + "\n";
    } else {
      for (const auto& line : *lines) text += dumped(encode(line)) + "\n";
    }
    if (text.empty()) co_return Result<void>();
    BRIG_CO_CHECK(co_await sink->write(std::as_bytes(std::span(text))));
    if (!lines) co_return Result<void>();
  }
}

}  // namespace

net::Task<Response> get_service_logs(Context* context, Request* request) {
  std::optional<Failure> failure;
  auto last = query_number(*request, "last", 1, service::kLogLines, failure);
  auto follow = query_flag(*request, "follow", failure);
  if (failure) co_return problem(*failure, request->id);
  if (follow) {
    auto reader =
        context->services.deployed.follow_logs(*request->caller, request->path["mesh"], request->path["name"],
                                               static_cast<std::size_t>(last.value_or(service::kLogLines)));
    if (!reader) co_return problem(reader.error(), request->id);
    Response out;
    out.type = "application/x-ndjson";
    std::shared_ptr<service::LogReader> shared = std::move(*reader);
    out.stream = [shared, id = request->id](Sink* sink) { return write_lines(shared, id, sink); };
    co_return out;
  }
  auto found = context->services.deployed.logs(*request->caller, request->path["mesh"], request->path["name"],
                                               static_cast<std::size_t>(last.value_or(service::kLogLines)));
  if (!found) co_return problem(found.error(), request->id);
  auto out = json::array();
  for (const auto& line : *found) out.push_back(encode(line));
  co_return json_response(200, {{"lines", std::move(out)}});
}

}  // namespace brig::api
