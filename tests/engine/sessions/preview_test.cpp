// A web page inside, seen from outside by its URL.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "brigd.hpp"

namespace brig::test {
namespace {

using testing::HasSubstr;

class Preview : public testing::Test, public testing::WithParamInterface<const char*> {
 protected:
  Preview()
      : address(free_address()),
        port(static_cast<std::uint16_t>(std::stoi(address.substr(address.find(':') + 1)))),
        brigd("[preview]\nlisten = \"" + address + "\"\n") {}

  // As a browser that keeps cookies would.
  harness::Finished curl(const std::string& url, std::vector<std::string> more = {}) {
    auto host = url.substr(7, url.find(':', 7) - 7);
    std::vector<std::string> args = {"/usr/bin/curl",
                                     "-sS",
                                     "--resolve",
                                     host + ":" + std::to_string(port) + ":127.0.0.1",
                                     "-m",
                                     "60",
                                     "-w",
                                     "\n%{http_code}"};
    args.insert(args.end(), more.begin(), more.end());
    args.push_back(url);
    auto done = harness::run(args);
    if (!done) ADD_FAILURE() << done.error().message;
    return done ? *done : harness::Finished{-1, "", ""};
  }

  UniqueFd connect() {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  static void send(const UniqueFd& fd, std::string_view bytes) {
    while (!bytes.empty()) {
      auto n = ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  // Up to that, or the end.
  static std::string receive(const UniqueFd& fd, const std::string& end) {
    std::string all;
    char piece[65536];
    while (!all.ends_with(end)) {
      auto n = ::recv(fd.get(), piece, sizeof piece, 0);
      if (n <= 0) break;
      all.append(piece, static_cast<std::size_t>(n));
    }
    return all;
  }

  std::string address;
  std::uint16_t port;
  Brigd brigd;
};

TEST_P(Preview, ShowsThePageToWhoeverHasTheUrlUntilItIsTakenBack) {
  auto started =
      brigd.brig({"run", "box", "--name", "fix", "--empty", "--runtime", GetParam(), "-d", "--", "sh", "-c",
                  "mkdir -p /tmp/www/cgi-bin; echo hello > /tmp/www/index.html; "
                  "yes page | head -c 3000000 > /tmp/www/large; "
                  "httpd -f -p 127.0.0.1:3000 -h /tmp/www"});
  ASSERT_EQ(started.code, 0) << started.err;
  auto made = brigd.brig({"preview", "fix", "3000", "--json"});
  ASSERT_EQ(made.code, 0) << made.err;
  auto preview = nlohmann::json::parse(made.out, nullptr, false);
  std::string url = preview["url"], origin = preview["origin"], id = preview["id"], token = preview["token"];
  auto jar = (brigd.dir() / "jar").string();
  eventually(
      [&] {
        return curl(origin + "/", {"-H", "Brig-Preview-Token: " + token}).out == "hello\n\n200";
      },
      "the page is there");
  EXPECT_EQ(curl(url, {"-L", "-c", jar, "-b", jar}).out, "hello\n\n200");
  EXPECT_EQ(curl(origin + "/", {"-b", jar}).out, "hello\n\n200");
  EXPECT_THAT(curl(origin + "/").out, HasSubstr("401"));
  EXPECT_EQ(curl(origin + "/large", {"-b", jar}).out.size(), 3'000'000u + 4);
  EXPECT_THAT(curl(origin + "/none", {"-b", jar}).out, HasSubstr("404"));
  // It is the ledger's: a restart forgets none.
  brigd.kill_hard();
  brigd.start();
  eventually(
      [&] {
        return curl(origin + "/", {"-b", jar}).out == "hello\n\n200";
      },
      "the page is there again");
  auto listed = brigd.brig({"preview", "ls"});
  EXPECT_THAT(listed.out, HasSubstr(id));
  EXPECT_THAT(listed.out, HasSubstr("fix"));
  EXPECT_EQ(listed.out.find(token), std::string::npos);
  EXPECT_EQ(brigd.log().find(token), std::string::npos);
  EXPECT_EQ(brigd.brig({"preview", "rm", id}).out, id + "\n");
  EXPECT_THAT(curl(origin + "/", {"-b", jar}).out, HasSubstr("401"));
  EXPECT_EQ(brigd.brig({"preview", "rm", id}).code, 66);

  auto other = nlohmann::json::parse(brigd.brig({"preview", "fix", "3999", "--json"}).out, nullptr, false);
  EXPECT_THAT(curl(other["origin"].get<std::string>() + "/",
                   {"-H", "Brig-Preview-Token: " + other["token"].get<std::string>()})
                  .out,
              HasSubstr("502"));
  EXPECT_EQ(brigd.brig({"rm", "-f", "fix"}).code, 0);
  EXPECT_EQ(nlohmann::json::parse(brigd.brig({"preview", "ls", "--json"}).out)["previews"].size(), 0u);
  EXPECT_EQ(brigd.brig({"preview", "fix", "3000"}).code, 66);
  brigd.expect_nothing_left();
}
// What the page and its server say to each other after the switch, as bytes.
TEST_P(Preview, AWebSocketGoesThroughBothWaysUntilOneOfThemEndsIt) {
  // A server that says back what it hears, once it has heard a request.
  auto started = brigd.brig(
      {"run", "box", "--name", "fix", "--empty", "--runtime", GetParam(), "-d", "--", "sh", "-c",
       "printf '%s\n' 'while read -r l && [ ${#l} -gt 1 ]; do echo \"$l\" >> /tmp/heard; done' "
       "'printf \"HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
       "Sec-WebSocket-Accept: yes\\r\\n\\r\\n\"' 'exec cat' > /tmp/serve; nc -ll -p 3000 -e sh /tmp/serve"});
  ASSERT_EQ(started.code, 0) << started.err;
  auto made = brigd.brig({"preview", "fix", "3000", "--json"});
  auto preview = nlohmann::json::parse(made.out, nullptr, false);
  std::string origin = preview["origin"], token = preview["token"];
  std::string head =
      "GET /hot?x=1 HTTP/1.1\r\nHost: " + origin.substr(7) + "\r\nOrigin: " + origin +
      "\r\nBrig-Preview-Token: " + token +
      "\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  std::string answer;
  UniqueFd page;
  eventually(
      [&] {
        page = connect();
        send(page, head);
        answer = receive(page, "\r\n\r\n");
        return answer.starts_with("HTTP/1.1 101 ");
      },
      "the server switches");
  EXPECT_THAT(answer, HasSubstr("Sec-WebSocket-Accept: yes\r\n"));
  // Frames, as far as anybody between needs to know: bytes of any kind.
  std::string bytes;
  for (int i = 0; i < 200'000; ++i) bytes += static_cast<char>(i * 31 % 256);
  std::string echo;
  std::thread sender([&] { send(page, bytes + "over"); });
  echo = receive(page, "over");
  sender.join();
  EXPECT_TRUE(echo == bytes + "over") << echo.size();
  auto heard = brigd.brig({"exec", "fix", "--", "cat", "/tmp/heard"}).out;
  EXPECT_THAT(heard, HasSubstr("GET /hot?x=1 HTTP/1.1"));
  EXPECT_THAT(heard, HasSubstr("Upgrade: websocket"));
  EXPECT_THAT(heard, HasSubstr("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="));
  EXPECT_EQ(heard.find(token), std::string::npos) << "the page's server has no use for the token";
  // Another site's page may not open one with the person's leave.
  auto foreign = connect();
  auto theirs = head;
  theirs.replace(theirs.find("Origin: http://"), 15, "Origin: http://evil.");
  theirs.replace(theirs.find("Brig-Preview-Token: "), 20, "Cookie: brig-preview=");
  send(foreign, theirs);
  EXPECT_THAT(receive(foreign, "\r\n\r\n"), HasSubstr("HTTP/1.1 403 "));
  // Whoever takes the leave back ends what was opened by it.
  EXPECT_EQ(brigd.brig({"rm", "-f", "fix"}).code, 0);
  EXPECT_EQ(receive(page, "never"), "");
}
INSTANTIATE_TEST_SUITE_P(All, Preview, testing::Values("runc", "runsc"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace brig::test
