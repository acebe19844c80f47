// Sessions, and what their clients send.
#include "mcp/gateway/gateway.hpp"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

#include "core/random.hpp"
#include "core/text.hpp"
#include "mcp/gateway/session.hpp"
#include "mcp/json.hpp"

namespace brig::mcp {
namespace {

using net::Task;

constexpr std::size_t kTakenBack = 64;
constexpr std::size_t kMaxCapabilities = 64 * 1'024;

// Versions whose clients take an event without data.
bool takes_opening(std::string_view version) {
  return version == "2025-11-25";
}

// These may take long, and have something to tell meanwhile; all else is answered at once.
bool is_call(std::string_view method) {
  return method == "tools/call" || method == "prompts/get" || method == "resources/read" ||
         method == "completion/complete";
}

}  // namespace

Gateway::Gateway(net::asio::any_io_executor executor, const Clock& clock, Options options)
    : executor_(executor), clock_(clock), options_(options), scope_(executor, "mcp gateway") {}

Gateway::~Gateway() = default;

Task<void> Gateway::close() {
  while (!sessions_.empty()) forget(sessions_.begin()->second);
  co_await scope_.close();
}

void Gateway::forget(SessionRef session) {
  session->ended = true;
  sessions_.erase(session->id);
  // Each may end while it is taken back.
  auto calls = session->calls;
  for (auto& [id, call] : calls) call->take_back();
  for (auto& [id, ask] : session->asks) {
    if (!ask->answer) ask->answer = Answer::error(kServerError, "the client has gone");
    ask->changed.notify_all();
  }
  for (auto& [number, stream] : session->streams) stream->finish();
  session->listening->finish();
  for (const auto& what : session->subscriptions) {
    if (!is_subscribed(sessions_, session->place.mesh, what))
      scope_.spawn(unsubscribe(session, what.first, what.second));
  }
}

bool Gateway::make_room(const Session& session, std::size_t bytes) {
  if (session.budget->has(bytes)) return true;
  for (auto& [id, other] : sessions_) {
    if (other->budget == session.budget) other->forget_unread_streams();
  }
  return session.budget->has(bytes);
}

Task<void> Gateway::unsubscribe(SessionRef session, std::string service, std::string uri) {
  Call call;
  call.method = "resources/unsubscribe";
  call.params = json::with_member("{}", "uri", json::literal(uri));
  (void)co_await session->backends->request(std::move(service), std::move(call));
}

std::optional<Gateway::Refusal> Gateway::admit(const Credentials& from) {
  std::vector<SessionRef> idle;
  for (const auto& [id, session] : sessions_) {
    if (session->is_idle() && clock_.steady() - session->used >= options_.idle) idle.push_back(session);
  }
  for (auto& session : idle) forget(session);
  std::size_t own = 0, all = 0;  // of its kind: agents take no place from people
  SessionRef oldest;             // of its own, that nobody uses now
  for (const auto& [id, session] : sessions_) {
    all += session->agent == from.agent;
    if (session->owner != from.owner) continue;
    ++own;
    if (session->is_idle() && (!oldest || session->used < oldest->used)) oldest = session;
  }
  auto most = from.agent ? options_.sessions_of_agent : options_.sessions_of_one;
  // Programs in a sandbox end without a word.
  if (from.agent && oldest && (own >= most || all >= options_.sessions)) {
    forget(oldest);
    --own, --all;
  }
  if (own >= most || all >= options_.sessions) {
    return Refusal{429, "there are too many sessions; end one with DELETE"};
  }
  return std::nullopt;
}

std::variant<Gateway::Refusal, SessionRef> Gateway::find(const Credentials& from) {
  if (from.session.empty()) return Refusal{400, "Mcp-Session-Id is missing; begin with initialize"};
  auto found = sessions_.find(from.session);
  // Another's is as if there were none.
  if (found == sessions_.end() || found->second->credential != from.credential ||
      found->second->place != from.place) {
    return Refusal{404, "there is no such session, or no more; begin anew with initialize"};
  }
  if (!from.version.empty() && !is_known_version(from.version)) {
    return Refusal{400, "MCP-Protocol-Version " + quoted(from.version) +
                            " is not one that is known here; the session's is " + found->second->version};
  }
  found->second->used = clock_.steady();
  return found->second;
}

Task<Gateway::Outcome> Gateway::initialize(Credentials from, Message message, Open open) {
  if (!from.session.empty())
    co_return Refusal{400, "initialize begins a session, so leave Mcp-Session-Id out"};
  if (auto refusal = admit(from)) co_return *refusal;
  auto own = std::find_if(sessions_.begin(), sessions_.end(),
                          [&](const auto& e) { return e.second->owner == from.owner; });
  auto most = from.agent ? options_.kept_of_agent : options_.kept_of_one;
  auto budget = own == sessions_.end() ? std::make_shared<Budget>(most) : own->second->budget;
  auto session = std::make_shared<Session>(executor_, std::move(budget));
  auto wanted = json::find_text(message.body, "protocolVersion").value_or("");
  session->version = is_known_version(wanted) ? wanted : std::string(kVersions[0]);
  session->capabilities = json::find(message.body, "capabilities").value_or("{}");
  if (session->capabilities.size() > kMaxCapabilities)
    co_return Refusal{400, "'capabilities' has over 64 KiB; leave out what is no capability"};
  session->owner = from.owner;
  session->credential = from.credential;
  session->agent = from.agent;
  session->place = from.place;
  auto backends = open();
  if (!backends) co_return Refusal{404, backends.error().message};
  session->backends = std::move(*backends);
  auto said = greeting(*session);
  if (said.is_error) co_return Reply{write_answer(message.id, said), {}};
  session->id = random_hex(16);
  session->used = clock_.steady();
  sessions_.emplace(session->id, session);
  co_return Reply{write_answer(message.id, said), session->id};
}

Task<Gateway::Outcome> Gateway::post(Credentials from, std::string body, Open open) {
  auto reading = read_message(body);
  if (auto* bad = std::get_if<Malformed>(&reading)) co_return Refusal{400, bad->why};
  auto message = std::get<Message>(std::move(reading));
  if (message.kind == Message::Kind::request && message.method == "initialize") {
    co_return co_await initialize(std::move(from), std::move(message), std::move(open));
  }
  auto found = find(from);
  if (auto* refusal = std::get_if<Refusal>(&found)) co_return *refusal;
  auto session = std::get<SessionRef>(found);
  if (message.kind == Message::Kind::notification) {
    take_notification(session, message);
    co_return Accepted{};
  }
  if (message.is_answer()) {
    take_answer(session, message);
    co_return Accepted{};
  }
  if (is_call(message.method)) co_return begin(session, std::move(message));
  auto nowhere = std::make_shared<InFlight>(session->budget, message.body.size());
  nowhere->stream = std::make_shared<EventStream>(executor_, 0, session->budget);
  auto id = message.id;
  auto answered =
      co_await answer(sessions_, session, std::move(message), nowhere, Deadline::in(options_.call_within));
  co_return Reply{write_answer(id, answered), {}};
}

Gateway::Outcome Gateway::begin(SessionRef session, Message message) {
  if (session->calls.size() >= options_.calls_of_one) {
    return Refusal{429, "there are too many calls in flight; wait for one to end"};
  }
  if (session->calls.contains(message.id))
    return Refusal{400, "this id is that of a call in flight; use another"};
  if (!make_room(*session, message.body.size())) {
    return Refusal{429,
                   "too much of yours waits here: answers that nobody reads, and calls in flight; read them, "
                   "wait for some to end, or end sessions with DELETE"};
  }
  auto call = std::make_shared<InFlight>(session->budget, message.body.size());
  call->stream = session->open_stream(executor_);
  session->calls.emplace(message.id, call);
  auto early = std::find(session->taken_back.begin(), session->taken_back.end(), message.id);
  if (early != session->taken_back.end()) {
    session->taken_back.erase(early);
    call->taken_back = true;
  }
  auto reader = EventStream::read(call->stream);
  scope_.spawn(serve(session, std::move(message), call));
  return Streamed{std::move(reader), takes_opening(session->version)};
}

Task<void> Gateway::serve(SessionRef session, Message message, std::shared_ptr<InFlight> call) {
  struct Leave {
    SessionRef session;
    std::shared_ptr<InFlight> call;
    std::string id;
    ~Leave() {
      session->calls.erase(id);
      call->stream->finish();
    }
  } leave{session, call, message.id};
  if (call->taken_back) co_return;
  auto answering = answer(sessions_, session, message, call, Deadline::in(options_.call_within));
  auto until_taken_back = net::asio::bind_cancellation_slot(call->answering.slot(), net::use_result);
  auto [failure, answered] = co_await net::asio::co_spawn(executor_, std::move(answering), until_taken_back);
  if (call->taken_back) co_return;
  if (failure) std::rethrow_exception(failure);
  auto line = write_answer(message.id, answered);
  auto bytes = line.size();
  if (make_room(*session, bytes) && call->stream->push(std::move(line))) co_return;
  auto error = Answer::error(kServerError, "there is no room for the answer of " + std::to_string(bytes) +
                                               " bytes: too much of yours waits here to be read");
  call->stream->push(write_answer(message.id, error));
}

void Gateway::take_answer(const SessionRef& session, const Message& message) {
  // Ours are numbers, written as write_request() writes them.
  for (auto& [number, ask] : session->asks) {
    if (std::to_string(number) != message.id || ask->answer) continue;
    ask->answer = Answer{message.kind == Message::Kind::error, message.body};
    ask->changed.notify_all();
  }
}

void Gateway::take_notification(const SessionRef& session, const Message& message) {
  const auto& method = message.method;
  if (method == "notifications/cancelled") {
    std::string id(json::find(message.body, "requestId").value_or(""));
    auto found = session->calls.find(id);
    if (found == session->calls.end()) {
      if (id.size() > kMaxId) return;  // no request's
      session->taken_back.push_back(std::move(id));
      if (session->taken_back.size() > kTakenBack) session->taken_back.pop_front();
      return;
    }
    found->second->take_back();
  } else if (method == "notifications/progress") {
    auto token = json::find(message.body, "progressToken").value_or("");
    for (const auto& [number, ask] : session->asks) {
      if (std::to_string(number) != token || ask->token.empty()) continue;
      scope_.spawn(pass_on(session, ask->service, method,
                           json::with_member(message.body, "progressToken", ask->token)));
    }
  } else if (method == "notifications/roots/list_changed") {
    auto services = session->is_of_one() ? std::vector{session->place.service} : session->backends->names();
    for (auto& service : services) scope_.spawn(pass_on(session, service, method, message.body));
  }
}

Task<void> Gateway::pass_on(SessionRef session, std::string service, std::string method, std::string params) {
  (void)co_await session->backends->notify(std::move(service), std::move(method), std::move(params));
}

std::variant<Gateway::Refusal, Gateway::Streamed> Gateway::listen(const Credentials& from,
                                                                  const std::string& last_event_id) {
  auto found = find(from);
  if (auto* refusal = std::get_if<Refusal>(&found)) return *refusal;
  auto session = std::get<SessionRef>(found);
  bool opening = takes_opening(session->version);
  if (last_event_id.empty()) return Streamed{EventStream::read(session->listening), opening};
  auto id = parse_event_id(last_event_id);
  if (!id) return Refusal{400, "Last-Event-ID " + quoted(last_event_id) + " is none of this session's"};
  auto stream = id->stream == 0 ? session->listening : nullptr;
  if (auto kept = session->streams.find(id->stream); kept != session->streams.end()) stream = kept->second;
  auto reader = stream ? EventStream::resume(stream, id->event) : std::nullopt;
  if (!reader)
    return Refusal{404, "what came after event " + quoted(last_event_id) + " is not kept any more"};
  return Streamed{std::move(*reader), opening};
}

std::optional<Gateway::Refusal> Gateway::end(const Credentials& from) {
  auto found = find(from);
  if (auto* refusal = std::get_if<Refusal>(&found)) return *refusal;
  forget(std::get<SessionRef>(found));
  return std::nullopt;
}

}  // namespace brig::mcp
