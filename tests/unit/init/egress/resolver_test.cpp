// The resolver on 127.0.0.1:53, and the connections made to the addresses it gives.
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init_egress/dns.hpp"
#include "inside.hpp"

namespace brig::init::egress {
namespace {

int rcode_of(const std::string& answer) {
  return answer.size() < 12 ? -1 : answer[3] & 15;
}
int answers_of(const std::string& answer) {
  return answer.size() < 12 ? -1 : answer[7];
}
// The last four bytes before an OPT record of 11 bytes.
std::string address_of(const std::string& answer) {
  char text[16] = {};
  if (answers_of(answer) == 1 && answer.size() > 15)
    ::inet_ntop(AF_INET, answer.data() + answer.size() - 15, text, sizeof text);
  return text;
}

Verdict by_name(const Heard& heard) {
  if (heard.host == "evil.example")
    return {Status::denied, "evil.example is not allowed\nbrig egress allow fix evil.example", {}, false};
  if (heard.host == "nowhere.example")
    return {Status::unresolvable, "there is no nowhere.example", {}, false};
  if (heard.host == "busy.example") return {Status::limit, "too many questions", {}, false};
  if (heard.request.kind == Kind::resolve) return {Status::ok, "", {80, 443}, false};
  return {};
}

using Resolver = Inside;

TEST_F(Resolver, AllowedNamesGetAnAddressOfTheirOwn) {
  FakeBrigd brigd(egress_path(), by_name);
  start();
  auto first = ask_udp(query("api.example.com", kA));
  EXPECT_EQ(rcode_of(first), 0);
  EXPECT_TRUE(address_of(first).starts_with("127.9.")) << address_of(first);
  EXPECT_EQ(address_of(ask_udp(query("API.example.COM", kA))), address_of(first));
  auto other = address_of(ask_udp(query("other.example.com", kA)));
  EXPECT_TRUE(other.starts_with("127.9."));
  EXPECT_NE(other, address_of(first));
  auto heard = brigd.heard().at(0);
  EXPECT_EQ(heard.request.kind, Kind::resolve);
  EXPECT_EQ(heard.request.via, Via::resolver);
  EXPECT_EQ(heard.request.pid, static_cast<std::uint32_t>(::getpid()));
  EXPECT_EQ(heard.host, "api.example.com");
  // Backwards too.
  in_addr address{};
  ::inet_pton(AF_INET, other.c_str(), &address);
  auto* b = reinterpret_cast<unsigned char*>(&address);
  std::string name = std::to_string(b[3]) + "." + std::to_string(b[2]) + "." + std::to_string(b[1]) + "." +
                     std::to_string(b[0]) + ".in-addr.arpa";
  EXPECT_NE(ask_udp(query(name, kPtr)).find("\5other\7example\3com"), std::string::npos);
  EXPECT_NE(ask_udp(query("1.0.0.127.in-addr.arpa", kPtr)).find("\x09localhost"), std::string::npos);
  EXPECT_EQ(rcode_of(ask_udp(query("1.2.0.192.in-addr.arpa", kPtr))), 3);
}

TEST_F(Resolver, OtherTypesOfAllowedNamesAreEmpty) {
  FakeBrigd brigd(egress_path(), by_name);
  start();
  for (auto type : std::initializer_list<std::uint16_t>{28, 65, 33, 15, 6}) {
    auto answer = ask_udp(query("api.example.com", type));
    EXPECT_EQ(rcode_of(answer), 0);
    EXPECT_EQ(answers_of(answer), 0);
  }
}

TEST_F(Resolver, DeniedNamesDoNotExistAndTheReasonIsSaid) {
  FakeBrigd brigd(egress_path(), by_name);
  start();
  auto answer = ask_udp(query("evil.example", kA));
  EXPECT_EQ(rcode_of(answer), 3);
  EXPECT_NE(answer.find(std::string("\0\x0f", 2) + "evil.example is not allowed"), answer.npos)
      << testing::PrintToString(answer);
  EXPECT_EQ(ask_udp(query("evil.example", kA, false)).find("not allowed"), std::string::npos);
  EXPECT_EQ(rcode_of(ask_udp(query("evil.example", kAaaa))), 3);
  auto text = ask_udp(query("evil.example", kTxt, false));
  EXPECT_EQ(rcode_of(text), 0);
  EXPECT_NE(text.find("brig egress allow fix evil.example"), text.npos);
  EXPECT_EQ(rcode_of(ask_udp(query("nowhere.example", kA))), 3);
  EXPECT_EQ(rcode_of(ask_udp(query("busy.example", kA))), 2);
}

TEST_F(Resolver, AnswersForLocalhostItself) {
  start();
  EXPECT_EQ(address_of(ask_udp(query("localhost", kA))), "127.0.0.1");
  EXPECT_EQ(address_of(ask_udp(query("app.LOCALHOST", kA))), "127.0.0.1");
  EXPECT_EQ(answers_of(ask_udp(query("localhost", kAaaa))), 1);
  EXPECT_EQ(rcode_of(ask_udp(query("", kA))), 0);
}

TEST_F(Resolver, SaysThatBrigdIsAway) {
  start();
  auto answer = ask_udp(query("api.example.com", kA));
  EXPECT_EQ(rcode_of(answer), 2);
  EXPECT_NE(answer.find("Brig's service is away"), answer.npos);
  FakeBrigd brigd(egress_path(), by_name);
  EXPECT_EQ(rcode_of(ask_udp(query("api.example.com", kA))), 0);
}

TEST_F(Resolver, SpeaksOverTcp) {
  FakeBrigd brigd(egress_path(), by_name);
  start();
  auto fd = dial("127.0.0.1", 53);
  std::string all;
  for (const char* name : {"api.example.com", "localhost", "evil.example", "other.example"}) {
    auto packet = query(name, kA);
    all += static_cast<char>(packet.size() >> 8);
    all += static_cast<char>(packet.size() & 0xff);
    all += packet;
  }
  say(fd, all);  // one behind the other
  for (int rcode : {0, 0, 3, 0}) {
    auto length = hear_exactly(fd, 2);
    ASSERT_EQ(length.size(), 2u);
    auto size = static_cast<std::size_t>(static_cast<unsigned char>(length[0])) << 8 |
                static_cast<unsigned char>(length[1]);
    EXPECT_EQ(rcode_of(hear_exactly(fd, size)), rcode);
  }
  say(fd, "\xff\xff");
  EXPECT_EQ(hear_all(fd), "");
}

TEST_F(Resolver, APipelineOfQuestionsWhileBrigdIsAwayIsAnsweredToo) {
  start();
  auto fd = dial("127.0.0.1", 53);
  auto packet = query("api.example.com", kA);
  std::string one = std::string(1, '\0') + static_cast<char>(packet.size()) + packet, all;
  constexpr int kMany = 500;
  for (int i = 0; i < kMany; ++i) all += one;
  std::thread sender([&] { say(fd, all); });
  for (int i = 0; i < kMany; ++i) {
    auto length = hear_exactly(fd, 2);
    ASSERT_EQ(length.size(), 2u);
    EXPECT_EQ(rcode_of(hear_exactly(fd, static_cast<unsigned char>(length[1]))), 2);
  }
  sender.join();
}

TEST_F(Resolver, ConnectionsToTheAddressAreAskedForByName) {
  FakeBrigd brigd(egress_path(), by_name);
  std::uint16_t port = 0;
  auto listener = listen(port);
  brigd.upstream = port;
  brigd.wants_sockets = true;
  start();
  auto address = address_of(ask_udp(query("api.example.com", kA)));
  auto client = dial(address, 443);
  ASSERT_TRUE(client);
  auto far = accept(listener);
  say(far, "banner");
  EXPECT_EQ(hear_exactly(client, 6), "banner");
  auto heard = brigd.heard().back();
  EXPECT_EQ(heard.host, "api.example.com");
  EXPECT_EQ(heard.request.port, 443);
  EXPECT_EQ(heard.request.via, Via::transparent);
  EXPECT_EQ(heard.request.pid, static_cast<std::uint32_t>(::getpid()));
  EXPECT_FALSE(dial(address, 444));
  // The address stands for the name at the proxy as well.
  auto proxied = proxy();
  say(proxied, "CONNECT " + address + ":8443 HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(hear(proxied, "\r\n\r\n").starts_with("HTTP/1.1 200"));
  EXPECT_EQ(brigd.heard().back().host, "api.example.com");
}

TEST_F(Resolver, ADenialAtTheConnectionIsAtOnceAndReadableOnPort80) {
  FakeBrigd brigd(egress_path(), [](const Heard& heard) {
    if (heard.request.kind == Kind::resolve) return Verdict{Status::ok, "", {80, 443}, false};
    return Verdict{Status::denied, "no more", {}, false};
  });
  start();
  auto address = address_of(ask_udp(query("api.example.com", kA)));
  auto client = dial(address, 80);
  EXPECT_TRUE(hear_all(client).starts_with("HTTP/1.1 403 no more"));
  client = dial(address, 443);
  EXPECT_EQ(hear_all(client), "");
}

TEST_F(Resolver, APortThatSomebodyInsideHasIsLeftToThem) {
  FakeBrigd brigd(egress_path(), [](const Heard&) { return Verdict{Status::ok, "", {8080}, false}; });
  start();
  UniqueFd taken(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(8080);
  ASSERT_EQ(::bind(taken.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  ASSERT_EQ(::listen(taken.get(), 1), 0);
  auto answer = ask_udp(query("api.example.com", kA));
  EXPECT_EQ(rcode_of(answer), 2);
  EXPECT_NE(answer.find("can't be listened on"), answer.npos);
  taken.reset();
  EXPECT_EQ(rcode_of(ask_udp(query("api.example.com", kA))), 0);
}

TEST_F(Resolver, NonsenseIsAnsweredAsSuchOrNotAtAll) {
  FakeBrigd brigd(egress_path(), by_name);
  start();
  auto good = query("api.example.com", kA);
  auto with = [&](std::size_t at, char value) {
    auto bad = good;
    bad[at] = value;
    return bad;
  };
  EXPECT_EQ(rcode_of(ask_udp(with(5, 2))), 1);          // two questions
  EXPECT_EQ(rcode_of(ask_udp(with(7, 1))), 1);          // answers in a question
  EXPECT_EQ(rcode_of(ask_udp(with(2, 0x28))), 4);       // an update
  EXPECT_EQ(rcode_of(ask_udp(with(12, '\xc0'))), 1);    // a pointer
  EXPECT_EQ(rcode_of(ask_udp(good + "x")), 1);          // something behind it
  EXPECT_EQ(rcode_of(ask_udp(good.substr(0, 20))), 1);  // cut off
  EXPECT_EQ(rcode_of(ask_udp(good + std::string(600, 'x'))), 1);
  EXPECT_EQ(rcode_of(ask_udp(with(13, '.'))), 3);  // a dot within a label
  EXPECT_EQ(rcode_of(ask_udp(with(13, '\0'))), 3);
  EXPECT_TRUE(brigd.heard().empty());
}

TEST_F(Resolver, ListenersDoNotTakeWhatConnectionsNeed) {
  FakeBrigd brigd(egress_path(), [](const Heard& heard) {
    if (heard.request.kind == Kind::connect) return Verdict{Status::denied, "no", {}, false};
    return Verdict{Status::ok, "", {443, 80, 5432, 22}, false};
  });
  start(256);  // 56 listeners
  int refused = 0;
  for (int i = 0; i < 20; ++i) {
    if (rcode_of(ask_udp(query("n" + std::to_string(i) + ".example", kA))) == 2) ++refused;
  }
  EXPECT_EQ(refused, 20 - 56 / 4);
  std::vector<UniqueFd> many;
  for (int i = 0; i < 55; ++i) many.push_back(proxy());
  auto client = proxy();
  say(client, "CONNECT h.example:443 HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(hear_all(client).starts_with("HTTP/1.1 403 "));
}

TEST_F(Resolver, HasRoomForSoManyNamesAndSaysWhenThereIsNone) {
  FakeBrigd brigd(egress_path(), [](const Heard&) {
    return Verdict{Status::ok, "", {443, 80, 5432, 22}, false};
  });
  start(16384);
  int refused = 0;
  for (int i = 0; i < 600; ++i) {
    auto answer = ask_udp(query("n" + std::to_string(i) + ".example", kA));
    // All are fresh: there is no room beyond 512, and that is said.
    if (rcode_of(answer) == 2) ++refused;
  }
  EXPECT_EQ(refused, 600 - 512);
  EXPECT_LT(rss_kb(helper()), 1024);
}

}  // namespace
}  // namespace brig::init::egress
