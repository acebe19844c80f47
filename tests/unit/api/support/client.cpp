#include <arpa/inet.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <charconv>
#include <cstring>

#include "api/http/message.hpp"
#include "core/random.hpp"
#include "support/server.hpp"

namespace brig::api::test {
namespace {

constexpr timeval kLimit{30, 0};

UniqueFd connect_unix(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fd.reset();
  return fd;
}

}  // namespace

struct Client::Impl {
  UniqueFd fd;
  SSL_CTX* context = nullptr;
  SSL* ssl = nullptr;
  std::string buffer;

  explicit Impl(UniqueFd f) : fd(std::move(f)) {
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kLimit, sizeof kLimit);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kLimit, sizeof kLimit);
  }
  ~Impl() {
    if (ssl) SSL_free(ssl);
    if (context) SSL_CTX_free(context);
  }

  // Into the buffer; false at the end.
  bool fill() {
    char chunk[65536];
    ssize_t n = 0;
    if (ssl) {
      n = SSL_read(ssl, chunk, sizeof chunk);
    } else {
      n = ::recv(fd.get(), chunk, sizeof chunk, 0);
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) ADD_FAILURE() << "nothing came for a long time";
    }
    if (n <= 0) return false;
    buffer.append(chunk, static_cast<std::size_t>(n));
    return true;
  }
};

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::Client(Client&&) noexcept = default;
Client::~Client() = default;

Client Client::local(const TestServer& server) {
  return Client(std::make_unique<Impl>(connect_unix(server.socket_path())));
}

Client Client::local_as(const TestServer& server, uid_t uid, gid_t gid, std::vector<gid_t> groups) {
  UniqueFd fd;
  // The raw calls change one thread only, and it ends here.
  std::thread([&] {
    ::syscall(SYS_setgroups, groups.size(), groups.data());
    ::syscall(SYS_setresgid, gid, gid, gid);
    ::syscall(SYS_setresuid, uid, uid, uid);
    fd = connect_unix(server.socket_path());
  }).join();
  return Client(std::make_unique<Impl>(std::move(fd)));
}

Client Client::tls(const TestServer& server) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(server.server->tcp_port());
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  auto impl = std::make_unique<Impl>(std::move(fd));
  impl->context = SSL_CTX_new(TLS_client_method());
  impl->ssl = SSL_new(impl->context);
  SSL_set_fd(impl->ssl, impl->fd.get());
  SSL_connect(impl->ssl);
  return Client(std::move(impl));
}

Client Client::agent(TestServer& server, session::Caller who) {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  UniqueFd theirs(ends[1]);
  server.on_loop([&] { server.server->meet_agent(std::move(theirs), std::move(who)); });
  return Client(std::make_unique<Impl>(UniqueFd(ends[0])));
}

bool Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = impl_->ssl ? SSL_write(impl_->ssl, bytes.data(), static_cast<int>(bytes.size()))
                           : ::send(impl_->fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::string Client::receive(std::size_t max) {
  if (impl_->buffer.empty()) impl_->fill();
  auto out = impl_->buffer.substr(0, max);
  impl_->buffer.erase(0, out.size());
  return out;
}

std::string Client::receive_exactly(std::size_t n) {
  while (impl_->buffer.size() < n && impl_->fill()) {
  }
  auto out = impl_->buffer.substr(0, n);
  impl_->buffer.erase(0, out.size());
  return out;
}

std::string Answer::header(std::string_view name) const {
  std::size_t at = 0;
  while (at < head.size()) {
    auto end = head.find("\r\n", at);
    auto line = std::string_view(head).substr(at, end - at);
    auto colon = line.find(": ");
    if (colon != line.npos && same_name(line.substr(0, colon), name))
      return std::string(line.substr(colon + 2));
    at = end + 2;
  }
  return {};
}

Answer Client::answer() {
  Answer out;
  auto& buffer = impl_->buffer;
  std::size_t end = 0;
  while ((end = buffer.find("\r\n\r\n")) == std::string::npos)
    if (!impl_->fill()) return out;
  out.head = receive_exactly(end + 4);
  out.status = std::atoi(out.head.c_str() + 9);
  if (out.status == 100) return answer();
  auto length = out.header("Content-Length");
  if (!length.empty()) {
    out.body = receive_exactly(std::strtoull(length.c_str(), nullptr, 10));
    out.complete = out.body.size() == std::strtoull(length.c_str(), nullptr, 10);
  } else if (out.header("Transfer-Encoding") == "chunked") {
    for (;;) {
      while ((end = buffer.find("\r\n")) == std::string::npos)
        if (!impl_->fill()) return out;
      auto size = std::strtoull(receive_exactly(end + 2).c_str(), nullptr, 16);
      auto chunk = receive_exactly(size + 2);
      if (chunk.size() < size + 2) return out;
      if (size == 0) break;
      out.body.append(chunk, 0, size);
    }
    out.complete = true;
  } else {
    out.complete = true;
  }
  return out;
}

Answer Client::ask(std::string_view method, std::string_view target, std::string_view body,
                   std::string_view headers) {
  std::string text = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" +
                     std::string(headers);
  if (!body.empty())
    text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  send(text + "\r\n" + std::string(body));
  return answer();
}

bool Client::at_end() {
  return impl_->buffer.empty() && !impl_->fill();
}
void Client::shutdown_write() {
  ::shutdown(impl_->fd.get(), SHUT_WR);
}
void Client::say_goodbye() {
  SSL_shutdown(impl_->ssl);
}
void Client::drop() {
  impl_->fd.reset();
}
int Client::fd() const {
  return impl_->fd.get();
}

std::string Client::peer_fingerprint() const {
  auto* certificate = SSL_get1_peer_certificate(impl_->ssl);
  std::array<unsigned char, 32> digest{};
  X509_digest(certificate, EVP_sha256(), digest.data(), nullptr);
  X509_free(certificate);
  return hex(digest);
}

WsClient::WsClient(Client c, const std::string& target, std::string_view headers, std::string_view protocol)
    : client(std::move(c)) {
  client.send("GET " + target +
              " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: "
              "Upgrade\r\nSec-WebSocket-Version: 13\r\n"
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: " +
              std::string(protocol) + "\r\n" + std::string(headers) + "\r\n");
  handshake = client.answer();
}

void WsClient::send_frame(int opcode, std::string_view payload, bool masked) {
  std::string out(1, static_cast<char>(0x80 | opcode));
  auto bit = static_cast<char>(masked ? 0x80 : 0);
  if (payload.size() < 126) {
    out += static_cast<char>(bit | static_cast<char>(payload.size()));
  } else if (payload.size() < 65536) {
    out += static_cast<char>(bit | 126);
    for (int shift : {8, 0}) out += static_cast<char>(payload.size() >> shift);
  } else {
    out += static_cast<char>(bit | 127);
    for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(payload.size() >> shift);
  }
  const char key[] = {'\x12', '\x34', '\x56', '\x78'};
  if (masked) out.append(key, 4);
  for (std::size_t i = 0; i < payload.size(); ++i)
    out += masked ? static_cast<char>(payload[i] ^ key[i % 4]) : payload[i];
  client.send(out);
}

void WsClient::send_input(std::uint64_t offset, std::string_view bytes) {
  std::string out(1, '\0');
  for (int i = 0; i < 8; ++i) out += static_cast<char>(offset >> (8 * i));
  send_frame(2, out + std::string(bytes));
}

Frame WsClient::next() {
  for (;;) {
    Frame out;
    auto head = client.receive_exactly(2);
    if (head.size() < 2) return {-1, {}};
    out.opcode = head[0] & 0x0F;
    std::size_t size = head[1] & 0x7F;
    if (size >= 126) {
      auto bytes = client.receive_exactly(size == 126 ? 2 : 8);
      size = 0;
      for (char c : bytes) size = size << 8 | static_cast<unsigned char>(c);
    }
    out.payload = client.receive_exactly(size);
    if (out.payload.size() < size) return {-1, {}};
    if (out.opcode == 9) {
      ++pings;
      if (!silent) send_frame(10, out.payload);
      continue;
    }
    if (out.opcode == 10) continue;
    if (out.opcode == 8) send_frame(8, out.payload);
    return out;
  }
}

nlohmann::json WsClient::next_json() {
  auto frame = next();
  EXPECT_EQ(frame.opcode, 1);
  return nlohmann::json::parse(frame.payload, nullptr, false);
}

Frame WsClient::next_output(std::uint64_t& offset, int& kind) {
  auto frame = next();
  EXPECT_EQ(frame.opcode, 2);
  if (frame.opcode != 2 || frame.payload.size() < 9) return frame;
  kind = frame.payload[0];
  offset = 0;
  for (std::size_t i = 8; i >= 1; --i) offset = offset << 8 | static_cast<unsigned char>(frame.payload[i]);
  frame.payload.erase(0, 9);
  return frame;
}

}  // namespace brig::api::test
