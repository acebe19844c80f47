#include "api/preview/proxy.hpp"

#include <sys/socket.h>

#include <array>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "api/auth/bearer.hpp"
#include "api/http/body.hpp"
#include "api/http/parser.hpp"
#include "api/http/problem.hpp"
#include "core/log.hpp"
#include "core/text.hpp"

namespace brig::api::preview {
namespace {

using namespace boost::asio::experimental::awaitable_operators;

constexpr std::size_t kChunk = 64 * 1024;
constexpr Millis kPatience{600'000};  // with a program that thinks, or a person who does
constexpr Millis kLook{2'000};
constexpr Millis kLinger{1000};

std::string_view text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The other end has closed, as far as can be told without reading.
bool has_left(int fd) {
  char byte = 0;
  return ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

}  // namespace

Proxy::Proxy(PreviewHub& hub, Stream stream) : hub_(hub), stream_(std::move(stream)) {
  hub_.proxies.insert(this);
}

Proxy::~Proxy() {
  hub_.proxies.erase(this);
}

void Proxy::cut() {
  cut_ = true;
  stream_.cancel();
  ::shutdown(stream_.fd(), SHUT_RDWR);
}

net::Task<void> Proxy::run() {
  if (stream_.is_tls()) {
    auto shaken = co_await stream_.handshake(hub_.limits.tls_time);
    if (!shaken) co_return;
  }
  for (unsigned n = 0; n < hub_.limits.requests_per_connection && !cut_; ++n) {
    bool more = co_await serve_one();
    if (!more) break;
  }
  if (!cut_) co_await stream_.linger(kLinger);
}

net::Task<bool> Proxy::fill(Millis limit) {
  auto before = buffer_.size();
  buffer_.resize(before + kChunk);
  auto read = co_await stream_.read_some(std::span<char>(buffer_).subspan(before), limit);
  buffer_.resize(before + (read ? *read : 0));
  co_return read&&* read > 0;
}

net::Task<bool> Proxy::write(std::string_view text) {
  std::array<boost::asio::const_buffer, 1> buffers{boost::asio::buffer(text)};
  auto sent = co_await stream_.write(buffers, hub_.limits.write_time);
  co_return sent.ok() && !cut_;
}

net::Task<bool> Proxy::say(int status, std::string text, std::string headers) {
  text += "\n";
  auto out = "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason_phrase(status)) +
             "\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n"
             "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n" +
             headers + "Content-Length: " + std::to_string(text.size()) + "\r\nConnection: close\r\n\r\n" +
             text;
  (void)co_await write(out);
  co_return false;
}

net::Task<bool> Proxy::serve_one() {
  RequestParser parser(kMaxHead);
  std::optional<Failure> failure;
  auto deadline = Deadline::in(hub_.limits.idle_time);
  for (bool begun = !buffer_.empty();;) {
    auto size = parser.read_head(buffer_, failure);
    if (failure) co_return co_await say(failure->status, failure->error.message);
    if (size > 0) {
      buffer_.erase(0, size);
      break;
    }
    bool more = co_await fill(deadline.left());
    if (!more) co_return false;
    if (!begun) deadline = Deadline::in(hub_.limits.head_time);
    begun = true;
  }
  auto head = parser.head();
  if (!head.target.starts_with('/') || head.method == "CONNECT" || head.method == "TRACE")
    co_return co_await say(400, "A request for a path is needed here.");
  Preview preview;
  auto in = co_await let_in(&head, &preview);
  if (!in) {
    auto refused = problem(in.error(), "");
    co_return co_await say(refused.status, in.error().message);
  }
  if (!*in) co_return false;
  if (head.upgrade && !is_websocket(head)) head.upgrade = false;
  co_return co_await exchange(head, preview);
}

// False: it has been answered already.
net::Task<Result<bool>> Proxy::let_in(Head* head, Preview* found) {
  std::string_view host = *head->find("Host");
  auto dot = host.find('.');
  std::string id(host.substr(0, dot));
  place_.host = hub_.host_of(id);
  place_.origin = hub_.scheme + "://" + place_.host;
  bool named = dot != std::string_view::npos && host == place_.host;
  Error nobody{Code::not_found, "There is no such preview; 'brig preview ls' lists yours.", "preview", false};
  if (!named) co_return nobody;
  BRIG_CO_TRY(auto preview, co_await hub_.services.previews.find(id));
  Error closed{Code::unauthenticated,
               "This preview needs the whole URL that 'brig preview' printed, or it is over.", "preview",
               false};
  bool over = !preview || preview->expires <= hub_.services.clock.wall();
  auto fits = [&](std::string_view token) { return !over && same_hash(hash_token(token), preview->hash); };
  // Whether there is one is nothing that a stranger learns.
  if (auto token = take_token(head->target)) {
    if (!fits(*token)) co_return closed;
    if (head->method != "GET" && head->method != "HEAD") {
      co_return Error{Code::invalid, "Open the URL that 'brig preview' printed with GET first.", "preview",
                      false};
    }
    auto headers = "Location: " + head->target + "\r\nSet-Cookie: " + std::string(kCookie) + "=" + *token +
                   "; Path=/; HttpOnly; SameSite=Lax" + (stream_.is_tls() ? "; Secure" : "") + "\r\n";
    co_return co_await say(303, "Come in.", std::move(headers));
  }
  bool let = false;
  if (const auto* token = head->find(kTokenHeader)) {
    let = fits(*token);
  } else {
    for (const auto& cookie : cookies_of(*head)) let = let || fits(cookie);
    if (let && is_from_elsewhere(*head, place_)) {
      co_return Error{Code::denied, "Another page asked for this; previews answer to their own pages only.",
                      "preview", false};
    }
  }
  if (!let) co_return closed;
  if (!id_.empty() && id_ != id) co_return nobody;  // one connection, one preview: so that it can be cut
  id_ = id;
  place_.port = preview->port;
  *found = *preview;
  co_return true;
}

net::Task<bool> Proxy::exchange(const Head& head, const Preview& preview) {
  session::Caller caller;
  caller.role = session::Caller::Role::user;
  caller.owner = preview.owner;
  caller.mesh = preview.mesh;
  auto connected = co_await hub_.services.reach.connect(caller, preview.session, preview.port);
  if (!connected) {
    auto why = "Port " + std::to_string(preview.port) +
               " in the session cannot be reached: " + connected.error().message;
    co_return co_await say(502, std::move(why));
  }
  auto channel = std::move(*connected);
  auto text = request_head(head, place_);
  auto sent = co_await channel->write(std::as_bytes(std::span(text)));
  if (!sent) co_return co_await say(502, "The program inside does not listen: " + sent.error().message);
  answered_ = false;
  upload_whole_ = false;
  // The one ends the other: an answer may come before the request is whole, and who leaves wants none.
  auto reply = answer(head, *channel);
  auto rest = upload(head, *channel);
  auto first = co_await (std::move(reply) || std::move(rest));
  bool whole = first.index() == 0 && std::get<0>(first);
  if (!whole && !answered_ && !cut_) co_return co_await say(502, "The program inside gave no answer.");
  co_return whole&& upload_whole_&& head.keep_alive && !head.upgrade;
}

// The request's body; then waits until the caller leaves.
net::Task<void> Proxy::upload(const Head& head, supervisor::Channel& channel) {
  auto body = head.chunked ? BodyDecoder::chunked() : BodyDecoder::of_length(head.content_length.value_or(0));
  if (head.expect_continue && head.has_body() && buffer_.empty()) {
    bool told = co_await write("HTTP/1.1 100 Continue\r\n\r\n");
    if (!told) co_return;
  }
  while (!body.done()) {
    std::string_view rest = buffer_;
    auto content = body.next(rest);
    if (body.failed()) co_return;
    std::string out(content);
    buffer_.erase(0, buffer_.size() - rest.size());
    if (head.chunked && !out.empty()) {
      std::array<char, 20> size{};
      std::snprintf(size.data(), size.size(), "%zx\r\n", out.size());
      out = size.data() + out + "\r\n";
    }
    if (head.chunked && body.done()) out += "0\r\n\r\n";
    if (!out.empty()) {
      auto sent = co_await channel.write(std::as_bytes(std::span(out)));
      if (!sent) break;  // it has heard enough: what it says is still to be passed on
    } else if (!body.done()) {
      bool more = co_await fill(kPatience);
      if (!more) co_return;
    }
  }
  upload_whole_ = body.done();
  if (head.upgrade) {
    while (true) co_await net::sleep_for(kPatience);
  }
  while (!has_left(stream_.fd())) co_await net::sleep_for(kLook);
}

net::Task<bool> Proxy::answer(const Head& head, supervisor::Channel& channel) {
  std::string text;
  Answer answer;
  while (true) {
    auto end = text.find("\r\n\r\n");
    if (end == std::string::npos && text.size() <= kMaxHead) {
      auto reading = channel.read(kChunk);
      auto read = co_await net::with_deadline(std::move(reading), Deadline::in(kPatience), "preview");
      if (!read || read->empty()) co_return false;
      text += text_of(*read);
      continue;
    }
    auto size = end == std::string::npos ? text.size() : end + 4;
    auto failure = read_answer(std::string_view(text).substr(0, size), place_, is_websocket(head), answer);
    if (failure) {
      answered_ = true;
      co_return co_await say(502, "Nothing that can be passed on: " + failure->error.message + ".");
    }
    text.erase(0, size);
    if (!answer.interim()) break;
  }
  answered_ = true;
  auto out = answer_head(answer);
  if (answer.websocket) {
    out += "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    bool sent = co_await write(out);
    if (!sent) co_return false;
    co_return co_await pass_websocket(channel, std::move(text));
  }
  bool body = answer.has_body(head.method);
  // Without a body the length is only said; without a length the answer goes on in chunks.
  if (answer.length) out += "Content-Length: " + std::to_string(*answer.length) + "\r\n";
  if (body && !answer.length) out += "Transfer-Encoding: chunked\r\n";
  if (!head.keep_alive) out += "Connection: close\r\n";
  bool sent = co_await write(out + "\r\n");
  if (!sent || !body) co_return sent;
  co_return co_await pass_body(head, answer, channel, std::move(text));
}

net::Task<bool> Proxy::pass_body(const Head&, const Answer& answer, supervisor::Channel& channel,
                                 std::string early) {
  auto body = answer.chunked  ? BodyDecoder::chunked()
              : answer.length ? BodyDecoder::of_length(*answer.length)
                              : BodyDecoder::until_end();
  bool in_chunks = !answer.length;
  std::string text = std::move(early);
  while (!body.done()) {
    std::string_view rest = text;
    auto content = body.next(rest);
    if (body.failed()) co_return false;
    if (!content.empty()) {
      std::array<char, 20> size{};
      std::snprintf(size.data(), size.size(), "%zx\r\n", content.size());
      auto out = in_chunks ? size.data() + std::string(content) + "\r\n" : std::string(content);
      bool sent = co_await write(out);
      if (!sent) co_return false;
    }
    text.erase(0, text.size() - rest.size());
    if (!content.empty() || body.done()) continue;
    auto reading = channel.read(kChunk);
    auto read = co_await net::with_deadline(std::move(reading), Deadline::in(kPatience), "preview");
    if (!read) co_return false;
    if (read->empty() && !body.end()) co_return false;
    text += text_of(*read);
  }
  if (!in_chunks) co_return true;
  co_return co_await write("0\r\n\r\n");
}

net::Task<bool> Proxy::pass_websocket(supervisor::Channel& channel, std::string early) {
  auto in = inward(channel);
  auto out = outward(channel, std::move(early));
  co_await (std::move(in) || std::move(out));
  co_return false;
}

net::Task<void> Proxy::inward(supervisor::Channel& channel) {
  while (true) {
    if (!buffer_.empty()) {
      auto sent = co_await channel.write(std::as_bytes(std::span(buffer_)));
      if (!sent) co_return;
      buffer_.clear();
    }
    bool more = co_await fill(std::chrono::hours(24 * 365));
    if (!more) co_return;
  }
}

net::Task<void> Proxy::outward(supervisor::Channel& channel, std::string early) {
  std::string text = std::move(early);
  while (true) {
    bool sent = text.empty() || co_await write(text);
    if (!sent) co_return;
    auto read = co_await channel.read(kChunk);
    if (!read || read->empty()) co_return;
    text = text_of(*read);
  }
}

}  // namespace brig::api::preview
