#include "egress/hello.hpp"

#include "house.hpp"

namespace brig::egress {
namespace {

using testing::client_hello;
using testing::sni;

std::string shown(std::string_view bytes) {
  auto hello = read_hello(bytes);
  switch (hello.is) {
    case Hello::Is::more:
      return "more";
    case Hello::Is::tls:
      return "tls " + hello.host.value_or("-");
    case Hello::Is::http:
      return "http " + hello.host.value_or("-");
    case Hello::Is::other:
      return "other";
  }
  return "";
}

std::string judged(std::string_view bytes, std::string_view target, Rules rules = {}) {
  return disagreement(read_hello(bytes), rules, *read_target(target));
}

TEST(Hello, IsReadFromTlsAsItComes) {
  auto hello = client_hello(sni("api.example.com"));
  EXPECT_EQ(shown(hello), "tls api.example.com");
  for (std::size_t n = 0; n < hello.size(); ++n) EXPECT_EQ(shown(hello.substr(0, n)), "more") << n;
  EXPECT_EQ(shown(hello + "what follows"), "tls api.example.com");
  EXPECT_EQ(shown(client_hello("")), "tls -");
  auto other_first = std::string("\x00\x17\x00\x00", 4);
  EXPECT_EQ(shown(client_hello(other_first + sni("a.test"))), "tls a.test");
}

TEST(Hello, IsReadAcrossRecords) {
  auto hello = client_hello(sni("api.example.com"));
  std::string cut;
  for (std::size_t at = 5; at < hello.size(); at += 7) {
    auto piece = hello.substr(at, 7);
    cut += std::string("\x16\x03\x01\x00", 4) + static_cast<char>(piece.size()) + piece;
  }
  EXPECT_EQ(shown(cut), "tls api.example.com");
}

TEST(Hello, IsRefusedWhereItIsBroken) {
  EXPECT_EQ(shown(client_hello(sni("a.test") + sni("b.test"))), "other");
  EXPECT_EQ(shown(client_hello(sni("a.test").substr(0, 8))), "other");
  EXPECT_EQ(shown(std::string("\x16\x03\x01\x00\x00", 5)), "other");
  EXPECT_EQ(shown(std::string("\x16\x02\x01\x00\x04", 5) + "abcd"), "other");
  EXPECT_EQ(shown(std::string("\x16\x03\x01\x00\x04\x02\x00\x00\x00", 9)), "other");
  EXPECT_EQ(shown(std::string("\x16\x03\x01\x00\x04\x01\xff\xff\xff", 9)), "other");
  EXPECT_EQ(shown("SSH-2.0-OpenSSH_9\r\n"), "other");
  EXPECT_EQ(shown(std::string("\x00\x01", 2)), "other");
  EXPECT_EQ(shown("{\"a\":1}"), "other");
}

TEST(Hello, IsReadFromHttp) {
  EXPECT_EQ(shown("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"), "http a.test");
  EXPECT_EQ(shown("POST /x?y HTTP/1.0\r\nA: b\r\nhOsT:\ta.test:8080 \r\n\r\nbody"), "http a.test:8080");
  EXPECT_EQ(shown("GET / HTTP/1.1\r\n\r\n"), "http -");
  EXPECT_EQ(shown("GET / HT"), "more");
  EXPECT_EQ(shown("G"), "more");
  for (const char* text :
       {"GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n", "GET / HTTP/1.1\r\nHost : a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\n X: folded\r\n\r\n",
        "GET / HTTP/1.1\nHost: a.test\n\nGET / HTTP/1.1\r\n\r\n",
        "GET http://b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET  / HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "CONNECT b.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "get / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a.test\nX-Host: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nnothing\r\n\r\n"})
    EXPECT_EQ(shown(text), "other") << text;
  EXPECT_EQ(shown("GET / HTTP/1.1\r\nX: " + std::string(17 * 1024, 'a')), "other");
}

TEST(Hello, MustNameWhatWasAskedFor) {
  auto tls = [](const char* name) { return client_hello(sni(name)); };
  EXPECT_EQ(judged(tls("a.test"), "a.test:443"), "");
  EXPECT_EQ(judged(tls("A.TEST"), "a.test:443"), "");
  EXPECT_EQ(judged(tls("b.test"), "a.test:443"), "its TLS hello for a.test:443 names b.test instead");
  EXPECT_NE(judged(tls("127.0.0.1"), "a.test:443"), "");
  EXPECT_NE(judged(client_hello(""), "a.test:443"), "");
  EXPECT_NE(judged(client_hello(sni(std::string("a.test\0.evil", 12))), "a.test:443"), "");
  auto http = [](const char* host) { return "GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n"; };
  EXPECT_EQ(judged(http("a.test"), "a.test:80"), "");
  EXPECT_EQ(judged(http("a.test."), "a.test:80"), "");
  EXPECT_EQ(judged(http("a.test:8080"), "a.test:8080"), "");
  EXPECT_NE(judged(http("a.test:81"), "a.test:8080"), "");
  EXPECT_NE(judged(http("b.test"), "a.test:80"), "");
  EXPECT_NE(judged(http("a.test@b.test"), "a.test:80"), "");
  EXPECT_NE(judged(http(""), "a.test:80"), "");
  EXPECT_NE(judged("SSH-2.0-x\r\n", "a.test:22"), "");
}

TEST(Hello, ForAnAddressMayNameWhatIsAllowedThere) {
  auto tls = client_hello(sni("a.test"));
  EXPECT_EQ(judged(client_hello(""), "10.1.2.3:443"), "");
  EXPECT_NE(judged(tls, "10.1.2.3:443"), "");
  EXPECT_EQ(judged(tls, "10.1.2.3:443", testing::rules({"a.test"})), "");
  EXPECT_EQ(judged("GET / HTTP/1.1\r\nHost: 10.1.2.3\r\n\r\n", "10.1.2.3:80"), "");
  EXPECT_EQ(judged("GET / HTTP/1.1\r\nHost: [fd00::1]:8080\r\n\r\n", "[fd00::1]:8080"), "");
  EXPECT_NE(judged("GET / HTTP/1.1\r\nHost: 10.1.2.4\r\n\r\n", "10.1.2.3:80"), "");
}

}  // namespace
}  // namespace brig::egress
