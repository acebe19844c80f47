// The frames of the egress socket: what goes in comes out, and what is out of bounds does not get in.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "egress_wire/frames.hpp"

namespace brig::egress_wire {
namespace {

std::vector<std::byte> bytes_of(const Request& request) {
  std::vector<std::byte> out(kMaxRequest);
  out.resize(write_request(request, out.data()));
  return out;
}
std::vector<std::byte> bytes_of(const Reply& reply) {
  std::vector<std::byte> out(kMaxReply);
  out.resize(write_reply(reply, out.data()));
  return out;
}

Fault fault_of_request(std::span<const std::byte> in) {
  Request request;
  Fault fault{};
  return read_request(in, request, fault) == Read::bad ? fault : Fault::none;
}
Fault fault_of_reply(std::span<const std::byte> in) {
  Reply reply;
  Fault fault{};
  return read_reply(in, reply, fault) == Read::bad ? fault : Fault::none;
}

Request connect_to(std::string_view host, std::uint16_t port) {
  Request request;
  request.host = host;
  request.port = port;
  return request;
}

TEST(EgressRequest, ComesOutAsItWentIn) {
  Request request = connect_to(std::string_view("a\0b.example", 11), 443);
  request.via = Via::http_connect;
  request.offers_socket = true;
  request.pid = 4711;
  request.process = "curl";
  auto bytes = bytes_of(request);
  bytes.push_back(std::byte{7});
  std::span<const std::byte> in(bytes);
  Request out;
  Fault fault{};
  ASSERT_EQ(read_request(in, out, fault), Read::frame);
  EXPECT_EQ(in.size(), 1u);
  EXPECT_EQ(out.kind, Kind::connect);
  EXPECT_EQ(out.via, Via::http_connect);
  EXPECT_TRUE(out.offers_socket);
  EXPECT_EQ(out.port, 443);
  EXPECT_EQ(out.pid, 4711u);
  EXPECT_EQ(out.host, request.host);
  EXPECT_EQ(out.process, "curl");
}

// As the page of documentation lays it out; this must never change within a version.
TEST(EgressRequest, HasTheDocumentedLayout) {
  Request request = connect_to("h.example", 0x0201);
  request.via = Via::transparent;
  request.pid = 0x06050403;
  request.process = "node";
  auto bytes = bytes_of(request);
  std::string expected("BRGE\1\1\4\0\1\2\x09\0\3\4\5\6\4\0\0\0h.examplenode", 33);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), expected);
}

TEST(EgressRequest, WaitsForItsRest) {
  auto bytes = bytes_of(connect_to("h.example", 80));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    std::span<const std::byte> in(bytes.data(), size);
    Request request;
    Fault fault{};
    EXPECT_EQ(read_request(in, request, fault), Read::more) << size;
    EXPECT_EQ(in.size(), size);
  }
}

TEST(EgressRequest, IsRefusedForEachFieldOutOfBounds) {
  auto good = bytes_of(connect_to("h.example", 80));
  struct Change {
    std::size_t at;
    int value;
    Fault fault;
  };
  for (auto [at, value, fault] : std::initializer_list<Change>{
           {0, 'X', Fault::magic},
           {4, 2, Fault::version},
           {5, 0, Fault::kind},
           {5, 3, Fault::kind},
           {6, 6, Fault::field},
           {7, 2, Fault::field},
           {8, 0, Fault::port},
           {10, 0, Fault::length},
           {11, 1, Fault::length},
           {16, 65, Fault::length},
           {17, 1, Fault::field},
           {19, 1, Fault::field},
       }) {
    auto bad = good;
    bad[at] = static_cast<std::byte>(value);
    EXPECT_EQ(fault_of_request(bad), fault) << at;
  }
  Request resolve;
  resolve.kind = Kind::resolve;
  resolve.host = "h.example";
  auto bytes = bytes_of(resolve);
  EXPECT_EQ(fault_of_request(bytes), Fault::none);
  bytes[7] = std::byte{1};  // nothing to hand over
  EXPECT_EQ(fault_of_request(bytes), Fault::field);
  bytes[7] = std::byte{0};
  bytes[8] = std::byte{80};
  EXPECT_EQ(fault_of_request(bytes), Fault::port);
}

TEST(EgressRequest, IsToldFromSomethingElseByItsFirstByte) {
  std::byte other{'G'};
  EXPECT_EQ(fault_of_request({&other, 1}), Fault::magic);
}

TEST(EgressRequest, ThatIsNoneIsNotWritten) {
  EXPECT_TRUE(bytes_of(connect_to("", 80)).empty());
  EXPECT_TRUE(bytes_of(connect_to("h", 0)).empty());
  EXPECT_TRUE(bytes_of(connect_to(std::string(256, 'h'), 80)).empty());
  auto long_name = connect_to("h", 80);
  std::string process(65, 'p');
  long_name.process = process;
  EXPECT_TRUE(bytes_of(long_name).empty());
  EXPECT_EQ(bytes_of(connect_to(std::string(255, 'h'), 80)).size(), kRequestHead + 255);
}

TEST(EgressReply, ComesOutAsItWentIn) {
  Reply reply;
  reply.port_count = 2;
  reply.ports[0] = 80;
  reply.ports[1] = 443;
  reply.message = "über\nzwei";
  auto bytes = bytes_of(reply);
  std::span<const std::byte> in(bytes);
  Reply out;
  Fault fault{};
  ASSERT_EQ(read_reply(in, out, fault), Read::frame);
  EXPECT_TRUE(in.empty());
  EXPECT_EQ(out.status, Status::ok);
  EXPECT_EQ(out.port_count, 2);
  EXPECT_EQ(out.ports[1], 443);
  EXPECT_EQ(out.message, reply.message);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    in = {bytes.data(), size};
    EXPECT_EQ(read_reply(in, out, fault), Read::more) << size;
  }
}

TEST(EgressReply, IsRefusedForEachFieldOutOfBounds) {
  Reply reply;
  reply.port_count = 1;
  reply.ports[0] = 443;
  reply.message = "m";
  auto good = bytes_of(reply);
  ASSERT_EQ(fault_of_reply(good), Fault::none);
  struct Change {
    std::size_t at;
    int value;
    Fault fault;
  };
  for (auto [at, value, fault] : std::initializer_list<Change>{
           {1, 'X', Fault::magic},
           {4, 0, Fault::version},
           {5, 10, Fault::field},
           {5, 1, Fault::field},
           {6, 2, Fault::field},
           {7, 33, Fault::length},
           {9, 5, Fault::length},
           {10, 1, Fault::field},
           {13, 0, Fault::none},
           {14, 27, Fault::text},
           {14, 0x80, Fault::text},
       }) {
    auto bad = good;
    bad[at] = static_cast<std::byte>(value);
    EXPECT_EQ(fault_of_reply(bad), fault) << at << " " << value;
  }
  good[12] = good[13] = std::byte{0};
  EXPECT_EQ(fault_of_reply(good), Fault::port);
}

TEST(EgressReply, ThatIsNoneIsNotWritten) {
  Reply denied;
  denied.status = Status::denied;
  denied.hand_over = true;
  EXPECT_TRUE(bytes_of(denied).empty());
  denied.hand_over = false;
  std::string message(1025, 'm');
  denied.message = message;
  EXPECT_TRUE(bytes_of(denied).empty());
  denied.message = "bell \a";
  EXPECT_TRUE(bytes_of(denied).empty());
  denied.message = "fine\n";
  EXPECT_EQ(bytes_of(denied).size(), kReplyHead + 5);
}

TEST(EgressMessage, IsPlainUtf8) {
  for (const char* good : {"", "plain", "a\nb", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xc2\xa0"}) {
    EXPECT_TRUE(is_message(good)) << good;
  }
  for (const char* bad :
       {"\x1b[31m", "\x7f", "\r", "\t", "\x80", "\xc0\x80", "\xc3", "\xe2\x82", "\xed\xa0\x80",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe0\x80\x80", "\xc2\x9b", "\xff"}) {
    EXPECT_FALSE(is_message(bad)) << testing::PrintToString(bad);
  }
  EXPECT_FALSE(is_message(std::string_view("a\0b", 3)));
}

TEST(EgressDone, ComesOutAsItWentIn) {
  std::byte bytes[kDoneSize];
  Done done;
  done.status = Status::denied;
  done.sent = 0x0123456789abcdef;
  done.received = 77;
  write_done(done, bytes);
  std::span<const std::byte> in(bytes);
  Done out;
  Fault fault{};
  ASSERT_EQ(read_done(in, out, fault), Read::frame);
  EXPECT_TRUE(in.empty());
  EXPECT_EQ(out.status, Status::denied);
  EXPECT_EQ(out.sent, done.sent);
  EXPECT_EQ(out.received, 77u);
  bytes[5] = std::byte{9};  // asking is no end
  in = bytes;
  EXPECT_EQ(read_done(in, out, fault), Read::bad);
}

}  // namespace
}  // namespace brig::egress_wire
