// Being let in for one host and meaning another. good.test is allowed on 80 and 443, for TLS and HTTP:
// nothing is passed on before the client has said whom it means.
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "agent/tools.hpp"

namespace brig::escape {
namespace {

constexpr const char* kSameName = "the name in the first words must be the name that was asked for";

Outcome says(std::string_view words, std::uint16_t port = 443) {
  asked("good.test", port);
  return arrives(by_socket("good.test", port, words));
}

std::string request(const std::string& lines) {
  return lines + "X-Word: smuggled\r\n\r\n";
}

}  // namespace

ATTEMPT(disagreement, other_server_name, kSameName, door_works()) {
  return says(client_hello({"evil.test"}));
}
ATTEMPT(disagreement, no_server_name, "a ClientHello without a name could be for anybody", door_works()) {
  return says(client_hello({}));
}
ATTEMPT(disagreement, two_server_names, "one name: two readers could take different ones", door_works()) {
  return says(client_hello({"good.test", "evil.test"}));
}
ATTEMPT(disagreement, server_name_with_nul, kSameName, door_works()) {
  return says(client_hello({std::string("good.test\0.evil.test", 20)}));
}
ATTEMPT(disagreement, server_name_that_is_longer, kSameName, door_works()) {
  return says(client_hello({"good.test.evil.test"}));
}
ATTEMPT(disagreement, server_name_that_ends_alike, kSameName, door_works()) {
  return says(client_hello({"evilgood.test"}));
}
ATTEMPT(disagreement, hello_in_pieces, "what is read is what is passed on, in however many pieces it came",
        door_works()) {
  asked("good.test", 443);
  int fd = dial("127.0.0.1", 3128);
  if (fd < 0) return broken("no proxy");
  send_all(fd, "CONNECT good.test:443 HTTP/1.1\r\nHost: good.test\r\n\r\n");
  if (hear_until(fd, "\r\n\r\n").find("200") == std::string::npos) return broken("not let in");
  for (char c : client_hello({"evil.test"})) send_all(fd, {&c, 1});
  auto heard = hear_until(fd, kOutside);
  ::close(fd);
  return arrives({true, heard});
}
ATTEMPT(disagreement, hello_in_many_records, "records are put together before they are read", door_works()) {
  auto hello = client_hello({"evil.test"}).substr(5);
  std::string out;
  for (std::size_t at = 0; at < hello.size(); at += 7) {
    auto piece = hello.substr(at, 7);
    out += std::string("\x16\3\1\0", 4) + static_cast<char>(piece.size()) + piece;
  }
  return says(out);
}
ATTEMPT(disagreement, endless_hello, "a hello has a bound", door_works()) {
  std::string out("\x16\3\1\x40\0\1\x7f\xff\xff", 9);
  out.resize(100'000, 'x');
  out += kSmuggled;
  return says(out);
}
ATTEMPT(disagreement, old_hello, "SSL 2 has no server name", door_works()) {
  return says(std::string("\x80\x2e\1\3\1\0\x15\0\0\0\x10", 11) + std::string(40, 's') + "smuggled");
}
ATTEMPT(disagreement, ssh_on_443, "a rule without tcp:// is for TLS and HTTP", door_works()) {
  return says("SSH-2.0-smuggled\r\n");
}
ATTEMPT(disagreement, nothing_known, "a rule without tcp:// is for TLS and HTTP", door_works()) {
  return says(std::string("\0\0\0\x7fsmuggled", 12));
}
ATTEMPT(disagreement, other_host_header, kSameName, door_works()) {
  return says(request("GET / HTTP/1.1\r\nHost: evil.test\r\n"), 80);
}
ATTEMPT(disagreement, two_host_headers, "one Host: two readers could take different ones", door_works()) {
  return says(request("GET / HTTP/1.1\r\nHost: good.test\r\nHost: evil.test\r\n"), 80);
}
ATTEMPT(disagreement, no_host_header, "without Host nobody can tell whom it is for", door_works()) {
  return says(request("GET / HTTP/1.0\r\n"), 80);
}
ATTEMPT(disagreement, folded_host_header, "folded lines are read in two ways", door_works()) {
  return says(request("GET / HTTP/1.1\r\nX: y\r\n Host: good.test\r\nHost: evil.test\r\n"), 80);
}
ATTEMPT(disagreement, host_behind_bare_line_feed, "lines end with CRLF and nothing else", door_works()) {
  return says(request("GET / HTTP/1.1\r\nX: y\nHost: evil.test\r\nHost: good.test\r\n"), 80);
}
ATTEMPT(disagreement, host_with_space_before_colon, "a header's name is a token", door_works()) {
  return says(request("GET / HTTP/1.1\r\nHost : evil.test\r\nHost: good.test\r\n"), 80);
}
ATTEMPT(disagreement, host_with_userinfo, kSameName, door_works()) {
  return says(request("GET / HTTP/1.1\r\nHost: good.test@evil.test\r\n"), 80);
}
ATTEMPT(disagreement, host_with_other_port, kSameName, door_works()) {
  return says(request("GET / HTTP/1.1\r\nHost: good.test:8080\r\n"), 80);
}
ATTEMPT(disagreement, absolute_target, "a target with a host in it is meant for another proxy",
        door_works()) {
  return says(request("GET http://evil.test/ HTTP/1.1\r\nHost: good.test\r\n"), 80);
}
ATTEMPT(disagreement, connect_through_an_allowed_host, "CONNECT asks the other end to go on to anywhere",
        door_works()) {
  return says(request("CONNECT evil.test:443 HTTP/1.1\r\nHost: good.test\r\n"), 80);
}
ATTEMPT(disagreement, http2_in_clear, "its host cannot be seen", door_works()) {
  return says("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nsmuggled", 80);
}
ATTEMPT(disagreement, http_upon_https_port, kSameName, door_works()) {
  return says(request("GET / HTTP/1.1\r\nHost: evil.test\r\n"), 443);
}
ATTEMPT(disagreement, proxy_target_and_header, "the proxy inside sends on one Host, that of the target",
        door_works()) {
  auto got = by_http("http://good.test/", "evil.test");
  return got.heard.find("evil.test") != std::string::npos && got.let_in ? escaped(got.heard)
                                                                        : refused(got.heard);
}
ATTEMPT(disagreement, second_request_by_proxy, "the proxy inside carries one request a connection",
        door_works()) {
  int fd = dial("127.0.0.1", 3128);
  if (fd < 0) return broken("no proxy");
  send_all(fd,
           "GET http://good.test/ HTTP/1.1\r\nHost: good.test\r\n\r\n"
           "GET http://evil.test/ HTTP/1.1\r\nHost: evil.test\r\nX-Word: smuggled\r\n\r\n");
  auto heard = hear_until(fd, kOutside);
  timeval moment{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment);
  heard += hear(fd);
  ::close(fd);
  return heard.find("smuggled") != std::string::npos ? escaped(heard) : refused(heard);
}
ATTEMPT(disagreement, request_smuggled_by_two_lengths, "one length: two readers could take different ones",
        door_works()) {
  int fd = dial("127.0.0.1", 3128);
  if (fd < 0) return broken("no proxy");
  send_all(fd,
           "POST http://good.test/ HTTP/1.1\r\nHost: good.test\r\nContent-Length: 4\r\nTransfer-Encoding: "
           "chunked\r\n\r\n"
           "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: evil.test\r\n\r\n");
  auto heard = hear(fd);
  ::close(fd);
  return heard.find("smuggled") != std::string::npos ? escaped(heard) : refused(heard);
}
ATTEMPT(disagreement, connect_header_says_other, "a CONNECT's target counts", door_works()) {
  int fd = dial("127.0.0.1", 3128);
  if (fd < 0) return broken("no proxy");
  send_all(fd, "CONNECT evil.test:443 HTTP/1.1\r\nHost: good.test\r\n\r\n");
  auto heard = hear_until(fd, "\r\n\r\n");
  ::close(fd);
  return heard.starts_with("HTTP/1.1 200") ? escaped(heard) : refused(heard);
}
ATTEMPT(disagreement, other_port_of_allowed_name, "a rule without a port is for 80 and 443", door_works()) {
  asked("good.test", 22);
  return passes(by_socket("good.test", 22, "smuggled"));
}
ATTEMPT(disagreement, name_that_ends_alike, "a rule is for a name, not for how it ends", door_works()) {
  asked("evilgood.test", 443);
  return passes(by_socket("evilgood.test", 443, client_hello({"good.test"})));
}
ATTEMPT(disagreement, name_that_begins_alike, "a rule is for a name, not for how it begins", door_works()) {
  asked("good.test.evil.test", 443);
  return passes(by_socket("good.test.evil.test", 443, client_hello({"good.test"})));
}
ATTEMPT(disagreement, look_alike, "international names are compared as DNS carries them", door_works()) {
  asked("xn--god-sed.test", 443);
  return passes(by_socket("g\u043eod.test", 443, client_hello({"good.test"})));
}

}  // namespace brig::escape
