#include <gtest/gtest.h>

#include "cli/client/http.hpp"
#include "cli/client/http_parse.hpp"
#include "cli/client/sha1.hpp"
#include "cli/client/websocket.hpp"

namespace brig::cli {
namespace {

TEST(Head, IsParsedStrictly) {
  auto head = parse_head("HTTP/1.1 200 OK\r\nContent-Length: 3 \r\nX-A:b\r\n\r\n");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(head->get("content-length"), "3");
  EXPECT_EQ(head->get("x-a"), "b");
  EXPECT_FALSE(parse_head("HTTP/2 200\r\n\r\n"));
  EXPECT_FALSE(parse_head("HTTP/1.1 20 OK\r\n\r\n"));
  EXPECT_FALSE(parse_head("HTTP/1.1 200 OK\r\n folded: x\r\n\r\n"));
  EXPECT_FALSE(parse_head("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"));
  EXPECT_FALSE(parse_head("HTTP/1.1 200 OK\r\na : b\r\n\r\n"));
  EXPECT_FALSE(parse_head("SSH-2.0-x\r\n\r\n"));
}

// Feeds `bytes` one at a time.
Result<std::string> body(std::string_view headers, std::string_view bytes, bool& done) {
  auto head = parse_head("HTTP/1.1 200 OK\r\n" + std::string(headers) + "\r\n");
  if (!head) return head.error();
  BRIG_TRY(auto reader, BodyReader::for_head(*head));
  std::string out;
  for (char c : bytes) {
    std::string_view one(&c, 1);
    BRIG_CHECK(reader.feed(one, [&](std::string_view part) {
      out += part;
      return true;
    }));
  }
  done = reader.done();
  return out;
}

TEST(Body, ComesByLengthByChunksAndUntilTheEnd) {
  bool done = false;
  EXPECT_EQ(*body("Content-Length: 3\r\n", "abc", done), "abc");
  EXPECT_TRUE(done);
  EXPECT_EQ(*body("Transfer-Encoding: chunked\r\n", "2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: u\r\n\r\n", done),
            "abc");
  EXPECT_TRUE(done);
  EXPECT_EQ(*body("", "abc", done), "abc");
  EXPECT_FALSE(done);
}

TEST(Body, RefusesNonsense) {
  bool done = false;
  EXPECT_FALSE(body("Content-Length: x\r\n", "a", done));
  EXPECT_FALSE(body("Content-Length: -1\r\n", "a", done));
  EXPECT_FALSE(body("Transfer-Encoding: gzip\r\n", "a", done));
  EXPECT_FALSE(body("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "a", done));
  EXPECT_FALSE(body("Transfer-Encoding: chunked\r\n", "zz\r\n", done));
  EXPECT_FALSE(body("Transfer-Encoding: chunked\r\n", "1\r\nabc\r\n", done));
  EXPECT_FALSE(body("Transfer-Encoding: chunked\r\n", "11111111111111111\r\n", done));
  EXPECT_FALSE(body("Transfer-Encoding: chunked\r\n", std::string(5000, '1'), done));
}

std::string frame(unsigned first, std::string_view payload) {
  std::string out(1, static_cast<char>(first));
  if (payload.size() < 126) {
    out += static_cast<char>(payload.size());
  } else {
    out += '\x7e';
    out += static_cast<char>(payload.size() >> 8);
    out += static_cast<char>(payload.size() & 255);
  }
  return out.append(payload);
}

// Everything the reader says of `stream`, given in pieces of `step` bytes.
std::string told(const std::string& stream, std::size_t step) {
  FrameReader reader;
  std::string out;
  for (std::size_t at = 0; at < stream.size(); at += step) {
    std::string_view piece = std::string_view(stream).substr(at, step);
    while (true) {
      auto event = reader.next(piece);
      if (!event) return out + "!";
      if (event->kind == FrameReader::Event::Kind::need_more) break;
      if (event->kind == FrameReader::Event::Kind::payload) out += event->bytes;
      if (event->kind == FrameReader::Event::Kind::end) out += event->opcode == Opcode::text ? "|t " : "|b ";
      if (event->kind == FrameReader::Event::Kind::control) out += "<" + std::string(event->bytes) + ">";
    }
  }
  return out;
}

TEST(Frames, AreReadWhateverThePieces) {
  std::string stream = frame(0x82, "one") + frame(0x01, "tw") + frame(0x89, "ping") + frame(0x80, "o") +
                       frame(0x82, "") + frame(0x82, std::string(300, 'x')) + frame(0x88, "\x03\xe8");
  std::string expected = "one|b tw<ping>o|t |b " + std::string(300, 'x') + "|b <\x03\xe8>";
  for (std::size_t step : {1u, 2u, 3u, 7u, 100u, 100000u}) EXPECT_EQ(told(stream, step), expected) << step;
}

TEST(Frames, RefuseWhatAServerMustNotSend) {
  EXPECT_EQ(told(frame(0xC2, "x"), 100), "!");                           // compressed
  EXPECT_EQ(told(std::string("\x82\x81", 2) + "mask" + "x", 100), "!");  // masked
  EXPECT_EQ(told(frame(0x80, "x"), 100), "!");                           // continues nothing
  EXPECT_EQ(told(frame(0x02, "x") + frame(0x82, "y"), 100), "x!");       // a message within a message
  EXPECT_EQ(told(frame(0x09, "x"), 100), "!");                           // a control frame in parts
  EXPECT_EQ(told(frame(0x89, std::string(200, 'x')), 1000), "!");        // a large one
  EXPECT_EQ(told(frame(0x83, "x"), 100), "!");                           // unknown
  EXPECT_EQ(told(std::string("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 10), 100), "!");  // endless
}

TEST(Frames, AreWrittenMasked) {
  std::string out;
  append_frame(out, Opcode::binary, "ab", std::string(200, 'c'));
  ASSERT_EQ(out.size(), 4u + 4 + 202);
  EXPECT_EQ(static_cast<unsigned char>(out[0]), 0x82);
  EXPECT_EQ(static_cast<unsigned char>(out[1]), 0x80 | 126);
  std::string plain;
  for (std::size_t i = 8; i < out.size(); ++i) plain += static_cast<char>(out[i] ^ out[4 + (i & 3)]);
  EXPECT_EQ(plain, "ab" + std::string(200, 'c'));
}

TEST(Handshake, ProofIsThatOfTheStandard) {
  EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(sha1("abc").substr(0, 4), "\xa9\x99\x3e\x36");
}

TEST(Problem, BecomesAnError) {
  auto e = problem_to_error(404, R"({"code":"not_found","detail":"no session 'x'\u001b[31m"})");
  EXPECT_EQ(e.code, Code::not_found);
  EXPECT_EQ(e.message, "no session 'x'\\x1b[31m");
  EXPECT_EQ(problem_to_error(503, "<html>").code, Code::unavailable);
  EXPECT_EQ(problem_to_error(418, "").code, Code::invalid);
}

TEST(Endpoint, IsReadFromTheEnvironment) {
  auto with = [](std::map<std::string, std::string> values) {
    return [values](const char* name) -> std::optional<std::string> {
      auto at = values.find(name);
      if (at == values.end()) return std::nullopt;
      return at->second;
    };
  };
  EXPECT_EQ(find_endpoint({}, with({}))->shown(), "unix:///run/brig/brig.sock");
  EXPECT_EQ(find_endpoint({}, with({{"BRIG_HOST", "unix:///a/b"}}))->path, "/a/b");
  EXPECT_EQ(find_endpoint("unix:///c", with({{"BRIG_HOST", "unix:///a/b"}}))->path, "/c");
  auto tls = find_endpoint("https://[::1]:8443", with({{"BRIG_TOKEN", "t"}, {"BRIG_CA", "/ca"}}));
  ASSERT_TRUE(tls);
  EXPECT_EQ(tls->host_header(), "[::1]:8443");
  EXPECT_EQ(tls->ca, "/ca");
  EXPECT_EQ(find_endpoint("https://h", with({{"BRIG_TOKEN", "t"}}))->shown(), "https://h:7543");
  EXPECT_EQ(find_endpoint("https://h", with({})).error().code, Code::unauthenticated);
  for (const char* bad :
       {"http://h", "unix://rel", "ftp://x", "https://", "https://h:x", "https://[::1", "https://a b"}) {
    EXPECT_FALSE(find_endpoint(bad, with({{"BRIG_TOKEN", "t"}}))) << bad;
  }
}

}  // namespace
}  // namespace brig::cli
