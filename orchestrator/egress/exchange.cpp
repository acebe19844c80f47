#include "egress/exchange.hpp"

#include "core/text.hpp"
#include "net/event.hpp"

namespace brig::egress {
namespace {

using init::egress::Body;
using init::egress::BodyMeter;
using namespace net::asio::experimental::awaitable_operators;

constexpr std::size_t kPiece = 16 * 1024;
// What a client may have said beyond its request while that is being answered.
constexpr std::size_t kAhead = 64 * 1024;
constexpr Millis kGoodbye{1'000};

std::string in_http(int status, const std::string& why) {
  const char* reason = status == 400 ? "Bad Request" : status == 403 ? "Forbidden" : "Bad Gateway";
  return "HTTP/1.1 " + std::to_string(status) + " " + reason +
         "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: " +
         std::to_string(why.size() + 1) + "\r\n\r\n" + why + "\n";
}

void measure(BodyMeter& meter, const MessageHead& head) {
  meter.begin(head.framing == Framing::chunked  ? Body::chunked
              : head.framing == Framing::length ? Body::length
                                                : Body::none,
              head.length);
}

}  // namespace

// One request and its answer.
struct Exchange::Turn {
  RequestHead asked;
  ResponseHead answer;
  std::vector<Injected> secrets;
  BodyMeter up;
  bool up_done = false;
  bool answered = false;  // whole, and the next may follow
  bool socket = false;    // it has become a WebSocket
};

Exchange::Exchange(net::asio::any_io_executor executor, UniqueFd near, std::unique_ptr<Outward> far,
                   Means means, std::function<bool(std::size_t)> spend)
    : Passage(executor, std::move(near), std::move(spend)),
      executor_(executor),
      means_(std::move(means)),
      host_(std::move(far)) {}

void Exchange::stop() {
  host_->stop();
}

bool Exchange::spend(std::size_t bytes) {
  if (spend_(bytes)) return true;
  cut("the session's bound on bytes is reached");
  return false;
}

// Neither side has anything more to hope for.
void Exchange::fail(std::string why) {
  if (over_) return;
  ended_.broken = true;
  ended_.cut = std::move(why);
}

net::Task<void> Exchange::refuse(int status, std::string why, bool denied) {
  if (over_) co_return;
  ended_.denied = denied;
  ended_.cut = why;
  auto text = in_http(status, "Brig: " + why);
  auto written = co_await client_->write(text);
  if (written) co_await client_->finish();
}

net::Task<Passage::Ended> Exchange::run(std::string first) {
  auto self = shared_from_this();
  bool tls = !first.empty() && first.front() == 22;
  client_ = socket_stream(near_, std::move(first));
  if (tls && means_.leaf) client_ = tls_server(std::move(client_), means_.leaf, executor_);
  auto connected = co_await host_->connect(Deadline::in(means_.connect));
  if (!connected) {
    auto why = connected.error().message;
    // The client's request is read first, or it would not hear the answer.
    RequestHead head;
    std::string ignored;
    auto reading = read_request(&head, &ignored);
    net::asio::steady_timer limit(executor_, means_.hello);
    co_await (std::move(reading) || limit.async_wait(net::use_result));
    co_await refuse(502, why, connected.error().code == Code::denied);
  } else if (!over_) {
    co_await converse();
  }
  if (!over_) {
    auto rest = hear_out();
    net::asio::steady_timer limit(executor_, kGoodbye);
    co_await (std::move(rest) || limit.async_wait(net::use_result));
  }
  over_ = true;
  host_->stop();
  co_return ended_;
}

net::Task<void> Exchange::converse() {
  // A short-circuited co_await in the condition is miscompiled.
  bool more = true;
  while (more && !over_) more = co_await one_turn();
  if (!over_ && ended_.cut.empty()) co_await client_->finish();
}

// What the client still says is thrown away, so that it hears the last answer: closing over unread bytes
// would take it back.
net::Task<void> Exchange::hear_out() {
  std::string piece(kPiece, '\0');
  while (!over_) {
    auto n = co_await client_->read(piece);
    if (!n || *n == 0) co_return;
  }
}

net::Task<HeadIs> Exchange::read_request(RequestHead* head, std::string* why) {
  while (true) {
    if (!in_.empty()) {
      auto is = read_request_head(in_, *head, *why);
      if (is != HeadIs::more) co_return is;
    }
    std::string piece(kPiece, '\0');
    auto n = co_await client_->read(piece);
    if (!n || *n == 0) {
      if (!n) fail(n.error().message);
      co_return HeadIs::more;
    }
    in_.append(piece, 0, *n);
  }
}

// Between requests a host says nothing; what it does say is that it is gone.
net::Task<void> Exchange::far_says_something() {
  char piece[256];
  auto n = co_await host_->read(piece);
  if (n && *n > 0) fail("the host spoke without being asked");
}

// False: it was the last.
net::Task<bool> Exchange::one_turn() {
  Turn turn;
  std::string why;
  auto is = HeadIs::more;
  {
    auto reading = read_request(&turn.asked, &why);
    auto gone = far_says_something();
    auto first = co_await (std::move(reading) || std::move(gone));
    if (first.index() == 1 || over_) co_return false;
    is = std::get<0>(first);
  }
  if (is == HeadIs::more) co_return false;
  if (is == HeadIs::bad) {
    co_await refuse(400, "the request cannot be passed on: " + why, true);
    co_return false;
  }
  // The views stay good: what is appended to in_ from here on goes to another string.
  std::string head_bytes = in_.substr(0, turn.asked.size);
  in_.erase(0, turn.asked.size);
  (void)read_request_head(head_bytes, turn.asked, why);
  if (auto no = means_.inspect(head_bytes); !no.empty()) {
    co_await refuse(403, no, true);
    co_return false;
  }
  auto secrets = co_await means_.secrets();
  if (!secrets) {
    co_await refuse(403, secrets.error().message, true);
    co_return false;
  }
  turn.secrets = std::move(*secrets);
  if (over_) co_return false;
  {
    Wiped out(room_for(turn.asked, turn.secrets));
    write_request(turn.asked, means_.target, turn.secrets, out);
    sent_ += head_bytes.size();
    if (!spend(head_bytes.size())) co_return false;
    auto written = co_await host_->write(out.view());
    if (!written) {
      co_await refuse(502, written.error().message, false);
      co_return false;
    }
  }
  measure(turn.up, turn.asked);
  turn.up_done = turn.up.done();
  {
    auto up = upload(&turn);
    auto down = download(&turn);
    co_await (std::move(down) || std::move(up));
  }
  if (turn.socket && !over_) {
    // Each may end while the other goes on; who never says goodbye is cut with the connection.
    auto out = pass(client_.get(), host_.get(), &sent_);
    auto back = pass(host_.get(), client_.get(), &received_);
    co_await (std::move(out) || std::move(back));
    co_return false;
  }
  co_return turn.answered&& turn.up_done && !over_;
}

// The request's body; then it watches for the client to leave.
net::Task<void> Exchange::upload(Turn* turn) {
  std::string piece(kPiece, '\0');
  while (!over_) {
    if (!turn->up_done && !in_.empty()) {
      auto size = turn->up.take(in_);
      std::string part = in_.substr(0, size);
      turn->up.advance(part);
      in_.erase(0, size);
      if (turn->up.bad()) {
        fail("the request's body is no chunked one");
        co_return;
      }
      if (auto no = look_ ? look_(part) : std::string(); !no.empty()) {
        co_await refuse(403, no, true);
        co_return;
      }
      sent_ += part.size();
      if (!spend(part.size())) co_return;
      if (!part.empty()) {
        auto written = co_await host_->write(part);
        if (!written) break;  // the answer says why, if anything does
      }
      turn->up_done = turn->up.done();
      continue;
    }
    if (in_.size() >= kAhead) break;
    auto n = co_await client_->read(piece);
    if (!n || *n == 0) {
      if (!turn->socket) fail("the client left before the answer was whole");
      co_return;
    }
    in_.append(piece, 0, *n);
  }
  // download() ends it.
  net::Event never(executor_);
  co_await never.wait();
}

net::Task<Result<void>> Exchange::read_response(Turn* turn) {
  std::string why, piece(kPiece, '\0');
  while (true) {
    auto is = back_.empty() ? HeadIs::more : read_response_head(back_, turn->asked, turn->answer, why);
    if (is == HeadIs::whole) co_return Result<void>();
    if (is == HeadIs::bad)
      co_return Error{Code::protocol, "the host's answer cannot be passed on: " + why, "egress", false};
    BRIG_CO_TRY(auto n, co_await host_->read(piece));
    if (n == 0)
      co_return Error{Code::unavailable, "the host closed the connection without an answer", "egress", false};
    back_.append(piece, 0, n);
  }
}

net::Task<void> Exchange::download(Turn* turn) {
  do {
    auto read = co_await read_response(turn);
    if (!read) {
      co_await refuse(502, read.error().message, false);
      co_return;
    }
    auto head = write_response(turn->answer, turn->asked, turn->secrets);
    back_.erase(0, turn->answer.size);
    received_ += head.size();
    if (!spend(head.size())) co_return;
    auto written = co_await client_->write(head);
    if (!written) co_return fail(written.error().message);
  } while (turn->answer.status < 200 && turn->answer.status != 101);
  if (turn->answer.status == 101) {
    turn->socket = true;
    co_return;
  }
  BodyMeter meter;
  measure(meter, turn->answer);
  bool endless = turn->answer.framing == Framing::to_the_end;
  std::string piece(kPiece, '\0');
  while (endless || !meter.done()) {
    if (back_.empty()) {
      auto n = co_await host_->read(piece);
      if (!n) co_return fail(n.error().message);
      if (*n == 0) {
        if (!endless) fail("the host closed the connection in the middle of its answer");
        break;
      }
      back_.assign(piece, 0, *n);
    }
    auto size = endless ? back_.size() : meter.take(back_);
    auto part = back_.substr(0, size);
    if (!endless) meter.advance(part);
    back_.erase(0, size);
    if (meter.bad()) co_return fail("the host's answer has no chunked body");
    received_ += part.size();
    if (!spend(part.size())) co_return;
    auto written = co_await client_->write(part);
    if (!written) co_return fail(written.error().message);
  }
  // Bytes beyond the answer would be taken for the next one's.
  turn->answered = turn->answer.keeps && turn->asked.keeps && back_.empty();
}

net::Task<void> Exchange::pass(Stream* from, Stream* to, std::uint64_t* count) {
  std::string piece(kPiece, '\0');
  auto& before = from == client_.get() ? in_ : back_;
  while (!over_) {
    std::size_t size = 0;
    if (!before.empty()) {
      piece = std::exchange(before, {});
      size = piece.size();
    } else {
      if (piece.size() < kPiece) piece.resize(kPiece);
      auto n = co_await from->read(piece);
      if (!n || *n == 0) co_return;
      size = *n;
    }
    if (auto no = look_ && from == client_.get() ? look_({piece.data(), size}) : std::string(); !no.empty()) {
      ended_.denied = true;
      ended_.cut = no;
      co_return;
    }
    *count += size;
    if (!spend(size)) co_return;
    auto written = co_await to->write(std::string_view(piece).substr(0, size));
    if (!written) co_return;
  }
}

}  // namespace brig::egress
