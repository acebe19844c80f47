#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "egress_wire/frames.hpp"
#include "tools.hpp"

namespace brig::escape {
namespace {

constexpr std::uint16_t kProxy = 3128;

// After being let in: says it and hears what comes back.
void converse(int fd, std::string_view words, Passage& out) {
  if (words.empty()) return;
  send_all(fd, words);
  out.heard += hear_until(fd, kOutside);
}

}  // namespace

Passage by_socket(const std::string& host, std::uint16_t port, std::string_view words) {
  namespace wire = egress_wire;
  Passage out;
  int fd = dial_unix("/run/brig/egress");
  if (fd < 0) return {false, std::strerror(errno)};
  wire::Request request;
  request.kind = port ? wire::Kind::connect : wire::Kind::resolve;
  request.port = port;
  request.host = host;
  request.process = "agent";
  std::byte frame[wire::kMaxReply];
  auto size = wire::write_request(request, frame);
  send_all(fd, {reinterpret_cast<const char*>(frame), size});
  std::string in;
  while (true) {
    std::span<const std::byte> rest(reinterpret_cast<const std::byte*>(in.data()), in.size());
    wire::Reply reply;
    wire::Fault fault;
    if (wire::read_reply(rest, reply, fault) == wire::Read::frame) {
      out.let_in = reply.status == wire::Status::ok;
      out.heard = std::string(reply.message) + in.substr(in.size() - rest.size());
      break;
    }
    char piece[2048];
    auto n = ::recv(fd, piece, sizeof piece, 0);
    if (n <= 0) break;
    in.append(piece, static_cast<std::size_t>(n));
  }
  if (out.let_in) converse(fd, words, out);
  ::close(fd);
  return out;
}

Passage by_connect(const std::string& authority, std::string_view words, std::string_view headers) {
  Passage out;
  int fd = dial("127.0.0.1", kProxy);
  if (fd < 0) return {false, std::strerror(errno)};
  send_all(fd, "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n" + std::string(headers) +
                   "\r\n");
  out.heard = hear_until(fd, "\r\n\r\n");
  out.let_in = out.heard.starts_with("HTTP/1.1 200");
  if (out.let_in)
    converse(fd, words, out);
  else
    out.heard += hear(fd);
  ::close(fd);
  return out;
}

Passage by_http(const std::string& target, const std::string& host_header) {
  Passage out;
  int fd = dial("127.0.0.1", kProxy);
  if (fd < 0) return {false, std::strerror(errno)};
  send_all(fd, "GET " + target + " HTTP/1.1\r\nHost: " + host_header + "\r\nX-Word: smuggled\r\n\r\n");
  out.heard = hear_until(fd, kOutside);
  out.let_in = out.heard.find(kOutside) != std::string::npos;
  ::close(fd);
  return out;
}

Passage by_socks(const std::string& host, std::uint16_t port, std::string_view words) {
  Passage out;
  int fd = dial("127.0.0.1", kProxy);
  if (fd < 0) return {false, std::strerror(errno)};
  send_all(fd, std::string_view("\5\1\0", 3));
  char method[2] = {};
  if (::recv(fd, method, 2, MSG_WAITALL) == 2 && method[1] == 0) {
    std::string request("\5\1\0", 3);
    unsigned char raw[16];
    if (::inet_pton(AF_INET, host.c_str(), raw) == 1) {
      request += '\1' + std::string(reinterpret_cast<char*>(raw), 4);
    } else if (::inet_pton(AF_INET6, host.c_str(), raw) == 1) {
      request += '\4' + std::string(reinterpret_cast<char*>(raw), 16);
    } else {
      request += '\3';
      request += static_cast<char>(host.size());
      request += host;
    }
    request += static_cast<char>(port >> 8);
    request += static_cast<char>(port & 0xff);
    send_all(fd, request);
    char answer[10] = {};
    auto n = ::recv(fd, answer, sizeof answer, MSG_WAITALL);
    out.let_in = n == 10 && answer[1] == 0;
    out.heard = "SOCKS code " + std::to_string(answer[1]) + " ";
  }
  if (out.let_in) converse(fd, words, out);
  ::close(fd);
  return out;
}

Outcome passes(const Passage& passage) {
  if (passage.let_in || passage.heard.find(kOutside) != std::string::npos)
    return escaped("it was let in: " + passage.heard);
  return passage.heard.empty() ? refused("hung up") : refused(passage.heard);
}

Outcome arrives(const Passage& passage) {
  if (passage.heard.find(kOutside) != std::string::npos) return escaped("it arrived: " + passage.heard);
  return passage.heard.empty() ? refused("hung up") : refused(passage.heard);
}

Proof door_works() {
  return proven_by("door.good", [] {
    for (const auto& way : {by_socket("good.test", 8443, "words"), by_connect("good.test:8443", "words"),
                            by_socks("good.test", 8443, "words"), by_http("http://good.test/", "good.test"),
                            by_connect("good.test:443", client_hello({"good.test"}))})
      if (auto got = arrives(way); got.is != Outcome::Is::escaped) return broken(got.how);
    return escaped("by every way");
  });
}

Proof proven_by(const char* name, Run twin) {
  return {Proof::At::here, name, std::move(twin)};
}

Proof in_neighbour() {
  return {Proof::At::neighbour, "", {}};
}

}  // namespace brig::escape
