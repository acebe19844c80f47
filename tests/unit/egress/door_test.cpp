// What goes through a door, what does not, and what becomes of what is under way.
#include <gmock/gmock.h>

#include "house.hpp"

namespace brig::egress::testing {
namespace {

using ::testing::HasSubstr;

// Everything that leads to this listener: as a.test, and by its address.
Rules to(const Listener& listener, const std::string& scheme = "") {
  return rules({scheme + listener.at("a.test"), listener.at("127.0.0.1")});
}

std::string get(const std::string& host) {
  return "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
}

TEST(Door, PassesWhatIsAllowedBothWays) {
  Listener far;
  House house(to(far));
  house.resolver.answers["a.test"] = {{"127.0.0.1"}};
  auto [near, said] = house.ask("A.TEST.", far.port());
  ASSERT_EQ(said.status, Status::ok) << said.message;
  auto server = far.accept();
  auto request = get(far.at("a.test"));
  near.send(request);
  EXPECT_EQ(server.read(request.size()), request);
  near.end();  // half of it
  EXPECT_EQ(server.rest(), "");
  server.send("the answer");
  server.close();
  EXPECT_EQ(near.rest(), "the answer");
  ASSERT_TRUE(house.comes_to("open closed"));
  auto line = house.account()[1];
  EXPECT_EQ(line["host"], "a.test");
  EXPECT_EQ(line["port"], far.port());
  EXPECT_EQ(line["address"], "127.0.0.1");
  EXPECT_EQ(line["rule"], far.at("a.test"));
  EXPECT_EQ(line["from"], "the request");
  EXPECT_EQ(line["process"], "curl");
  EXPECT_EQ(line["pid"], 17);
  EXPECT_EQ(line["sent"], request.size());
  EXPECT_EQ(line["received"], 10);
}

TEST(Door, MovesMuchThroughLittle) {
  Listener far;
  House house(to(far, "tcp://"));
  house.resolver.answers["a.test"] = {{"127.0.0.1"}};
  auto [near, said] = house.ask("a.test", far.port());
  ASSERT_EQ(said.status, Status::ok);
  auto server = far.accept();
  std::string much(24 << 20, '\0');
  for (std::size_t i = 0; i < much.size(); ++i) much[i] = static_cast<char>(i * 2654435761u >> 24);
  // Both directions at once, and the far end reads only when all of its own is sent.
  std::thread writer([&, s = near.get()] { Socket(::dup(s)).send(much); });
  server.send(much.substr(0, 1 << 20));
  std::string got = server.read(much.size());
  writer.join();
  EXPECT_TRUE(got == much);
  EXPECT_TRUE(near.read(1 << 20) == much.substr(0, 1 << 20));
}

TEST(Door, SaysWhatItDeniesAndWhatWouldAllowIt) {
  Listener far;
  House house(rules({"*.example.org"}, {"bad.example.org"}));
  auto [near, said] = house.ask("other.test", 443);
  EXPECT_EQ(said.status, Status::denied);
  EXPECT_EQ(said.message,
            "Brig: no rule allows other.test:443\nTo allow it: brig egress allow fix other.test");
  EXPECT_EQ(near.rest(), "");
  EXPECT_EQ(house.ask("bad.example.org", 22).second.message,
            "Brig: bad.example.org:22 is denied by the rule 'bad.example.org' of profile 'x'");
  EXPECT_EQ(house.ask("a%2eb.test", 443).second.status, Status::invalid);
  EXPECT_EQ(house.ask(std::string("a.test\0b", 8), 443).second.status, Status::invalid);
  EXPECT_EQ(house.ask("gone.example.org", 443).second.status, Status::unresolvable);
  ASSERT_TRUE(house.comes_to("denied denied invalid invalid unresolvable"));
  EXPECT_EQ(house.on([&] { return house.door->counts().denied; }), 2u);
  auto events = house.on([&] { return house.events; });
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].kind, "egress.denied");
  EXPECT_EQ(events[0].owner, "uid:1000");
  EXPECT_EQ(nlohmann::json::parse(events[0].detail)["command"], "brig egress allow fix other.test");
}

TEST(Door, LeadsNoNameIntoAPrivateNetwork) {
  Listener far;
  House house(rules({"*", "tcp://*:" + std::to_string(far.port())}));
  for (const char* address :
       {"127.0.0.1", "::ffff:127.0.0.1", "::1", "169.254.169.254", "10.0.0.1", "0.0.0.0", "fd00::1"}) {
    house.resolver.answers["a.test"] = {{address}};
    auto said = house.ask("a.test", far.port()).second;
    EXPECT_EQ(said.status, Status::denied) << address;
    EXPECT_THAT(said.message, HasSubstr("a.test resolves to"));
  }
  for (const char* spelling :
       {"127.0.0.1", "0x7f000001", "2130706433", "127.1", "0177.1", "::ffff:7f00:1", "[::1]"})
    EXPECT_EQ(house.ask(spelling, far.port()).second.status, Status::denied) << spelling;
  EXPECT_FALSE(far.was_hit());
}

TEST(Door, DialsTheAddressItChecked) {
  Listener far;
  Listener other("127.0.0.2");
  auto r = rules({"tcp://" + far.at("a.test"), far.at("127.0.0.1")});
  House house(std::move(r));
  // The name changes its mind with every question, so there must be one only.
  house.resolver.answers["a.test"] = {{"127.0.0.1"}, {"127.0.0.2"}, {"127.0.0.2"}};
  auto [near, said] = house.ask("a.test", far.port());
  ASSERT_EQ(said.status, Status::ok);
  near.send("hello");
  EXPECT_EQ(far.accept().read(5), "hello");
  EXPECT_EQ(house.on([&] { return house.resolver.asked["a.test"]; }), 1);
  EXPECT_EQ(house.ask("a.test", far.port()).second.status, Status::denied);
  // Of several, the good ones serve.
  house.on([&] { house.resolver.answers["a.test"] = {{"10.9.9.9", "127.0.0.2", "127.0.0.1"}}; });
  EXPECT_EQ(house.ask("a.test", far.port()).second.status, Status::ok);
  EXPECT_FALSE(other.was_hit());
}

TEST(Door, PassesNothingToWhomItIsNotFor) {
  Listener far;
  House house(to(far));
  house.resolver.answers["a.test"] = {{"127.0.0.1"}};
  auto refused = [&](const std::string& first, const std::string& answer) {
    auto [near, said] = house.ask("a.test", far.port());
    EXPECT_EQ(said.status, Status::ok);
    auto server = far.accept();
    near.send(first);
    EXPECT_THAT(near.rest(), HasSubstr(answer));
    EXPECT_EQ(server.rest(), "") << "not a byte";
  };
  refused(get("b.test"), "403 Forbidden");
  refused(get("b.test"), "names b.test instead");
  refused(client_hello(sni("b.test")), "\x15\x03\x03");
  refused(client_hello(""), "\x15\x03\x03");
  refused("SSH-2.0-x\r\n", "");
  ASSERT_TRUE(house.comes_to("open denied open denied open denied open denied open denied"));
  auto account = house.account();
  EXPECT_THAT(account.back()["detail"], HasSubstr("brig egress allow fix tcp://" + far.at("a.test")));
  EXPECT_EQ(account.back()["outcome"], "denied");
}

TEST(Door, PassesTlsForTheNameItself) {
  Listener far;
  House house(to(far));
  house.resolver.answers["a.test"] = {{"127.0.0.1"}};
  auto [near, said] = house.ask("a.test", far.port());
  auto server = far.accept();
  auto hello = client_hello(sni("a.test"));
  near.send(hello.substr(0, 20));
  near.send(hello.substr(20));
  EXPECT_EQ(server.read(hello.size()), hello);
}

TEST(Door, SaysWhyItCannotBeReached) {
  Listener silent("127.0.0.1", Listener::Listens::no);
  House house(rules({"127.0.0.1:*"}));
  auto said = house.ask("127.0.0.1", silent.port()).second;
  EXPECT_EQ(said.status, Status::refused);
  EXPECT_THAT(said.message, HasSubstr("is allowed, but cannot be reached: Connection refused"));
}

TEST(Door, NewRulesCutWhatTheyForbid) {
  Listener far;
  House house(to(far, "tcp://"));
  house.resolver.answers["a.test"] = {{"127.0.0.1"}};
  auto [near, said] = house.ask("a.test", far.port());
  auto server = far.accept();
  near.send("x");
  EXPECT_EQ(server.read(1), "x");
  auto r = to(far, "tcp://");
  house.on([&] { house.door->set_rules(r); });  // the same: nothing happens
  near.send("y");
  EXPECT_EQ(server.read(1), "y");
  auto deny = rules({}, {"127.0.0.0/8"});
  r.deny = deny.deny;
  house.on([&] { house.door->set_rules(r); });
  EXPECT_EQ(near.rest(), "");
  EXPECT_EQ(server.rest(), "");
  ASSERT_TRUE(house.comes_to("open cut"));
  EXPECT_THAT(house.account()[1]["detail"], HasSubstr("the rules changed"));
  EXPECT_EQ(house.ask("a.test", far.port()).second.status, Status::denied);
}

TEST(Door, ClosingCutsEverything) {
  Listener far;
  House house(to(far, "tcp://"));
  house.resolver.answers["a.test"] = {{"127.0.0.1"}};
  auto [near, said] = house.ask("a.test", far.port());
  auto server = far.accept();
  auto idle = house.knock();
  house.close();
  EXPECT_EQ(near.rest(), "");
  EXPECT_EQ(server.rest(), "");
  EXPECT_EQ(idle.rest(), "");
  EXPECT_FALSE(std::filesystem::exists(house.directory() / "egress"));
}

TEST(Door, TellsTheResolverWhichPortsAreWorthATry) {
  auto r = rules({"a.test", "tcp://a.test:5432", "*.b.test:*"}, {"a.test:80"});
  House house(r);
  auto ports = [&](const char* name) { return house.ask(name, 0).second.ports; };
  EXPECT_EQ(ports("a.test"), (std::vector<std::uint16_t>{443, 5432}));
  EXPECT_THAT(ports("x.b.test"), ::testing::IsSupersetOf({22, 80, 443, 5432}));
  auto said = house.ask("c.test", 0).second;
  EXPECT_EQ(said.status, Status::denied);
  EXPECT_THAT(said.message, HasSubstr("brig egress allow fix c.test"));
  r.ask = true;
  house.on([&] { house.door->set_rules(r); });
  EXPECT_EQ(ports("c.test"), (std::vector<std::uint16_t>{80, 443}));
}

TEST(Door, EndsWhoeverBreaksTheProtocol) {
  House house(rules({"*"}));
  for (const char* nonsense : {"GET / HTTP/1.1\r\n\r\n", "BRGE\x02", "BRGE\x01\x07", "\n"}) {
    auto near = house.knock();
    near.send(nonsense);
    near.end();
    EXPECT_EQ(near.rest(), "") << nonsense;
  }
  auto near = house.knock();
  egress_wire::Request r;
  r.host = "a.test";
  r.port = 443;
  std::byte frame[egress_wire::kMaxRequest];
  auto size = egress_wire::write_request(r, frame);
  near.send(std::string(reinterpret_cast<char*>(frame), size) + "early");
  EXPECT_EQ(near.rest(), "");
  EXPECT_EQ(house.on([&] { return house.resolver.asked.size(); }), 0u);
}

TEST(Door, BoundsWhatOneSessionMayHave) {
  Listener far;
  Limits limits;
  limits.connections = 2;
  limits.bytes = 1000;
  House house(to(far, "tcp://"), limits);
  house.resolver.answers["a.test"] = {{"127.0.0.1"}};
  auto first = house.ask("a.test", far.port());
  auto second = house.ask("a.test", far.port());
  auto third = house.ask("a.test", far.port());
  EXPECT_EQ(second.second.status, Status::ok);
  EXPECT_EQ(third.second.status, Status::limit);
  auto server = far.accept();
  first.first.send(std::string(2000, 'x'));
  EXPECT_EQ(first.first.rest(), "");
  EXPECT_EQ(house.ask("a.test", far.port()).second.status, Status::limit);
}

TEST(Door, GoesThroughTheHostsOwnProxy) {
  Listener proxy;
  Upstream upstream;
  upstream.proxy = *read_target(proxy.at("127.0.0.1"));
  upstream.authorization = Secret("Basic eHg=");
  House house(rules({"a.test", "tcp://a.test:22"}), {}, upstream);
  auto served = [&](std::string answer) {
    auto near = house.knock();
    house.request(near, "a.test", 22);
    auto server = proxy.accept();
    std::string expected =
        "CONNECT a.test:22 HTTP/1.1\r\nHost: a.test:22\r\nProxy-Authorization: Basic eHg=\r\n\r\n";
    EXPECT_EQ(server.read(expected.size()), expected);
    server.send(answer);
    auto said = house.reply(near);
    return std::make_tuple(std::move(near), std::move(server), std::move(said));
  };
  auto [near, server, said] = served("HTTP/1.1 200 OK\r\n\r\nSSH");
  ASSERT_EQ(said.status, Status::ok) << said.message;
  EXPECT_EQ(near.read(3), "SSH");
  near.send("x");
  EXPECT_EQ(server.read(1), "x");
  EXPECT_EQ(house.on([&] { return house.resolver.asked.size(); }), 0u);
  EXPECT_THAT(std::get<2>(served("HTTP/1.1 403 Forbidden\r\n\r\n")).message,
              HasSubstr("refused: 403 Forbidden"));
  EXPECT_EQ(house.ask("b.test", 443).second.status, Status::denied) << "the rules hold all the same";
}

}  // namespace
}  // namespace brig::egress::testing
