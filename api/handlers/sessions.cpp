#include <nlohmann/json.hpp>

#include "api/handlers/handlers.hpp"
#include "api/http/problem.hpp"
#include "api/json/decode.hpp"
#include "api/json/encode.hpp"
#include "core/text.hpp"

namespace brig::api {
namespace {

constexpr session::State kStates[] = {session::State::preparing, session::State::starting,
                                      session::State::running,   session::State::paused,
                                      session::State::ending,    session::State::ended};

session::ListFilter read_filter(const Request& request, std::optional<Failure>& failure) {
  session::ListFilter out;
  out.all = query_flag(request, "all", failure);
  auto refuse = [&](std::string field, std::string message) {
    if (!failure)
      failure = Failure{Error{Code::invalid, std::move(message), "query", false}, 0, std::move(field), {}};
  };
  for (const auto& [key, value] : request.query) {
    if (key != "label") continue;
    auto equals = value.find('=');
    if (equals == std::string::npos || equals == 0) {
      refuse("label", "label must be KEY=VALUE, not " + brig::quoted(value));
    } else if (!out.labels.emplace(value.substr(0, equals), value.substr(equals + 1)).second) {
      refuse("label", "the label " + brig::quoted(value.substr(0, equals)) + " is asked for twice");
    }
  }
  if (const auto* provider = request.parameter("provider")) out.provider = *provider;
  if (const auto* owner = request.parameter("owner")) out.owner = *owner;
  if (const auto* mesh = request.parameter("mesh")) out.mesh = *mesh;
  if (const auto* word = request.parameter("state")) {
    std::vector<std::string_view> known;
    for (auto state : kStates) {
      known.push_back(session::to_string(state));
      if (known.back() == *word) out.state = state;
    }
    if (!out.state)
      refuse("state", "state " + brig::quoted(*word) + " is unknown" + did_you_mean(*word, known) +
                          "; known are preparing, starting, running, paused, ending and ended");
    if (out.state == session::State::ended) out.all = true;
  }
  return out;
}

}  // namespace

void wipe(std::string& text) {
  ::explicit_bzero(text.data(), text.size());
  text.clear();
}

Response refused_start(Context* context, const Request* request, const Error& error) {
  Failure refused{error, 0, {}, {}};
  if (error.code == Code::rate_limited) {
    auto wait =
        std::chrono::ceil<std::chrono::seconds>(context->services.sessions.start_wait(*request->caller));
    refused.headers = {{"Retry-After", std::to_string(std::max<std::int64_t>(1, wait.count()))}};
  }
  return problem(refused, request->id);
}

net::Task<Response> list_sessions(Context* context, Request* request) {
  std::optional<Failure> failure;
  auto filter = read_filter(*request, failure);
  if (failure) co_return problem(*failure, request->id);
  auto found = co_await context->services.sessions.list(*request->caller, std::move(filter));
  if (!found) co_return problem(found.error(), request->id);
  co_return json_response(200, {{"sessions", encode_all(*found)}});
}

net::Task<void> create_into(std::optional<Result<session::View>>* made, Context* context, Request* request,
                            session::CreateSpec spec) {
  *made = co_await context->services.sessions.create(*request->caller, std::move(spec));
}

// What is cloned is for whoever waits for it.
net::Task<Result<session::View>> create_while_wanted(Context* context, Request* request,
                                                     session::CreateSpec spec) {
  using namespace boost::asio::experimental::awaitable_operators;
  bool clones = spec.git.has_value();
  std::optional<Result<session::View>> made;  // whoever is first, what was made is not forgotten
  auto create = create_into(&made, context, request, std::move(spec));
  if (clones) {
    co_await (std::move(create) || request->gone());
  } else {
    co_await std::move(create);
  }
  if (made) co_return std::move(*made);
  co_return Error{Code::cancelled, "whoever asked for it went away", "api: sessions", true};
}

net::Task<Response> create_session(Context* context, Request* request) {
  auto body = std::make_unique<Body>(request->body);
  auto spec = decode_create(*body);
  if (body->failure()) co_return problem(*body->failure(), request->id);
  body.reset();
  wipe(request->body);  // the environment may hold keys
  auto made = co_await create_while_wanted(context, request, std::move(spec));
  if (!made) co_return refused_start(context, request, made.error());
  auto out = json_response(201, encode(*made));
  out.headers.push_back({"Location", "/v1/sessions/" + made->id.str()});
  co_return out;
}

net::Task<Response> get_stats(Context* context, Request* request) {
  std::optional<Failure> failure;
  auto filter = read_filter(*request, failure);
  if (failure) co_return problem(*failure, request->id);
  auto found = co_await context->services.usages.usage(*request->caller, std::move(filter));
  if (!found) co_return problem(found.error(), request->id);
  co_return json_response(200, {{"sessions", encode_all(*found)}});
}

net::Task<Response> get_session(Context* context, Request* request) {
  auto found = co_await context->services.sessions.get(*request->caller, request->path["ref"]);
  if (!found) co_return problem(found.error(), request->id);
  co_return json_response(200, encode(*found));
}

net::Task<Response> remove_session(Context* context, Request* request) {
  std::optional<Failure> failure;
  bool force = query_flag(*request, "force", failure);
  if (failure) co_return problem(*failure, request->id);
  auto removed = co_await context->services.sessions.remove(*request->caller, request->path["ref"], force);
  if (!removed) co_return problem(removed.error(), request->id);
  Response out;
  out.status = 204;
  co_return out;
}

net::Task<Response> stop_session(Context* context, Request* request) {
  Body body(request->body, true);
  auto grace = decode_stop(body);
  if (body.failure()) co_return problem(*body.failure(), request->id);
  auto stopped = co_await context->services.sessions.stop(*request->caller, request->path["ref"], grace);
  if (!stopped) co_return problem(stopped.error(), request->id);
  co_return json_response(200, encode(*stopped));
}

net::Task<Response> pause_session(Context* context, Request* request) {
  auto paused = co_await context->services.sessions.pause(*request->caller, request->path["ref"]);
  if (!paused) co_return problem(paused.error(), request->id);
  co_return json_response(200, encode(*paused));
}

net::Task<Response> resume_session(Context* context, Request* request) {
  auto resumed = co_await context->services.sessions.resume(*request->caller, request->path["ref"]);
  if (!resumed) co_return problem(resumed.error(), request->id);
  co_return json_response(200, encode(*resumed));
}

net::Task<Response> exec_process(Context* context, Request* request) {
  auto body = std::make_unique<Body>(request->body);
  auto spec = decode_exec(*body);
  if (body->failure()) co_return problem(*body->failure(), request->id);
  body.reset();
  wipe(request->body);
  auto made =
      co_await context->services.sessions.exec(*request->caller, request->path["ref"], std::move(spec));
  if (!made) co_return problem(made.error(), request->id);
  co_return json_response(201, encode(*made));
}

net::Task<Response> signal_process(Context* context, Request* request) {
  std::optional<Failure> failure;
  auto process = path_number(*request, failure);
  if (failure) co_return problem(*failure, request->id);
  Body body(request->body);
  int number = decode_signal(body);
  if (body.failure()) co_return problem(*body.failure(), request->id);
  auto sent =
      co_await context->services.sessions.signal(*request->caller, request->path["ref"], process, number);
  if (!sent) co_return problem(sent.error(), request->id);
  Response out;
  out.status = 204;
  co_return out;
}

}  // namespace brig::api
