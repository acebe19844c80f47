// Files and ports of a sandbox over HTTP: bodies larger than memory's bounds, and what breaks off.
#include <gtest/gtest.h>

#include "support/schema.hpp"
#include "support/server.hpp"
#include "tar/entry.hpp"

namespace brig::api::test {
namespace {

class Text final : public tar::Sink {
 public:
  bool write(const char* bytes, std::size_t size) override {
    all.append(bytes, size);
    return true;
  }
  std::string all;
};

std::string archive_of(const std::string& name, const std::string& content,
                       tar::Kind kind = tar::Kind::file) {
  Text out;
  tar::Entry entry;
  entry.kind = kind;
  entry.mode = 0644;
  entry.name = name.c_str();
  entry.size = content.size();
  write_entry(out, entry);
  out.write(content.data(), content.size());
  write_padding(out, content.size());
  write_end(out);
  return out.all;
}

const std::string kFiles = "/v1/sessions/fix/files?path=";

TEST(Files, ComeAsAnArchiveOrRaw) {
  TestServer server;
  std::string content(300'000, 'x');
  server.reach.archives["/tmp/f"] = archive_of("f", content);
  server.reach.archives["/tmp/d"] = archive_of("d/", "", tar::Kind::directory);
  auto client = Client::local(server);
  auto whole = client.ask("GET", kFiles + "/tmp/f");
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.header("Content-Type"), "application/x-tar");
  EXPECT_EQ(whole.body, server.reach.archives["/tmp/f"]);
  EXPECT_TRUE(whole.complete);
  auto raw = Client::local(server).ask("GET", kFiles + "/tmp/f&raw=1");
  EXPECT_EQ(raw.status, 200);
  EXPECT_TRUE(raw.body == content);
  EXPECT_TRUE(raw.complete);
  auto directory = Client::local(server).ask("GET", kFiles + "/tmp/d&raw=1");
  EXPECT_EQ(directory.status, 409);
  EXPECT_NE(directory.body.find("without raw"), std::string::npos) << directory.body;
  EXPECT_EQ(Client::local(server).ask("GET", kFiles + "/nope").status, 404);
}

TEST(Files, AnArchiveThatBreaksOffIsNotCalledWhole) {
  TestServer server;
  server.reach.archives["/f"] = archive_of("f", std::string(5000, 'x')).substr(0, 3000);
  server.reach.breaks = Error{Code::unavailable, "killed", "test", false};
  auto answer = Client::local(server).ask("GET", kFiles + "/f");
  EXPECT_EQ(answer.body.size(), 3000u);
  EXPECT_FALSE(answer.complete);
  EXPECT_FALSE(Client::local(server).ask("GET", kFiles + "/f&raw=1").complete);
}

TEST(Files, RubbishFromTheSandboxIsNoFile) {
  TestServer server;
  server.reach.archives["/f"] = std::string(100'000, 'r');
  auto answer = Client::local(server).ask("GET", kFiles + "/f&raw=1");
  EXPECT_EQ(answer.status, 502) << answer.body;
}

TEST(Files, AreTakenWithLengthOrInChunks) {
  TestServer server;
  auto archive = archive_of("f", std::string(3'000'000, 'y'));  // more than any body that is kept
  auto client = Client::local(server);
  auto sent = client.ask("PUT", kFiles + "/tmp&top=f", archive, "Expect: 100-continue\r\n");
  EXPECT_EQ(sent.status, 204) << sent.body;
  EXPECT_TRUE(server.reach.uploaded == archive);
  EXPECT_EQ(server.reach.spec.top, "f");
  EXPECT_EQ(server.reach.spec.path, "/tmp");
  // The connection goes on where the body ended.
  EXPECT_EQ(client.ask("GET", "/v1/version").status, 200);

  server.on_loop([&] { server.reach.uploaded.clear(); });
  auto chunked = Client::local(server);
  chunked.send("PUT " + kFiles + "/tmp HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  chunked.send(
      "5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nTrailer: t\r\n\r\nGET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(chunked.answer().status, 204);
  EXPECT_EQ(server.reach.uploaded, "hello!");
  EXPECT_EQ(chunked.answer().status, 200);
}

TEST(Files, RawBecomesAnArchiveOfOne) {
  TestServer server;
  auto answer = Client::local(server).ask("PUT", kFiles + "/tmp/f&raw=1&mode=755", "content");
  EXPECT_EQ(answer.status, 204) << answer.body;
  EXPECT_EQ(server.reach.uploaded.size(), 512u + 512 + 1024);
  EXPECT_EQ(server.reach.uploaded.substr(0, 5), std::string("file\0", 5));
  EXPECT_EQ(server.reach.uploaded.substr(100, 7), "0000755");
  EXPECT_EQ(server.reach.uploaded.substr(512, 7), "content");
}

TEST(Files, NamesAreBytes) {
  TestServer server;
  server.reach.archives["/tmp/n\xff\xfe"] = archive_of("n\xff\xfe", "x");
  EXPECT_EQ(Client::local(server).ask("GET", kFiles + "/tmp/n%FF%FE").status, 200);
  EXPECT_EQ(Client::local(server).ask("GET", "/v1/sessions?label=a%3D%FF").status, 400);
}

TEST(Files, BadRequestsAreRefusedWithTheField) {
  TestServer server;
  Document document;
  const std::pair<std::string, int> bad[] = {
      {"/v1/sessions/fix/files", 400},
      {kFiles + "relative", 400},
      {kFiles + "/f&raw=1&mode=999", 400},
      {kFiles + "/f&raw=1&mode=1777", 400},
      {kFiles + "/f&mode=644", 400},
      {kFiles + "/f&raw=1&top=x", 400},
      {kFiles + "/f&top=a%2Fb", 400},
      {kFiles + "/f&top=..", 400},
      {kFiles + "/f%00", 400},
  };
  for (const auto& [target, status] : bad) {
    auto answer = Client::local(server).ask("PUT", target, "x");
    EXPECT_EQ(answer.status, status) << target << answer.body;
    EXPECT_EQ(document.mismatch("/components/schemas/Problem", answer.json()), "") << target;
  }
  auto chunked = Client::local(server);
  chunked.send("PUT " + kFiles +
               "/f&raw=1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  EXPECT_EQ(chunked.answer().status, 411);
  auto viewer = server.token(session::Caller::Role::viewer);
  auto denied = Client::tls(server).ask("GET", kFiles + "/f", "", "Authorization: Bearer " + viewer + "\r\n");
  EXPECT_EQ(denied.status, 403);
}

TEST(Files, WhoGoesAwayInTheMiddleGivesUp) {
  TestServer server;
  auto client = Client::local(server);
  client.send("PUT " + kFiles + "/tmp HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf");
  EXPECT_TRUE(server.eventually([&] { return server.reach.uploaded == "half"; }));
  client.drop();
  EXPECT_TRUE(server.eventually([&] { return server.reach.given_up; }));
  EXPECT_FALSE(server.reach.finished);
}

TEST(Files, AnAnswerDoesNotWaitForTheWholeBody) {
  TestServer server;
  server.reach.refuse =
      Error{Code::exhausted, "cannot write 'f' in the sandbox: No space left", "test", false};
  auto client = Client::local(server);
  client.send("PUT " + kFiles + "/tmp HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\nhalf");
  auto answer = client.answer();
  EXPECT_EQ(answer.status, 507);
  EXPECT_EQ(answer.header("Connection"), "close");
}

TEST(Files, BrokenChunksAreRefused) {
  for (const char* body :
       {"zz\r\n", "5\r\nhelloX\r\n", "5\nhello\r\n", "-1\r\n", "\r\n", "4000000000000000000\r\n"}) {
    TestServer server;
    auto client = Client::local(server);
    client.send("PUT " + kFiles + "/tmp HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
                std::string(body));
    EXPECT_EQ(client.answer().status, 400) << body;
    EXPECT_FALSE(server.reach.finished);
  }
}

WsClient tunnel(TestServer& server, int port) {
  return WsClient(Client::local(server), "/v1/sessions/fix/ports/" + std::to_string(port), "",
                  "brig.port.v1");
}

TEST(Ports, CarryBothWaysAndEachEndsByItself) {
  TestServer server;
  auto port = server.reach.listen(3000);
  port->on_heard = [](FakePort& p) {
    if (!p.heard_end) return;
    p.to_client = "you said " + p.heard;
    p.ended = true;
  };
  auto ws = tunnel(server, 3000);
  ASSERT_EQ(ws.handshake.status, 101);
  EXPECT_EQ(ws.handshake.header("Sec-WebSocket-Protocol"), "brig.port.v1");
  std::string bytes("\0\xff one", 6);
  ws.send_frame(2, bytes);
  ws.send_text("{\"end\":true}");
  auto answer = ws.next();
  EXPECT_EQ(answer.opcode, 2);
  EXPECT_EQ(answer.payload, "you said " + bytes);
  EXPECT_EQ(ws.next().payload, "{\"end\":true}");
  auto farewell = ws.next();
  EXPECT_EQ(farewell.opcode, 8);
  EXPECT_EQ(farewell.payload.substr(0, 2), std::string("\x03\xe8", 2));
  EXPECT_TRUE(server.eventually([&] { return port->gone; }));
}

TEST(Ports, ARefusalIsReadable) {
  TestServer server;
  auto ws = tunnel(server, 3001);
  EXPECT_EQ(ws.handshake.status, 503);
  EXPECT_NE(ws.handshake.body.find("Connection refused"), std::string::npos);
  EXPECT_EQ(tunnel(server, 0).handshake.status, 400);
  EXPECT_EQ(tunnel(server, 65536).handshake.status, 400);
}

TEST(Ports, ABreakIsTold) {
  TestServer server;
  auto port = server.reach.listen(3000);
  auto ws = tunnel(server, 3000);
  server.on_loop([&] {
    port->broken = true;
    port->changed.notify_all();
  });
  EXPECT_EQ(ws.next_json()["error"]["code"], "unavailable");
  EXPECT_EQ(ws.next().opcode, 8);
}

TEST(Ports, WhoBreaksTheRulesIsTold) {
  TestServer server;
  server.reach.listen(3000);
  auto ws = tunnel(server, 3000);
  ws.send_text("{\"end\":true}");
  ws.send_frame(2, "more");
  EXPECT_EQ(ws.next_json()["error"]["code"], "invalid");
  EXPECT_EQ(ws.next().payload.substr(0, 2), std::string("\x03\xf0", 2));
}

TEST(Ports, AMessageThatIsTooLongIsToldSo) {
  TestServer server;
  server.reach.listen(3000);
  auto ws = tunnel(server, 3000);
  ws.send_frame(2, std::string(128 * 1024 + 10, 'x'));
  EXPECT_EQ(ws.next().payload.substr(0, 2), std::string("\x03\xf1", 2));
}

TEST(Ports, AClientThatTakesNothingMoreIsDropped) {
  TestServer server([](Config& config) { config.limits.ping_interval = Millis{50}; });
  auto port = server.reach.listen(3000);
  port->to_client.assign(std::size_t{32} << 20, 'x');  // more than is under way to anybody
  auto ws = tunnel(server, 3000);
  ASSERT_EQ(ws.handshake.status, 101);
  EXPECT_TRUE(server.eventually([&] { return port->gone; }));
}

TEST(Ports, AClientThatVanishesLetsGo) {
  TestServer server;
  auto port = server.reach.listen(3000);
  auto ws = tunnel(server, 3000);
  ws.client.drop();
  EXPECT_TRUE(server.eventually([&] { return port->gone; }));
}

}  // namespace
}  // namespace brig::api::test
