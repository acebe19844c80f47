// The readers behind the doors, one by one: the end of a body, names that are rewritten, addresses written
// backwards.
#include <gtest/gtest.h>

#include <string>

#include "init_egress/dns.hpp"
#include "init_egress/http.hpp"
#include "init_egress/http_body.hpp"
#include "init_egress/refusal.hpp"

namespace brig::init::egress {
namespace {

// How much of `text` is the body, given in pieces of `step`; -1: it is none.
long body_size(Body kind, std::uint64_t length, std::string_view text, std::size_t step) {
  BodyMeter meter;
  meter.begin(kind, length);
  long size = 0;
  while (!meter.done() && !text.empty()) {
    auto piece = text.substr(0, step);
    std::size_t taken = meter.take(piece);
    meter.advance(piece.substr(0, taken));
    size += static_cast<long>(taken);
    text.remove_prefix(taken);
    if (taken < piece.size() && !meter.done()) return -1;
  }
  return meter.done() ? size : -2;
}

TEST(BodyMeter, FindsTheEndInPiecesOfAnySize) {
  std::string chunked = "5\r\nhello\r\nA;ext=\"1\"\r\n0123456789\r\n000\r\nX: y\r\n\r\n";
  for (std::size_t step = 1; step <= chunked.size() + 4; ++step) {
    EXPECT_EQ(body_size(Body::chunked, 0, chunked + "REST", step), static_cast<long>(chunked.size())) << step;
    EXPECT_EQ(body_size(Body::length, 7, "1234567REST", step), 7);
  }
  EXPECT_EQ(body_size(Body::none, 0, "REST", 4), 0);
}

TEST(BodyMeter, RefusesChunksThatAreNone) {
  for (const char* bad : {"\r\n", "x\r\n", "5\nhello", "5\r\nhelloX", "5\r\nhello\rX", ";\r\n", "-1\r\n",
                          "1234567890abcdef0\r\n", "0\r\nX: y\n", "5\rX"}) {
    EXPECT_EQ(body_size(Body::chunked, 0, bad, 1), -1) << testing::PrintToString(bad);
  }
  EXPECT_EQ(body_size(Body::chunked, 0, "1;" + std::string(5000, 'x'), 100), -1);
}

TEST(HttpHead, IsJudgedBeforeItsEndWhereItCanBe) {
  Head head;
  const char* why = nullptr;
  EXPECT_EQ(read_head("GET http://h/ HT", head, why), Reading::more);
  EXPECT_EQ(read_head("GET http://h/ HTTP/1.1\n", head, why), Reading::bad);
  EXPECT_EQ(read_head(std::string_view("GET \0", 5), head, why), Reading::bad);
  EXPECT_EQ(read_head("GET http://h/ HTTP/1.1\r", head, why), Reading::more);
  EXPECT_EQ(read_head("GET http://h/ HTTP/1.1\rX", head, why), Reading::bad);
}

TEST(HttpHead, KnowsIPv6Literals) {
  Head head;
  const char* why = nullptr;
  ASSERT_EQ(read_head("CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n", head, why),
            Reading::whole);
  EXPECT_EQ(head.host, "2001:db8::1");
  EXPECT_EQ(head.port, 443);
  for (const char* bad : {"CONNECT [::1:443 HTTP/1.1\r\n\r\n", "CONNECT [::1]443 HTTP/1.1\r\n\r\n",
                          "CONNECT ::1:443 HTTP/1.1\r\n\r\n", "CONNECT []:443 HTTP/1.1\r\n\r\n",
                          "CONNECT [h.example]:443 HTTP/1.1\r\n\r\n"}) {
    EXPECT_EQ(read_head(bad, head, why), Reading::bad) << bad;
  }
}

TEST(HttpHead, ThatDoesNotFitIsNotRewritten) {
  std::string in = "GET http://h/path HTTP/1.1\r\nA: b\r\n\r\n";
  Head head;
  const char* why = nullptr;
  ASSERT_EQ(read_head(in, head, why), Reading::whole);
  char out[200];
  std::size_t size = rewrite_head(in, head, out);
  EXPECT_EQ(std::string_view(out, size),
            "GET /path HTTP/1.1\r\nHost: h\r\nA: b\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(rewrite_head(in, head, std::span(out, size - 1)), 0u);
}

TEST(HttpHead, NamedFieldsAreDroppedButNotTheFraming) {
  std::string in =
      "POST http://h?q HTTP/1.1\r\nConnection: content-length, x-a ,Host\r\nX-A: 1\r\nx-b: "
      "2\r\nContent-Length: 3\r\n\r\n";
  Head head;
  const char* why = nullptr;
  ASSERT_EQ(read_head(in, head, why), Reading::whole);
  char out[200];
  EXPECT_EQ(std::string_view(out, rewrite_head(in, head, out)),
            "POST /?q HTTP/1.1\r\nHost: h\r\nx-b: 2\r\nContent-Length: 3\r\nConnection: close\r\n\r\n");
}

TEST(Reverse, IsReadStrictly) {
  std::uint32_t address = 0;
  EXPECT_TRUE(read_reverse("4.3.9.127.IN-ADDR.arpa", address));
  EXPECT_EQ(address, 127u << 24 | 9u << 16 | 3u << 8 | 4);
  for (const char* bad :
       {"4.3.9.in-addr.arpa", "1.4.3.9.127.in-addr.arpa", "4..9.127.in-addr.arpa", "256.3.9.127.in-addr.arpa",
        "x.3.9.127.in-addr.arpa", ".in-addr.arpa", "4.3.9.127.ip6.arpa"}) {
    EXPECT_FALSE(read_reverse(bad, address)) << bad;
  }
}

TEST(DnsAnswer, IsCutToTheRoomThereIs) {
  std::string packet("\x12\x34\1\0\0\1\0\0\0\0\0\1\1h\0\0\x10\0\1\0\0\x29\2\0\0\0\0\0\0\0", 30);
  Query query;
  read_query(std::as_bytes(std::span(packet.data(), packet.size())), query);
  ASSERT_EQ(query.verdict, Query::Verdict::fine);
  EXPECT_EQ(query.room, 512u);
  std::string text(1024, 't');
  Answer answer;
  answer.text = text;
  answer.error_code = 15;
  answer.error_text = text;
  std::byte out[kMaxAnswer];
  std::size_t size =
      write_answer(std::as_bytes(std::span(packet.data(), packet.size())), query, answer, query.room, out);
  EXPECT_LE(size, 512u);
  EXPECT_GT(size, 400u);
}

TEST(Refusal, SaysItsFirstLineInTheReason) {
  char out[2048];
  EXPECT_EQ(http_refusal(egress_wire::Status::limit, "t\xc3\xb6o many\nmore", out),
            "HTTP/1.1 503 t??o many\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: "
            "15\r\nConnection: close\r\n"
            "X-Brig-Egress: refused\r\n\r\nt\xc3\xb6o many\nmore\n");
}

}  // namespace
}  // namespace brig::init::egress
