// The reading half: what the server says, and whom it concerns.
#include <charconv>

#include "core/text.hpp"
#include "mcp/client_impl.hpp"
#include "mcp/json.hpp"

namespace brig::mcp {
namespace {

// Requests of one server that are being answered at once.
constexpr std::size_t kMaxInbound = 64;

// Our ids and tokens; 0, which is none of them, for anything else.
std::uint64_t number_of(std::string_view text) {
  std::uint64_t out = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failed == std::errc() && end == text.data() + text.size() ? out : 0;
}

}  // namespace

net::Task<void> Client::Impl::read_all() {
  while (!ended_) {
    auto line = co_await pipe_.receive();
    if (ended_) co_return;
    if (!line) {
      end(std::move(line).error());
      observer_.on_ended(*ended_);
      co_return;
    }
    auto reading = read(*line);
    if (auto* message = std::get_if<Message>(&reading)) take(std::move(*message));
    if (auto* malformed = std::get_if<Malformed>(&reading)) take(std::move(*malformed));
    if (auto* words = std::get_if<LogLine>(&reading)) observer_.on_log(std::move(words->text));
  }
}

void Client::Impl::take(Message message) {
  switch (message.kind) {
    case Message::Kind::result:
    case Message::Kind::error:
      return take_answer(message);
    case Message::Kind::notification:
      return take_notification(message);
    case Message::Kind::request:
      return take_request(std::move(message));
  }
}

void Client::Impl::take(Malformed malformed) {
  auto call = calls_.find(number_of(malformed.answers));
  if (call != calls_.end()) {
    settle(*call->second,
           Error{malformed.too_long ? Code::too_large : Code::protocol,
                 options_.name + " gave an answer that is none: " + malformed.why, "mcp", false});
  }
  observer_.on_fault(std::move(malformed.why));
}

void Client::Impl::take_answer(const Message& message) {
  bool is_error = message.kind == Message::Kind::error;
  if (message.id.empty()) {
    auto said = json::find_text(message.body, "message").value_or("");
    observer_.on_fault("it could not read a message of ours: " + printable(said));
    return;
  }
  Answer answer{is_error, message.body};
  auto call = calls_.find(number_of(message.id));
  if (call == calls_.end() || call->second->outcome) {
    observer_.on_stray_answer(message.id, answer);
    return;
  }
  settle(*call->second, std::move(answer));
}

void Client::Impl::take_notification(const Message& message) {
  if (message.method == "notifications/progress") return take_progress(message.body);
  if (message.method != "notifications/cancelled") {
    observer_.on_notification(message.method, message.body);
    return;
  }
  auto request = json::find(message.body, "requestId");
  if (!request) return;
  auto found = inbound_.find(std::string(*request));
  if (found != inbound_.end()) found->second->take_back();
}

void Client::Impl::take_progress(const std::string& params) {
  auto token = json::find(params, "progressToken");
  if (!token) return observer_.on_fault("a progress notification has no 'progressToken'");
  auto call = calls_.find(number_of(*token));
  // One that comes after its answer is nobody's fault.
  if (call == calls_.end() || call->second->outcome || !call->second->on_progress) return;
  auto tell = call->second->on_progress;  // which may end the call
  tell(json::with_member(params, "progressToken", call->second->token));
}

void Client::Impl::take_request(Message message) {
  if (message.method == "ping") return push_now(write_answer(message.id, Answer::result("{}")));
  if (inbound_.contains(message.id)) {
    observer_.on_fault("it used the id " + printable(message.id) + " for two requests at a time");
    return;
  }
  if (inbound_.size() >= kMaxInbound) {
    auto refusal = Answer::error(
        kServerError, "there are " + std::to_string(kMaxInbound) + " requests in flight, which is the limit");
    return push_now(write_answer(message.id, refusal));
  }
  auto inbound = std::make_shared<Inbound>(executor_);
  inbound_.emplace(message.id, inbound);
  scope_.spawn(serve(std::move(message), std::move(inbound)));
}

net::Task<void> Client::Impl::serve(Message request, std::shared_ptr<Inbound> inbound) {
  using namespace net::asio::experimental::awaitable_operators;
  struct Leave {
    Impl& impl;
    const std::string& id;
    ~Leave() { impl.inbound_.erase(id); }
  } leave{*this, request.id};
  auto answering = observer_.on_request(request.method, request.body);
  auto first = co_await (std::move(answering) || inbound->wait_taken_back());
  if (first.index() == 0) push_now(write_answer(request.id, std::get<0>(first)));
}

}  // namespace brig::mcp
