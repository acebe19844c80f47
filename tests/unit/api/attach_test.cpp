// The attach WebSocket, byte by byte.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/schema.hpp"
#include "support/server.hpp"

namespace brig::api::test {
namespace {

constexpr const char* kPath = "/v1/sessions/fix/processes/1/attach";

WsClient attach(TestServer& server, const std::string& query = "?write=1") {
  return WsClient(Client::local(server), kPath + query);
}

int close_code(const Frame& frame) {
  if (frame.opcode != 8 || frame.payload.size() < 2) return -1;
  return static_cast<unsigned char>(frame.payload[0]) << 8 | static_cast<unsigned char>(frame.payload[1]);
}

TEST(Attach, CarriesEveryByteBothWaysAndTheOutcome) {
  TestServer server;
  auto script = server.script();
  std::string every;
  for (int i = 0; i < 256; ++i) every += static_cast<char>(i);
  server.on_loop([&] {
    script->offset = 7;
    script->stdin_offset = 3;
    script->terminal = true;
  });
  auto ws = attach(server, "?from=7&write=1&pace=1");
  ASSERT_EQ(ws.handshake.status, 101) << ws.handshake.body;
  EXPECT_EQ(ws.handshake.header("Sec-WebSocket-Protocol"), "brig.attach.v1");
  EXPECT_EQ(ws.handshake.header("Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_NE(ws.handshake.header("X-Request-Id"), "");
  EXPECT_EQ(ws.next_json(),
            nlohmann::json::parse(
                R"({"hello":{"offset":7,"pen":{"by":"uid:0","yours":true},"stdin_offset":3,"tty":true}})"));
  EXPECT_EQ(script->spec.from, session::AttachSpec::From::offset);
  EXPECT_EQ(script->spec.offset, 7u);
  EXPECT_TRUE(script->spec.pace && script->spec.write && script->spec.follow);

  server.on_loop([&] {
    script->print(every);
    script->print("oops", session::Output::Stream::err);
    script->push(
        {.kind = Script::Step::Kind::gap, .bytes = {}, .a = 267, .b = 300, .outcome = {}, .error = {}});
    script->push({.kind = Script::Step::Kind::ack, .bytes = {}, .a = 9, .outcome = {}, .error = {}});
  });
  std::uint64_t offset = 0;
  int kind = 0;
  EXPECT_EQ(ws.next_output(offset, kind).payload, every);
  EXPECT_EQ(offset, 7u);
  EXPECT_EQ(kind, 1);
  EXPECT_EQ(ws.next_output(offset, kind).payload, "oops");
  EXPECT_EQ(offset, 263u);
  EXPECT_EQ(kind, 2);
  EXPECT_EQ(ws.next_json(), nlohmann::json::parse(R"({"gap":{"from":267,"to":300}})"));
  EXPECT_EQ(ws.next_json(), nlohmann::json::parse(R"({"stdin_ack":9})"));

  ws.send_input(3, every);
  ws.send_input(3 + 256, "more");
  ws.send_text(R"({"resize":{"rows":50,"cols":132}})");
  ws.send_text(R"({"signal":"INT"})");
  ws.send_text(R"({"eof":263})");
  EXPECT_TRUE(server.eventually([&] { return script->eof.has_value(); }));
  server.on_loop([&] {
    EXPECT_EQ(script->input, every + "more");
    EXPECT_EQ(script->eof, 263u);
    EXPECT_EQ(script->sizes.at(0).cols, 132);
    EXPECT_EQ(script->signals.at(0), 2);
    script->end({session::Outcome::Kind::exited, 3, 0, ""});
  });
  EXPECT_EQ(ws.next_json(),
            nlohmann::json::parse(R"({"end":{"outcome":{"kind":"exited","code":3,"exit_code":3}}})"));
  EXPECT_EQ(close_code(ws.next()), 1000);
  EXPECT_TRUE(ws.client.at_end());
  EXPECT_TRUE(server.eventually([&] { return script->attached == 0; }));
}

TEST(Attach, SplitsWhatIsTooLargeForOneMessage) {
  TestServer server;
  auto script = server.script();
  std::string large(600 * 1024, 'x');
  server.on_loop([&] { script->print(large); });
  auto ws = attach(server);
  ws.next_json();
  std::string got;
  while (got.size() < large.size()) {
    std::uint64_t offset = 0;
    int kind = 0;
    auto frame = ws.next_output(offset, kind);
    ASSERT_EQ(frame.opcode, 2);
    EXPECT_LE(frame.payload.size(), 256u * 1024);
    EXPECT_EQ(offset, got.size());
    got += frame.payload;
  }
  EXPECT_EQ(got, large);
}

TEST(Attach, LetsASlowReaderCostLittleAndStallNobody) {
  TestServer server;
  auto slow_script = server.script();
  constexpr std::uint64_t kFlood = 1ULL << 30;
  server.on_loop([&] {
    slow_script->flood = kFlood;
    server.sessions.scripts[2] = std::make_shared<Script>(server.io.get_executor());
    server.sessions.scripts[2]->flood = 16 << 20;
  });
  auto slow = attach(server);
  EXPECT_EQ(slow.next_json()["hello"]["offset"], 0);
  WsClient other(Client::local(server), "/v1/sessions/fix/processes/2/attach");
  other.next_json();
  std::uint64_t offset = 0;
  int kind = 0;
  for (std::uint64_t got = 0; got < (16 << 20);) got += other.next_output(offset, kind).payload.size();
  server.on_loop([&] { EXPECT_LT(slow_script->pulled, 8u << 20); });
  // Reading again, it goes on where it was.
  EXPECT_EQ(slow.next_output(offset, kind).payload.size(), 256u * 1024);
  EXPECT_EQ(offset, 0u);
}

TEST(Attach, DetachesWhoVanishesInTheMiddleOfAFrame) {
  TestServer server;
  auto script = server.script();
  for (std::size_t cut : {1u, 2u, 4u, 7u, 12u}) {
    auto ws = attach(server);
    ws.next_json();
    EXPECT_TRUE(server.eventually([&] { return script->attached == 1; }));
    std::string frame("\x82\x8c\x01\x02\x03\x04 and so on and on", 20);
    ws.client.send(frame.substr(0, cut));
    ws.client.drop();
    EXPECT_TRUE(server.eventually([&] { return script->attached == 0; })) << cut;
  }
}

TEST(Attach, DetachesWhoVanishesWhileOutputWaits) {
  TestServer server;
  auto script = server.script();
  server.on_loop([&] { script->flood = 1ULL << 30; });
  auto ws = attach(server);
  ws.next_json();
  ws.client.drop();
  EXPECT_TRUE(server.eventually([&] { return script->attached == 0; }));
}

TEST(Attach, LetsSignalsOvertakeInputTheProcessDoesNotRead) {
  TestServer server;
  auto script = server.script();
  server.on_loop([&] { script->take_input = false; });
  auto ws = attach(server);
  ws.next_json();
  std::string piece(64 * 1024, 'i');
  for (std::uint64_t i = 0; i < 3; ++i) ws.send_input(i * piece.size(), piece);
  ws.send_text(R"({"signal":"INT"})");
  EXPECT_TRUE(server.eventually([&] { return !script->signals.empty(); }));
  server.on_loop([&] {
    EXPECT_EQ(script->input, "");
    script->take_input = true;
    script->changed.notify_all();
  });
  EXPECT_TRUE(server.eventually([&] { return script->input.size() == 3 * piece.size(); }));
}

TEST(Attach, StopsReadingInputThatNobodyTakes) {
  TestServer server;
  auto script = server.script();
  server.on_loop([&] { script->take_input = false; });
  auto ws = attach(server);
  ws.next_json();
  timeval soon{0, 300'000};
  ::setsockopt(ws.client.fd(), SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
  std::string frame = std::string("\x82\xff", 2) + std::string("\0\0\0\0\0\1\0\0", 8) + std::string(4, '\0');
  std::size_t sent = 0;
  std::string payload(65536, '\0');
  while (sent < (64 << 20) && ws.client.send(frame + payload)) {
    sent += payload.size();
    for (std::size_t i = 0; i < 8; ++i)
      payload[1 + i] = static_cast<char>((sent - 9 * (sent / payload.size())) >> (8 * i));
  }
  EXPECT_LT(sent, 8u << 20);
}

struct Bad {
  int opcode;
  std::string payload;
  bool masked;
  int code;
};

TEST(Attach, RefusesWhatBreaksTheRules) {
  TestServer server;
  auto script = server.script();
  const Bad cases[] = {
      {1, "{", true, 1008},
      {1, R"({"resize":{"rows":0,"cols":1}})", true, 1008},
      {1, R"({"resize":{"rows":1,"cols":1},"eof":1})", true, 1008},
      {1, R"({"shout":1})", true, 1008},
      {1, R"({"signal":"NOPE"})", true, 1008},
      {1, "{}", true, 1008},
      {2, "", true, 1008},
      {2, std::string(9, '\1'), true, 1008},
      {2, std::string("\0\xff\0\0\0\0\0\0\0hole", 13), true, 1008},
      {2, std::string(9, '\0') + std::string(128 * 1024 + 1, 'x'), true, 1009},
      {1, "\xff\xfe", true, 1007},
      {3, "", true, 1002},
      {2, std::string(9, '\0'), false, 1002},
  };
  for (const auto& bad : cases) {
    auto ws = attach(server);
    ws.next_json();
    ws.send_frame(bad.opcode, bad.payload, bad.masked);
    auto frame = ws.next();
    if (bad.code == 1008) {
      EXPECT_EQ(frame.opcode, 1) << bad.payload;
      EXPECT_TRUE(nlohmann::json::parse(frame.payload)["error"].contains("detail"));
      frame = ws.next();
    }
    EXPECT_EQ(close_code(frame), bad.code) << bad.payload.substr(0, 40);
    EXPECT_TRUE(server.eventually([&] { return script->attached == 0; }));
  }
}

TEST(Attach, LetsReadersOnlyRead) {
  TestServer server;
  auto ws = attach(server, "");
  ws.next_json();
  ws.send_input(0, "x");
  EXPECT_EQ(ws.next_json()["error"]["code"], "denied");
  EXPECT_EQ(close_code(ws.next()), 1008);
}

TEST(Attach, AWatcherIsRefusedWithAWordAndMayTakeOver) {
  TestServer server;
  Document document;
  auto script = server.script();
  server.on_loop([&] { script->pen_taken = true; });
  auto ws = attach(server, "?write=1&key=0123456789abcdef");
  auto hello = ws.next_json();
  EXPECT_EQ(hello["hello"]["pen"], (nlohmann::json{{"yours", false}, {"by", "uid:7"}})) << hello;
  EXPECT_EQ(document.mismatch("/components/schemas/AttachServerMessage", hello), "");
  ws.send_input(0, "x");
  auto refused = ws.next_json();
  EXPECT_EQ(refused["refused"]["by"], "uid:7");
  EXPECT_EQ(document.mismatch("/components/schemas/AttachServerMessage", refused), "");
  ws.send_text(R"({"resize":{"rows":1,"cols":1}})");
  EXPECT_TRUE(ws.next_json().contains("refused"));
  ws.send_text(R"({"take_over":true})");
  auto pen = ws.next_json();
  EXPECT_EQ(pen["pen"]["yours"], true);
  EXPECT_EQ(pen["pen"]["stdin_offset"], 0);
  EXPECT_EQ(document.mismatch("/components/schemas/AttachServerMessage", pen), "");
  ws.send_input(0, "y");
  EXPECT_TRUE(server.eventually([&] { return script->input == "y"; }));
  EXPECT_TRUE(script->sizes.empty());
  EXPECT_EQ(script->spec.key, "0123456789abcdef");
  server.on_loop([&] {
    script->pen_taken = true;
    Script::Step step;
    step.kind = Script::Step::Kind::pen;
    script->push(step);
  });
  EXPECT_EQ(ws.next_json()["pen"]["yours"], false);
  ws.send_frame(8, std::string("\x03\xe8", 2));
  EXPECT_TRUE(server.eventually([&] { return script->goodbyes == 1; }));
}

TEST(Attach, WatchesAndKeysAreChecked) {
  TestServer server;
  auto ws = attach(server, "?watch=1");
  EXPECT_EQ(ws.next_json()["hello"]["pen"]["yours"], false);
  EXPECT_EQ(attach(server, "?write=1&key=short").handshake.status, 400);
  EXPECT_EQ(attach(server, "?write=1&key=not%20letters").handshake.status, 400);
  EXPECT_FALSE(attach(server, "").next_json()["hello"].contains("pen"));
}

TEST(Attach, KeepsGivingOutputWhenTheProcessTakesNoMoreInput) {
  TestServer server;
  auto script = server.script();
  server.on_loop([&] { script->input_result = Error{Code::conflict, "it has ended", "", false}; });
  auto ws = attach(server);
  ws.next_json();
  ws.send_input(0, "x");
  ws.send_input(1, "y");
  server.on_loop([&] { script->print("still here"); });
  std::uint64_t offset = 0;
  int kind = 0;
  EXPECT_EQ(ws.next_output(offset, kind).payload, "still here");
}

TEST(Attach, TellsWhyItFailed) {
  TestServer server;
  auto script = server.script();
  server.on_loop([&] {
    Script::Step step;
    step.kind = Script::Step::Kind::error;
    step.error = Error{Code::corrupt, "the log is damaged", "", false};
    script->push(step);
  });
  auto ws = attach(server);
  ws.next_json();
  EXPECT_EQ(ws.next_json()["error"]["detail"], "the log is damaged");
  EXPECT_EQ(close_code(ws.next()), 1011);
}

TEST(Attach, SaysThatTheServiceRestarts) {
  TestServer server;
  auto idle = attach(server);
  idle.next_json();
  server.stop(Millis{5000});
  EXPECT_EQ(close_code(idle.next()), 1012);
}

TEST(Attach, DropsWhoGivesNoSignOfLife) {
  TestServer server([](Config& config) { config.limits.ping_interval = Millis{50}; });
  auto silent = attach(server);
  silent.silent = true;
  silent.next_json();
  EXPECT_EQ(silent.next().opcode, -1);
  EXPECT_GE(silent.pings, 1);
  EXPECT_TRUE(server.eventually([&] { return server.script()->attached == 0; }));
}

// The interval is one within which also a busy machine answers.
TEST(Attach, KeepsWhoAnswers) {
  TestServer server([](Config& config) { config.limits.ping_interval = Millis{2000}; });
  auto lively = attach(server);
  lively.next_json();
  for (int i = 0; i < 3; ++i) {
    auto head = lively.client.receive_exactly(2);
    ASSERT_EQ(head.size(), 2u);
    ASSERT_EQ(head[0] & 0x0F, 9);
    lively.send_frame(10, lively.client.receive_exactly(static_cast<std::size_t>(head[1])));
  }
  server.on_loop([&] { server.script()->print("x"); });
  std::uint64_t offset = 0;
  int kind = 0;
  EXPECT_EQ(lively.next_output(offset, kind).payload, "x");
}

TEST(Attach, RefusesBeforeTheSwitchWithAProblem) {
  TestServer server;
  auto client = Client::local(server);
  EXPECT_EQ(client.ask("GET", kPath).status, 426);
  EXPECT_EQ(WsClient(Client::local(server), "/v1/sessions/nope/processes/1/attach").handshake.status, 404);
  EXPECT_EQ(WsClient(Client::local(server), "/v1/sessions/fix/processes/9/attach").handshake.status, 404);
  EXPECT_EQ(WsClient(Client::local(server), "/v1/sessions/fix/processes/x/attach").handshake.status, 400);
  EXPECT_EQ(WsClient(Client::local(server), std::string(kPath) + "?from=-1").handshake.status, 400);
  EXPECT_EQ(WsClient(Client::local(server), std::string(kPath) + "?write=maybe").handshake.status, 400);
}

}  // namespace
}  // namespace brig::api::test
