// What of heads passes between a person's browser and a page that is hostile to them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/preview/heads.hpp"

namespace brig::api::preview {
namespace {

using testing::HasSubstr;
using testing::Not;

const Place kPlace{"http://0a.localhost:7", "0a.localhost:7", 3000};

Head a_head(std::vector<Header> headers, std::string method = "GET") {
  Head head;
  head.method = std::move(method);
  head.target = "/x?y=1";
  head.headers = std::move(headers);
  return head;
}

TEST(PreviewHeads, TheTokenIsCutOutOfTheTarget) {
  std::string target = "/a?brig-preview-token=s3cret";
  EXPECT_EQ(take_token(target), "s3cret");
  EXPECT_EQ(target, "/a");
  target = "/a?x=1&brig-preview-token=t&y=2";
  EXPECT_EQ(take_token(target), "t");
  EXPECT_EQ(target, "/a?x=1&y=2");
  target = "/a?brig-preview-tokens=t";
  EXPECT_EQ(take_token(target), std::nullopt);
  EXPECT_EQ(target, "/a?brig-preview-tokens=t");
}

TEST(PreviewHeads, NothingOfBrigsGoesIn) {
  auto text = request_head(a_head({{"Host", "0a.localhost:7"},
                                   {"Cookie", "a=1; brig-preview=secret; b=2"},
                                   {"Cookie", "BRIG-Preview=secret"},
                                   {"Brig-Preview-Token", "secret"},
                                   {"Authorization", "Bearer brig_0011_secret"},
                                   {"Referer", "http://0a.localhost:7/?brig-preview-token=secret"},
                                   {"Origin", "http://0a.localhost:7"},
                                   {"X-Forwarded-For", "6.6.6.6"},
                                   {"Accept", "*/*"}}),
                           kPlace);
  EXPECT_THAT(text, Not(HasSubstr("secret")));
  EXPECT_THAT(text, Not(HasSubstr("6.6.6.6")));
  EXPECT_THAT(text, HasSubstr("Host: localhost:3000\r\n"));
  EXPECT_THAT(text, HasSubstr("Cookie: a=1; b=2\r\n"));
  EXPECT_THAT(text, HasSubstr("Origin: http://localhost:3000\r\n"));
  EXPECT_THAT(text, HasSubstr("X-Forwarded-Host: 0a.localhost:7\r\n"));
  EXPECT_THAT(text, HasSubstr("Accept: */*\r\n"));
  EXPECT_TRUE(text.ends_with("Connection: close\r\n\r\n"));
  EXPECT_THAT(request_head(a_head({{"Authorization", "Basic eDp5"}}), kPlace), HasSubstr("Basic eDp5"));
}

TEST(PreviewHeads, HopsAreKeptApart) {
  auto text = request_head(a_head({{"Connection", "keep-alive, X-Mine"},
                                   {"X-Mine", "1"},
                                   {"Keep-Alive", "1"},
                                   {"TE", "trailers"},
                                   {"Proxy-Authorization", "1"},
                                   {"Upgrade", "h2c"},
                                   {"Content-Length", "5"},
                                   {"Transfer-Encoding", "chunked"}}),
                           kPlace);
  for (const char* name :
       {"X-Mine", "Keep-Alive", "TE:", "Proxy-", "h2c", "Content-Length", "Transfer-Encoding"})
    EXPECT_THAT(text, Not(HasSubstr(name)));
  auto head = a_head({}, "POST");
  head.content_length = 5;
  EXPECT_THAT(request_head(head, kPlace), HasSubstr("Content-Length: 5\r\n"));
  head.content_length.reset();
  head.chunked = true;
  EXPECT_THAT(request_head(head, kPlace), HasSubstr("Transfer-Encoding: chunked\r\n"));
}

TEST(PreviewHeads, OnlyWebSocketsAreSwitchedTo) {
  auto head = a_head({{"Upgrade", "websocket"}, {"Connection", "Upgrade"}});
  head.upgrade = true;
  EXPECT_TRUE(is_websocket(head));
  EXPECT_THAT(request_head(head, kPlace), HasSubstr("Upgrade: websocket\r\n"));
  head.method = "POST";
  EXPECT_FALSE(is_websocket(head));
  auto other = a_head({{"Upgrade", "h2c"}});
  other.upgrade = true;
  EXPECT_FALSE(is_websocket(other));
}

TEST(PreviewHeads, OtherPagesAreTold) {
  auto from = [](std::vector<Header> headers, std::string method = "GET") {
    return is_from_elsewhere(a_head(std::move(headers), std::move(method)), kPlace);
  };
  EXPECT_FALSE(from({}));
  EXPECT_FALSE(from({{"Origin", kPlace.origin}, {"Sec-Fetch-Site", "same-origin"}}));
  EXPECT_TRUE(from({{"Origin", "http://0b.localhost:7"}}));
  EXPECT_TRUE(from({{"Origin", "null"}}));
  EXPECT_TRUE(from({{"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Mode", "no-cors"}}));
  EXPECT_FALSE(from(
      {{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Mode", "navigate"}, {"Sec-Fetch-Dest", "document"}}));
  EXPECT_TRUE(
      from({{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Mode", "navigate"}, {"Sec-Fetch-Dest", "iframe"}}));
  EXPECT_TRUE(
      from({{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Mode", "navigate"}, {"Sec-Fetch-Dest", "document"}},
           "POST"));
}

std::string why_not(std::string_view text, bool asked_websocket = false) {
  Answer answer;
  auto failure = read_answer(text, kPlace, asked_websocket, answer);
  return failure ? failure->error.message : "";
}

TEST(PreviewHeads, AnswersAreReadStrictly) {
  const char* bad[] = {
      "HTTP/2 200 OK\r\n\r\n",
      "HTTP/1.1 2000 OK\r\n\r\n",
      "HTTP/1.1 abc\r\n\r\n",
      "HTTP/1.1 099 x\r\n\r\n",
      "SSH-2.0-x\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
      "HTTP/1.1 200 OK\r\n folded\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA: b\nB: c\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n",
  };
  for (const char* text : bad) EXPECT_NE(why_not(text), "") << text;
  EXPECT_NE(why_not("HTTP/1.1 101 x\r\nUpgrade: h2c\r\n\r\n", true), "");
  EXPECT_EQ(why_not("HTTP/1.1 101 x\r\nUpgrade: WebSocket\r\n\r\n", true), "");
  EXPECT_EQ(why_not("HTTP/1.0 200\r\n\r\n"), "");
}

TEST(PreviewHeads, WhatWouldOutliveThePreviewStaysInside) {
  Answer answer;
  auto failure = read_answer(
      "HTTP/1.1 200 OK\r\n"
      "Set-Cookie: a=1; Domain=localhost; Path=/\r\n"
      "Set-Cookie: brig-preview=mine\r\n"
      "Set-Cookie:  Brig-Preview =mine; Path=/\r\n"
      "Strict-Transport-Security: max-age=1\r\n"
      "Alt-Svc: h3=\":1\"\r\n"
      "Clear-Site-Data: \"*\"\r\n"
      "Connection: X-Hop\r\nX-Hop: 1\r\n"
      "Location: http://localhost:3000/in\r\n"
      "Content-Type: text/html\r\n\r\n",
      kPlace, false, answer);
  ASSERT_FALSE(failure);
  auto out = answer_head(answer);
  EXPECT_THAT(out, HasSubstr("Set-Cookie: a=1; Path=/\r\n"));
  EXPECT_THAT(out, HasSubstr("Location: http://0a.localhost:7/in\r\n"));
  EXPECT_THAT(out, HasSubstr("Content-Type: text/html\r\n"));
  for (const char* name : {"mine", "Domain", "Strict", "Alt-Svc", "Clear", "X-Hop"})
    EXPECT_THAT(out, Not(HasSubstr(name)));
}

}  // namespace
}  // namespace brig::api::preview
