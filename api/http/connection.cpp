#include "api/http/connection.hpp"

#include <array>

#include "api/attach/websocket.hpp"
#include "api/auth/guest.hpp"
#include "api/http/body.hpp"
#include "api/http/problem.hpp"
#include "api/http/target.hpp"
#include "core/log.hpp"
#include "core/random.hpp"
#include "core/text.hpp"

namespace brig::api {
namespace {

constexpr std::size_t kHeadChunk = 4096;
constexpr std::size_t kBodyChunk = 64 * 1024;
constexpr std::size_t kKeptBuffer = 8 * 1024;
constexpr std::size_t kUploadChunk = 256 * 1024;
constexpr Millis kUploadPause{300'000};  // without a byte of an upload
constexpr Millis kLinger{1000};

const Limits& limits_of(const Hub& hub) {
  return hub.context.limits;
}

std::string head_text(const Response& response, const std::string& request_id, bool keep_alive,
                      bool chunked) {
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " " +
                    std::string(reason_phrase(response.status)) + "\r\nX-Request-Id: " + request_id +
                    "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
  if (response.status != 204) out += "Content-Type: " + response.type + "\r\n";
  for (const auto& header : response.headers) out += header.name + ": " + header.value + "\r\n";
  if (chunked) {
    out += "Transfer-Encoding: chunked\r\n";
  } else if (response.status != 204) {
    out += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  }
  if (!keep_alive) out += "Connection: close\r\n";
  return out + "\r\n";
}

class ChunkedSink final : public Sink {
 public:
  ChunkedSink(Stream& stream, Millis limit) : stream_(stream), limit_(limit) {}

  net::Task<Result<void>> write(std::span<const std::byte> bytes) override {
    if (bytes.empty()) co_return Result<void>();
    std::array<char, 20> size{};
    auto length = std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
    std::array<boost::asio::const_buffer, 3> buffers{
        boost::asio::buffer(size.data(), static_cast<std::size_t>(length)),
        boost::asio::buffer(bytes.data(), bytes.size()), boost::asio::buffer("\r\n", 2)};
    co_return co_await stream_.write(buffers, limit_);
  }

 private:
  Stream& stream_;
  Millis limit_;
};

Failure rate_refusal(Millis wait) {
  auto seconds = std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(wait).count());
  return Failure{
      Error{Code::rate_limited, "too many requests; come again in " + std::to_string(seconds) + " s",
            "api: rate", true},
      429,
      {},
      {{"Retry-After", std::to_string(seconds)}}};
}

Failure access_refusal(const Route& route, const std::optional<session::Caller>& caller) {
  if (!caller)
    return Failure{Error{Code::unauthenticated, "credentials are needed; send Authorization: Bearer TOKEN",
                         "api: access", false},
                   401,
                   {},
                   {{"WWW-Authenticate", "Bearer realm=\"brig\""}}};
  return Failure{
      Error{Code::denied, "this needs the role " + std::string(to_string(route.access)) + " or more",
            "api: access", false},
      0,
      {},
      {}};
}

std::optional<Failure> check_media_type(const Head& head) {
  const auto* type = head.find("Content-Type");
  auto essence = type ? std::string_view(*type).substr(0, type->find(';')) : std::string_view();
  while (essence.ends_with(' ')) essence.remove_suffix(1);
  if (same_name(essence, "application/json")) return std::nullopt;
  return Failure{Error{Code::invalid, "the body must be JSON, sent with Content-Type: application/json",
                       "api: body", false},
                 415,
                 {},
                 {}};
}

}  // namespace

// The body of a request whose handler takes it as it comes. Who waits for "100 Continue" gets it when the
// handler asks for the first byte: until then it may still say no.
class Connection::Upload final : public Source {
 public:
  Upload(Connection& connection, const Head& head)
      : connection_(connection),
        decoder_(head.chunked ? BodyDecoder::chunked()
                              : BodyDecoder::of_length(head.content_length.value_or(0))),
        asked_to_go_on_(head.expect_continue) {}

  net::Task<Result<std::string_view>> read() override {
    auto& buffer = connection_.buffer_;
    buffer.erase(0, std::exchange(given_, 0));
    while (true) {
      std::string_view rest = buffer;
      auto content = decoder_.next(rest);
      if (decoder_.failed())
        co_return Error{Code::invalid, std::string("the request's body is malformed: ") + decoder_.why(),
                        "http", false};
      if (!content.empty()) {
        given_ = buffer.size() - rest.size();
        co_return content;
      }
      buffer.erase(0, buffer.size() - rest.size());
      if (decoder_.done()) co_return std::string_view();
      bool more = true;
      if (std::exchange(asked_to_go_on_, false)) more = co_await connection_.go_on();
      if (more) more = co_await connection_.fill(kUploadChunk, kUploadPause);
      if (!more) co_return broke_off();
    }
  }
  // Leaves in the buffer what comes after the body; false if the body has not been read to its end.
  bool finish() {
    connection_.buffer_.erase(0, std::exchange(given_, 0));
    return decoder_.done();
  }

 private:
  static Error broke_off() {
    return {Code::cancelled, "the request's body broke off, or nothing of it came for a long time", "http",
            true};
  }

  Connection& connection_;
  BodyDecoder decoder_;
  bool asked_to_go_on_;
  std::size_t given_ = 0;  // of the buffer: what the handler is looking at
};

Connection::Connection(Hub& hub, Stream stream, Peer peer)
    : hub_(hub),
      stream_(std::move(stream)),
      peer_(std::move(peer)),
      credential_(peer_.local || peer_.agent ? peer_.address : "") {
  hub_.connections.insert(this);
}

Connection::~Connection() {
  hub_.connections.erase(this);
  hub_.forget_connection(peer_);
}

net::Task<void> Connection::run() {
  if (stream_.is_tls()) {
    auto shaken = co_await stream_.handshake(limits_of(hub_).tls_time);
    if (!shaken) co_return;
  }
  for (unsigned n = 0; n < limits_of(hub_).requests_per_connection && !hub_.draining && !ended_; ++n) {
    phase_ = Phase::idle;
    bool more = co_await serve_one();
    if (!more) break;
  }
  if (linger_) co_await stream_.linger(kLinger);
}

void Connection::end(EndReason reason) {
  if (phase_ == Phase::request && reason == EndReason::restart)
    return;  // the loop in run() sees that we drain
  if (phase_ == Phase::conversation && end_) {
    auto tell = std::exchange(end_, nullptr);
    tell(reason);
    return;
  }
  ended_ = true;
  stream_.cancel();
}

void Connection::check_expiry(WallTime now) {
  if (expires_ && *expires_ <= now) end(EndReason::revoked);
}

// Reads more into the buffer; false at the end or when it took too long.
net::Task<bool> Connection::fill(std::size_t chunk, Millis limit) {
  auto before = buffer_.size();
  buffer_.resize(before + chunk);
  auto read = co_await stream_.read_some(std::span<char>(buffer_).subspan(before), limit);
  buffer_.resize(before + (read ? *read : 0));
  if (read && *read > 0) co_return true;
  if (read || read.error().code != Code::timeout) ended_ = true;
  co_return false;
}

net::Task<std::optional<Failure>> Connection::read_head(RequestParser* parser) {
  if (buffer_.empty()) {
    if (buffer_.capacity() > kKeptBuffer) std::string().swap(buffer_);
    bool begun = co_await fill(kHeadChunk, limits_of(hub_).idle_time);
    if (!begun) {
      ended_ = true;  // nothing was asked: nothing to answer
      co_return std::nullopt;
    }
  }
  phase_ = Phase::request;
  auto deadline = Deadline::in(limits_of(hub_).head_time);
  std::optional<Failure> failure;
  for (;;) {
    auto size = parser->read_head(buffer_, failure);
    if (failure) co_return failure;
    if (size > 0) {
      buffer_.erase(0, size);
      co_return std::nullopt;
    }
    bool more = co_await fill(kHeadChunk, deadline.left());
    if (!more && !ended_)
      co_return Failure{Error{Code::timeout, "the request's head took too long", "http", true}, 408, {}, {}};
    if (!more) co_return std::nullopt;
  }
}

net::Task<std::optional<Failure>> Connection::read_body(RequestParser* parser, std::size_t limit) {
  auto deadline = Deadline::in(limits_of(hub_).body_time);
  std::optional<Failure> failure;
  for (;;) {
    auto consumed = parser->read_body(buffer_, limit, failure);
    if (failure) co_return failure;
    buffer_.erase(0, consumed);
    if (parser->done()) co_return std::nullopt;
    bool more = co_await fill(kBodyChunk, deadline.left());
    if (!more && !ended_)
      co_return Failure{Error{Code::timeout, "the request's body took too long", "http", true}, 408, {}, {}};
    if (!more) co_return std::nullopt;
  }
}

std::optional<Failure> Connection::take_turn(const std::string& who) {
  auto wait = hub_.rate.take(who, hub_.context.services.clock.steady());
  if (!wait) return std::nullopt;
  return rate_refusal(*wait);
}

// Who asks, for what, and whether they may.
net::Task<std::optional<Failure>> Connection::authorize(Request* request, const Route** route) {
  // Who is refused has asked too, and pays for it.
  auto failure = peer_.agent   ? check_guest(request->head)
                 : peer_.local ? check_local_origin(request->head)
                               : hub_.hosts->check(request->head);
  request->caller = peer_.agent;
  if (!failure && !peer_.agent) {
    auto admission = co_await hub_.authenticator.admit(&peer_, &request->head);
    failure = std::move(admission.failure);
    request->caller = std::move(admission.caller);
    request->credential_expires = admission.expires;
  }
  // An agent has a rate of its own, so that it does not use up that of whoever started it.
  bool known_owner = request->caller && !peer_.agent;
  if (auto wait = take_turn(known_owner ? request->caller->owner : peer_.address)) co_return wait;
  if (failure) co_return failure;

  Target target;
  failure = parse_target(request->head.target, target);
  if (!failure && peer_.agent) failure = lead_guest(peer_.agent->mesh, target.segments);
  if (failure) co_return failure;
  Match found;
  failure = match(routes(), request->head.method, target.segments, found);
  bool known = found.route != nullptr;
  Route nowhere{};
  nowhere.access = Access::viewer;  // strangers learn nothing of which paths there are
  const Route& wanted = known ? *found.route : nowhere;
  if (!allows(wanted.access, request->caller)) co_return access_refusal(wanted, request->caller);
  if (failure) co_return failure;
  failure = check_query(wanted, target.query);
  if (failure) co_return failure;
  request->path = std::move(found.path);
  request->query = std::move(target.query);
  *route = found.route;
  co_return std::nullopt;
}

net::Task<bool> Connection::go_on() {
  std::array<boost::asio::const_buffer, 1> text{
      boost::asio::buffer(std::string_view("HTTP/1.1 100 Continue\r\n\r\n"))};
  auto sent = co_await stream_.write(text, limits_of(hub_).write_time);
  co_return sent.ok();
}

net::Task<bool> Connection::serve_one() {
  auto parser = std::make_unique<RequestParser>(limits_of(hub_).head_bytes);
  Request request;
  request.id = random_hex(8);
  request.gone = [this] { return stream_.until_gone(); };
  auto failure = co_await read_head(parser.get());
  if (ended_) co_return false;
  auto begun = std::chrono::steady_clock::now();
  const Route* route = nullptr;
  if (failure) {
    if (auto wait = take_turn(peer_.address)) failure = std::move(wait);
    linger_ = true;
    note(request, route, failure->status, begun);
    co_return co_await answer(&request, problem(*failure, request.id), false);
  }
  request.head = parser->head();
  bool keep_alive = request.head.keep_alive;
  failure = co_await authorize(&request, &route);
  if (request.caller) credential_ = request.caller->credential;
  expires_ = request.credential_expires;

  bool has_body = request.head.has_body();
  if (!failure && has_body && route->body_limit == 0)
    failure = Failure{Error{Code::invalid, "this request takes no body", "api: body", false}, 400, {}, {}};
  bool streamed = !failure && route->body_limit == kStreamedBody;
  std::optional<Upload> upload;
  if (streamed) request.source = &upload.emplace(*this, request.head);
  if (!failure && has_body && !streamed) failure = check_media_type(request.head);
  if (!failure && has_body && !streamed) {
    auto limit = std::min(route->body_limit, limits_of(hub_).body_bytes);
    bool fits = request.head.content_length.value_or(0) <= limit;
    if (request.head.expect_continue && fits && buffer_.empty()) {
      bool told = co_await go_on();
      if (!told) co_return false;
    }
    failure = co_await read_body(parser.get(), limit);
    if (ended_) co_return false;
    if (!failure) request.body = parser->take_body();
  }
  if (failure && has_body) {
    keep_alive = false;  // the body may still be under way, and is not a request
    linger_ = true;
  }
  parser.reset();

  Response response;
  if (failure) {
    response = problem(*failure, request.id);
  } else {
    response = co_await route->handler(&hub_.context, &request);
  }
  if (upload && !upload->finish()) {
    keep_alive = false;
    linger_ = true;
  }
  note(request, route, response.upgrade ? 101 : response.status, begun);
  if (response.upgrade) {
    co_await become_websocket(&request, std::move(response));
    co_return false;
  }
  co_return co_await answer(&request, std::move(response), keep_alive && !hub_.draining);
}

net::Task<bool> Connection::answer(Request* request, Response response, bool keep_alive) {
  if (response.stream) co_return co_await stream_answer(request, std::move(response));
  auto head = head_text(response, request->id, keep_alive, false);
  std::array<boost::asio::const_buffer, 2> buffers{boost::asio::buffer(head),
                                                   boost::asio::buffer(response.body)};
  auto sent = co_await stream_.write(buffers, limits_of(hub_).write_time);
  if (!keep_alive) linger_ = true;
  co_return sent.ok() && keep_alive;
}

// Returns when the caller has gone, or was told to.
net::Task<void> Connection::watch_for_the_end() {
  std::array<char, 512> scratch{};
  for (std::size_t total = 0; total < limits_of(hub_).head_bytes;) {
    auto read = co_await stream_.read_some(scratch, std::chrono::hours(24 * 365));
    if (!read || *read == 0) break;
    total += *read;
  }
}

net::Task<bool> Connection::stream_answer(Request* request, Response response) {
  using namespace boost::asio::experimental::awaitable_operators;
  auto head = head_text(response, request->id, false, true);
  std::array<boost::asio::const_buffer, 1> buffers{boost::asio::buffer(head)};
  auto sent = co_await stream_.write(buffers, limits_of(hub_).write_time);
  if (!sent) co_return false;
  phase_ = Phase::conversation;
  ChunkedSink sink(stream_, limits_of(hub_).write_time);
  auto write = response.stream(&sink);
  auto first = co_await (std::move(write) || watch_for_the_end());
  if (first.index() != 0 || !std::get<0>(first)) co_return false;
  std::array<boost::asio::const_buffer, 1> last{boost::asio::buffer(std::string_view("0\r\n\r\n"))};
  sent = co_await stream_.write(last, limits_of(hub_).write_time);
  linger_ = sent.ok();
  co_return false;
}

net::Task<void> Connection::become_websocket(Request* request, Response response) {
  if (!buffer_.empty()) co_return;  // they spoke before the switch: not a WebSocket client
  std::string().swap(buffer_);
  phase_ = Phase::conversation;
  WebSocket socket(stream_);
  auto accepted = co_await socket.accept(&request->head, response.protocol, request->id);
  if (!accepted) co_return;
  co_await response.upgrade(&socket, this);
}

void Connection::note(const Request& request, const Route* route, int status, SteadyTime begun) {
  auto took = std::chrono::steady_clock::now() - begun;
  auto& answered = hub_.answered(route, status);
  answered.count.add();
  answered.seconds.observe(std::chrono::duration<double>(took).count());
  // What agents ask is in their sessions' accounts, and no agent fills the log.
  bool reads = peer_.agent || (request.head.method == "GET" && status < 400);
  log::write(reads ? log::Level::debug : log::Level::info, "request",
             {{"request", request.id},
              {"method", request.head.method},
              {"path", std::string_view(request.head.target).substr(0, request.head.target.find('?'))},
              {"status", status},
              {"caller", request.caller && !peer_.agent ? request.caller->owner : peer_.address},
              {"ms", std::chrono::duration_cast<Millis>(took).count()}});
}

}  // namespace brig::api
