// Previews: who gets in, and what passes.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "support/server.hpp"

namespace brig::api::test {
namespace {

using testing::HasSubstr;
using testing::Not;

// A browser's connection to a preview.
class Page {
 public:
  explicit Page(const std::string& origin) : host_(origin.substr(7)) {
    auto port = static_cast<std::uint16_t>(std::stoi(host_.substr(host_.rfind(':') + 1)));
    fd_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    timeval limit{30, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  void send(std::string_view text) {
    EXPECT_EQ(::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  void get(const std::string& target, const std::string& headers = {}) {
    send("GET " + target + " HTTP/1.1\r\nHost: " + host_ + "\r\n" + headers + "\r\n");
  }
  // Until `end` is there, or the connection is at its end.
  std::string hear(std::string_view end = "\x01never") {
    std::string out;
    char buffer[65536];
    while (out.find(end) == std::string::npos) {
      auto n = ::recv(fd_.get(), buffer, sizeof buffer, 0);
      EXPECT_FALSE(n < 0 && errno == EAGAIN) << "neither more nor an end came after: " << out;
      if (n <= 0) break;
      out.append(buffer, static_cast<std::size_t>(n));
    }
    return out;
  }

 private:
  std::string host_;
  UniqueFd fd_;
};

struct Made {
  std::string id, token, origin, url;
};

Made make(TestServer& server, int port = 3000) {
  auto answer = Client::local(server).ask("POST", "/v1/sessions/fix/previews",
                                          R"({"port": )" + std::to_string(port) + "}");
  EXPECT_EQ(answer.status, 201) << answer.body;
  auto json = answer.json();
  return {json["id"], json["token"], json["origin"], json["url"]};
}

// A program inside that answers every request it has heard whole with `text`, and remembers it.
std::shared_ptr<FakePort> serve(TestServer& server, std::string text, int port = 3000) {
  auto out = server.reach.listen(static_cast<std::uint16_t>(port));
  out->on_heard = [text = std::move(text)](FakePort& p) {
    if (p.heard.find("\r\n\r\n") == std::string::npos || !p.to_client.empty() || p.ended) return;
    p.to_client = text;
    p.ended = true;
  };
  return out;
}

TEST(Preview, TheTokenIsExchangedForACookieThatLetsIn) {
  TestServer server;
  auto made = make(server);
  EXPECT_EQ(made.url, made.origin + "/?brig-preview-token=" + made.token);
  auto port = serve(server, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  Page first(made.origin);
  first.get("/a?brig-preview-token=" + made.token + "&b=1");
  auto answer = first.hear();
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 303 "));
  EXPECT_THAT(answer, HasSubstr("Location: /a?b=1\r\n"));
  EXPECT_THAT(answer,
              HasSubstr("Set-Cookie: brig-preview=" + made.token + "; Path=/; HttpOnly; SameSite=Lax\r\n"));
  EXPECT_EQ(port->heard, "");
  Page second(made.origin);
  second.get("/a?b=1", "Cookie: x=y; brig-preview=" + made.token + "\r\n");
  EXPECT_THAT(second.hear("hello"), HasSubstr("HTTP/1.1 200 "));
  EXPECT_THAT(port->heard, HasSubstr("GET /a?b=1 HTTP/1.1\r\nHost: localhost:3000\r\n"));
  EXPECT_THAT(port->heard, HasSubstr("Cookie: x=y\r\n"));
  EXPECT_THAT(port->heard, Not(HasSubstr(made.token)));
}

TEST(Preview, StrangersAreToldNothing) {
  TestServer server;
  auto made = make(server);
  auto other = make(server, 3001);
  serve(server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  auto ask = [&](const std::string& headers, const std::string& target = "/") {
    Page page(made.origin);
    page.get(target, headers);
    return page.hear("\r\n\r\n");
  };
  const std::vector<std::string> wrong = {"", "Cookie: brig-preview=\r\n",
                                          "Cookie: brig-preview=" + other.token + "\r\n",
                                          "Brig-Preview-Token: " + other.token + "\r\n"};
  for (const auto& headers : wrong) {
    EXPECT_THAT(ask(headers), HasSubstr("HTTP/1.1 401 ")) << headers;
  }
  EXPECT_THAT(ask("", "/?brig-preview-token=" + other.token), HasSubstr("HTTP/1.1 401 "));
  Page nowhere(made.origin);
  nowhere.send("GET / HTTP/1.1\r\nHost: localhost\r\nBrig-Preview-Token: " + made.token + "\r\n\r\n");
  EXPECT_THAT(nowhere.hear(), HasSubstr("HTTP/1.1 404 "));
  EXPECT_THAT(ask("Brig-Preview-Token: " + made.token + "\r\n"), HasSubstr("HTTP/1.1 200 "));
  // Another page's browser would send the cookie along.
  auto cookie = "Cookie: brig-preview=" + made.token + "\r\n";
  EXPECT_THAT(ask(cookie + "Origin: " + other.origin + "\r\n"), HasSubstr("HTTP/1.1 403 "));
  EXPECT_THAT(ask(cookie + "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: no-cors\r\n"),
              HasSubstr("HTTP/1.1 403 "));
}

TEST(Preview, IsOverWhenItsTimeIsOrWhenItIsTakenBack) {
  TestServer server;
  auto made = make(server);
  auto port = server.reach.listen(3000);
  Page page(made.origin);
  page.get("/", "Brig-Preview-Token: " + made.token + "\r\n");
  EXPECT_TRUE(server.eventually([&] { return port->heard.find("\r\n\r\n") != std::string::npos; }));
  EXPECT_EQ(Client::local(server).ask("DELETE", "/v1/previews/" + made.id).status, 204);
  EXPECT_EQ(page.hear(), "");  // cut off in the middle
  EXPECT_TRUE(server.eventually([&] { return port->gone; }));
  EXPECT_EQ(Client::local(server).ask("DELETE", "/v1/previews/" + made.id).status, 404);
  auto late = make(server);
  server.clock.advance(std::chrono::hours(9));
  Page after(late.origin);
  after.get("/", "Brig-Preview-Token: " + late.token + "\r\n");
  EXPECT_THAT(after.hear(), HasSubstr("HTTP/1.1 401 "));
  EXPECT_EQ(Client::local(server).ask("GET", "/v1/previews").json()["previews"].size(), 0u);
}

TEST(Preview, BodiesPassBothWaysAsTheyCome) {
  TestServer server;
  auto made = make(server);
  auto port = server.reach.listen(3000);
  port->on_heard = [](FakePort& p) {
    if (p.heard.find("0\r\n\r\n") == std::string::npos || p.ended) return;
    p.to_client =
        "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: "
        "y\r\n\r\n";
    p.ended = true;
  };
  Page page(made.origin);
  page.send("POST /up HTTP/1.1\r\nHost: " + made.origin.substr(7) + "\r\nBrig-Preview-Token: " + made.token +
            "\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
  auto answer = page.hear("0\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 200 "));
  EXPECT_THAT(answer, Not(HasSubstr("103")));
  EXPECT_TRUE(answer.ends_with("3\r\nabc\r\n0\r\n\r\n")) << answer;
  EXPECT_TRUE(port->heard.ends_with("\r\n\r\n5\r\nhello\r\n0\r\n\r\n")) << port->heard;
  // And the connection goes on.
  serve(server, "HTTP/1.0 404 Not Found\r\n\r\nuntil the end");
  page.get("/", "Brig-Preview-Token: " + made.token + "\r\n");
  EXPECT_THAT(page.hear("0\r\n\r\n"), HasSubstr("d\r\nuntil the end\r\n"));
}

TEST(Preview, RubbishIsNotPassedOn) {
  TestServer server;
  auto made = make(server);
  for (const char* text :
       {"rubbish\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        "HTTP/1.1 101 x\r\nUpgrade: h2c\r\n\r\n", ""}) {
    serve(server, text);
    Page page(made.origin);
    page.get("/", "Brig-Preview-Token: " + made.token + "\r\n");
    EXPECT_THAT(page.hear(), HasSubstr("HTTP/1.1 502 ")) << text;
  }
  auto silent = make(server, 3999);
  Page nobody(silent.origin);
  nobody.get("/", "Brig-Preview-Token: " + silent.token + "\r\n");
  EXPECT_THAT(nobody.hear(), HasSubstr("Connection refused"));
  Page smuggled(made.origin);
  smuggled.send("POST / HTTP/1.1\r\nHost: " + made.origin.substr(7) + "\r\nBrig-Preview-Token: " +
                made.token + "\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  EXPECT_THAT(smuggled.hear(), HasSubstr("HTTP/1.1 400 "));
}

TEST(Preview, WebSocketsPass) {
  TestServer server;
  auto made = make(server);
  auto port = server.reach.listen(3000);
  port->on_heard = [](FakePort& p) {
    if (p.to_client.empty() && p.heard.ends_with("\r\n\r\n"))
      p.to_client =
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Accept: x\r\n\r\n";
    if (p.heard.ends_with("ping")) p.to_client = "pong";
  };
  Page page(made.origin);
  page.get("/ws", "Brig-Preview-Token: " + made.token +
                      "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n");
  auto head = page.hear("\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("HTTP/1.1 101 "));
  EXPECT_THAT(head, HasSubstr("Sec-WebSocket-Accept: x\r\n"));
  page.send("ping");
  EXPECT_EQ(page.hear("pong"), "pong");
  EXPECT_THAT(port->heard, HasSubstr("Upgrade: websocket\r\n"));
}

TEST(Preview, IsItsOwnersAffair) {
  TestServer server;
  auto made = make(server);
  auto other = server.token(session::Caller::Role::user);
  auto headers = "Authorization: Bearer " + other + "\r\n";
  EXPECT_EQ(Client::tls(server).ask("DELETE", "/v1/previews/" + made.id, "", headers).status, 404);
  EXPECT_EQ(Client::tls(server).ask("GET", "/v1/previews", "", headers).json()["previews"].size(), 0u);
  EXPECT_EQ(Client::local(server).ask("GET", "/v1/previews").json()["previews"].size(), 1u);
  auto viewer = "Authorization: Bearer " + server.token(session::Caller::Role::viewer) + "\r\n";
  EXPECT_EQ(Client::tls(server).ask("POST", "/v1/sessions/fix/previews", R"({"port": 1})", viewer).status,
            403);
  for (const char* body :
       {"{}", R"({"port": 0})", R"({"port": 65536})", R"({"port": 1, "expires_in": "31d"})"})
    EXPECT_EQ(Client::local(server).ask("POST", "/v1/sessions/fix/previews", body).status, 400) << body;
  EXPECT_EQ(Client::local(server).ask("POST", "/v1/sessions/nope/previews", R"({"port": 1})").status, 404);
}

TEST(Preview, SaysWhoCouldTurnItOn) {
  TestServer server([](Config& config) { config.preview.reset(); });
  auto answer = Client::local(server).ask("POST", "/v1/sessions/fix/previews", R"({"port": 3000})");
  EXPECT_EQ(answer.json()["code"], "unsupported");
  EXPECT_THAT(answer.body, HasSubstr("[preview]"));
}

}  // namespace
}  // namespace brig::api::test
