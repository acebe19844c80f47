// Requests made anew with the real secrets in them, and what is refused before.
#include "egress/injection.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace brig::egress {
namespace {

using testing::HasSubstr;
using testing::Not;

RequestHead request(std::string_view text) {
  RequestHead head;
  std::string why;
  EXPECT_EQ(read_request_head(text, head, why), HeadIs::whole) << why << text;
  return head;
}

std::string refused(std::string_view text) {
  RequestHead head;
  std::string why;
  EXPECT_EQ(read_request_head(text, head, why), HeadIs::bad) << text;
  return why;
}

ResponseHead response(std::string_view text, const RequestHead& asked) {
  ResponseHead head;
  std::string why;
  EXPECT_EQ(read_response_head(text, asked, head, why), HeadIs::whole) << why << text;
  return head;
}

Entrusted held(CredentialText text) {
  if (text.host.empty()) text.host = "api.test";
  if (text.value.empty()) text.value = "$vault:KEY";
  Entrusted out;
  auto bad = read_credential(text, out.rule);
  EXPECT_FALSE(bad) << bad->field << " " << bad->why;
  out.placeholder = new_placeholder();
  return out;
}

std::string written(const RequestHead& head, const std::vector<Entrusted>& all, std::string_view value,
                    const std::string& host = "api.test:443") {
  std::vector<Injected> injected;
  for (const auto& one : all) {
    Injected in{&one, as_sent(one.rule, Secret(value))};
    injected.push_back(std::move(in));
  }
  Wiped out(room_for(head, injected));
  auto room = out.view().data();
  write_request(head, *read_target(host), injected, out);
  EXPECT_EQ(out.view().data(), room);  // no copy was left behind
  return std::string(out.view());
}

TEST(HttpHead, ReadsWhatABodyWillBe) {
  EXPECT_EQ(request("GET / HTTP/1.1\r\nHost: a\r\n\r\n").framing, Framing::none);
  auto post = request("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\nrest");
  EXPECT_EQ(post.framing, Framing::length);
  EXPECT_EQ(post.length, 12u);
  EXPECT_EQ(request("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n").framing,
            Framing::chunked);
  EXPECT_FALSE(request("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, close\r\n\r\n").keeps);
  EXPECT_TRUE(
      request("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").websocket);
  RequestHead head;
  std::string why;
  EXPECT_EQ(read_request_head("GET / HTTP/1.1\r\nHost: a\r\n", head, why), HeadIs::more);
}

TEST(HttpHead, RefusesWhatTwoReadersCouldReadTwoWays) {
  const char* bad[] = {
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      "GET / HTTP/1.1\nHost: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
      "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\nHost: a\r\n\r\n",
      "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
      "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n",
      "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
      "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
      "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\n",
  };
  for (const auto* text : bad) refused(text);
  refused("GET /" + std::string(kMaxMessageHead, 'x'));
  refused(std::string("GET / HTTP/1.1\r\nX: \0\r\n", 22));
}

TEST(HttpHead, ReadsAnswersByWhatWasAsked) {
  auto get = request("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  auto look = request("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(response("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", get).framing, Framing::length);
  EXPECT_EQ(response("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", look).framing, Framing::none);
  EXPECT_EQ(response("HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", get).framing, Framing::none);
  EXPECT_EQ(response("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n", get).framing, Framing::chunked);
  auto endless = response("HTTP/1.1 200 OK\r\n\r\n", get);
  EXPECT_EQ(endless.framing, Framing::to_the_end);
  EXPECT_FALSE(endless.keeps);
  ResponseHead head;
  std::string why;
  for (const char* bad :
       {"HTTP/1.1 101 Switching\r\n\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 20x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "ICY 200 OK\r\n\r\n"})
    EXPECT_EQ(read_response_head(bad, get, head, why), HeadIs::bad) << bad;
}

TEST(Injection, PutsASecretInPlaceOfWhateverIsThere) {
  CredentialText text;
  text.header = "X-Api-Key";
  std::vector<Entrusted> all{held(text)};
  auto sent = "POST /v1/messages?beta=true HTTP/1.1\r\nhost: api.test\r\nx-api-key: " + all[0].placeholder +
              "\r\nX-API-KEY: other\r\nContent-Length: 2\r\nConnection: x-api-key, content-length\r\n\r\n{}";
  auto head = request(sent);
  EXPECT_EQ(written(head, all, "sk-real"),
            "POST /v1/messages?beta=true HTTP/1.1\r\nHost: api.test\r\nContent-Length: 2\r\nX-Api-Key: "
            "sk-real\r\n\r\n");
}

TEST(Injection, ShapesAndEncodes) {
  auto head =
      request("GET /a?key=mine&k%65y=too&b=1 HTTP/1.1\r\nHost: api.test\r\nAuthorization: Bearer x\r\n\r\n");
  CredentialText bearer;
  bearer.header = "authorization";
  bearer.shape = "Bearer {}!";
  EXPECT_THAT(written(head, {held(bearer)}, "s"), HasSubstr("\r\nauthorization: Bearer s!\r\n"));
  CredentialText user;
  user.basic = "me";
  auto basic = written(head, {held(user)}, "s3");
  EXPECT_THAT(basic, HasSubstr("\r\nAuthorization: Basic bWU6czM=\r\n"));
  EXPECT_THAT(basic, Not(HasSubstr("Bearer")));
  CredentialText query;
  query.query = "key";
  EXPECT_THAT(written(head, {held(query)}, "a&b c"), HasSubstr("GET /a?b=1&key=a%26b%20c HTTP/1.1\r\n"));
  EXPECT_THAT(written(request("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), {held(query)}, "s"),
              HasSubstr("GET /?key=s HTTP/1.1\r\n"));
}

TEST(Injection, PassesOnNothingThatConcernsOneConnection) {
  CredentialText text;
  text.header = "a";
  auto head = request(
      "GET / HTTP/1.1\r\nHost: api.test:8443\r\nConnection: keep-alive, Upgrade, HTTP2-Settings, "
      "X-Hop\r\nUpgrade: "
      "h2c\r\nHTTP2-Settings: x\r\nTE: trailers\r\nProxy-Authorization: p\r\nX-Hop: y\r\nX-Stays: z\r\n\r\n");
  EXPECT_EQ(written(head, {held(text)}, "v", "api.test:8443"),
            "GET / HTTP/1.1\r\nHost: api.test:8443\r\nX-Stays: z\r\na: v\r\n\r\n");
  auto socket = request(
      "GET / HTTP/1.1\r\nHost: api.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: "
      "k\r\n\r\n");
  auto out = written(socket, {held(text)}, "v");
  EXPECT_THAT(out, HasSubstr("Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  EXPECT_THAT(out, HasSubstr("Sec-WebSocket-Key: k"));
}

TEST(Injection, TakesSecretsOutOfAnswers) {
  CredentialText query;
  query.query = "key";
  std::vector<Entrusted> all{held(query)};
  Injected one{&all[0], as_sent(all[0].rule, Secret("sk real"))};
  auto asked = request("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
  auto head = response(
      "HTTP/1.1 302 Found\r\nLocation: https://api.test/b?key=sk%20real\r\nAlt-Svc: "
      "h3=\":443\"\r\nContent-Length: "
      "0\r\n\r\n",
      asked);
  auto out = write_response(head, asked, std::span(&one, 1));
  EXPECT_EQ(out, "HTTP/1.1 302 Found\r\nLocation: https://api.test/b?key=" + all[0].placeholder +
                     "\r\nContent-Length: 0\r\n\r\n");
}

}  // namespace
}  // namespace brig::egress
