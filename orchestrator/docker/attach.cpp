#include <cstring>

#include "core/text.hpp"
#include "docker/errors.hpp"
#include "docker/frames.hpp"
#include "docker/groups.hpp"
#include "docker/raw_socket.hpp"
#include "docker/request.hpp"

namespace brig::docker {
namespace {

constexpr std::size_t kMaxHead = 16 * 1024;
constexpr std::size_t kReadSize = 32 * 1024;

struct Head {
  int status = 0;
  http::Headers headers;
};

std::string_view trimmed(std::string_view s) {
  while (s.starts_with(' ') || s.starts_with('\t')) s.remove_prefix(1);
  while (s.ends_with(' ') || s.ends_with('\t')) s.remove_suffix(1);
  return s;
}

// "HTTP/1.1 101 UPGRADED\r\nContent-Type: …", without the blank line.
std::optional<Head> parse_head(std::string_view text) {
  Head out;
  bool first = true;
  while (!text.empty()) {
    auto end = text.find("\r\n");
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 2);
    if (first) {
      if (!line.starts_with("HTTP/1.") || line.size() < 12 || line[8] != ' ') return std::nullopt;
      for (char c : line.substr(9, 3)) {
        if (c < '0' || c > '9') return std::nullopt;
        out.status = out.status * 10 + (c - '0');
      }
      first = false;
    } else if (auto colon = line.find(':'); colon != line.npos) {
      out.headers.add(line.substr(0, colon), trimmed(line.substr(colon + 1)));
    }
  }
  if (first) return std::nullopt;
  return out;
}

class Hijacked final : public Attachment {
 public:
  Hijacked(std::unique_ptr<RawSocket> socket, std::string early, bool frames)
      : socket_(std::move(socket)), buffer_(std::max(kReadSize, early.size())), frames_(frames) {
    std::memcpy(buffer_.data(), early.data(), early.size());
    have_ = early.size();
  }

  net::Task<Result<std::optional<Chunk>>> next() override {
    while (true) {
      if (frames_) {
        auto chunk = decoder_.next();
        if (!chunk || *chunk) co_return std::move(chunk);
      }
      if (have_ == 0) {
        auto got = co_await socket_->read(buffer_);
        if (!got) co_return std::move(got).error();
        have_ = *got;
      }
      if (have_ == 0) {
        if (!decoder_.at_boundary()) co_return nonsense("it ends in the middle of a frame", "attach");
        co_return std::optional<Chunk>();
      }
      auto bytes = std::span<const std::byte>(buffer_).first(std::exchange(have_, 0));
      if (!frames_) co_return std::optional(Chunk{Chunk::Channel::out, bytes});
      decoder_.feed({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
  }

  net::Task<Result<void>> write(std::span<const std::byte> bytes) override { return socket_->write(bytes); }
  net::Task<Result<void>> close_write() override { return socket_->close_write(); }

 private:
  std::unique_ptr<RawSocket> socket_;
  std::vector<std::byte> buffer_;
  std::size_t have_ = 0;  // read and not given to the decoder
  FrameDecoder decoder_;
  bool frames_;
};

// Reads up to the blank line; what came behind it is the stream's already.
net::Task<Result<std::pair<Head, std::string>>> read_head(RawSocket& socket, std::string what) {
  std::string text;
  std::byte piece[4096];
  while (true) {
    auto got = co_await socket.read(piece);
    if (!got) co_return std::move(got).error();
    std::size_t from = text.size() < 3 ? 0 : text.size() - 3;
    text.append(reinterpret_cast<const char*>(piece), *got);
    auto end = text.find("\r\n\r\n", from);
    if (end == text.npos) {
      if (*got == 0) co_return nonsense("it ends within its head", what);
      if (text.size() > kMaxHead) co_return nonsense("its head is too long", what);
      continue;
    }
    auto head = parse_head(std::string_view(text).substr(0, end));
    if (!head) co_return nonsense("it is not HTTP", what);
    co_return std::pair(std::move(*head), text.substr(end + 4));
  }
}

// The body of a refusal: to the end of the connection, or as much as was announced.
net::Task<std::string> read_refusal(RawSocket& socket, std::string body) {
  std::byte piece[4096];
  while (body.size() < 16 * 1024 && body.find('}') == body.npos) {
    auto got = co_await socket.read(piece);
    if (!got || *got == 0) break;
    body.append(reinterpret_cast<const char*>(piece), *got);
  }
  // In chunks or not: the message is the one object in it.
  auto begin = body.find('{');
  auto end = body.rfind('}');
  if (begin != body.npos && end != body.npos && begin < end) body = body.substr(begin, end - begin + 1);
  co_return body;
}

net::Task<Result<std::unique_ptr<Attachment>>> hijack(Transport& transport, std::string ref, std::string path,
                                                      Deadline deadline) {
  std::string what = "attach to container " + quoted(ref);
  auto connected = co_await RawSocket::connect(transport.endpoint());
  if (!connected) co_return std::move(connected).error();
  auto socket = std::move(connected).value();
  std::string host = transport.endpoint().is_unix() ? "docker" : transport.endpoint().str().substr(6);
  std::string request = "POST " + path + " HTTP/1.1\r\nHost: " + host +
                        "\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n";
  auto sent = co_await socket->write(std::as_bytes(std::span(request)));
  if (!sent) co_return std::move(sent).error();
  auto answer = co_await read_head(*socket, what);
  if (!answer) co_return std::move(answer).error();
  auto& [head, early] = *answer;
  if (head.status >= 400) {
    std::string body = co_await read_refusal(*socket, std::move(early));
    co_return refusal(head.status, body, what);
  }
  // A 200 would be a stream in one direction only.
  if (head.status != 101) {
    co_return nonsense(
        "status " + std::to_string(head.status) + " instead of 101; is there a proxy in between?", what);
  }
  std::string type(head.headers.get("content-type"));
  auto frames = co_await asks_for_frames(transport, ref, type, deadline);
  if (!frames) co_return std::move(frames).error();
  co_return std::unique_ptr<Attachment>(
      std::make_unique<Hijacked>(std::move(socket), std::move(early), *frames));
}

}  // namespace

net::Task<Result<std::unique_ptr<Attachment>>> open_attachment(Transport& transport, std::string ref,
                                                               AttachOptions options, Deadline deadline) {
  BRIG_CO_CHECK(check_ref("container", ref));
  auto spoken = co_await transport.agree(deadline);
  if (!spoken) co_return std::move(spoken).error();
  Query query(transport.versioned("/containers/" + ref + "/attach"));
  query.add("stream", "1")
      .flag("stdin", options.in)
      .flag("stdout", options.out)
      .flag("stderr", options.err)
      .flag("logs", options.logs);
  auto opened = co_await net::with_deadline(hijack(transport, ref, std::move(query).str(), deadline),
                                            deadline, "attaching to container " + quoted(ref));
  co_return std::move(opened);
}

}  // namespace brig::docker
