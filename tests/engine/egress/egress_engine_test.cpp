// The door out of a real sandbox. brigd runs in a network namespace of its own, where every address that is
// tried belongs to a listener of the test's: a hole shows as a hit, and nothing can leave the machine.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <atomic>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "brigd.hpp"
#include "core/files.hpp"
#include "core/text.hpp"
#include "own_hosts.hpp"

namespace brig::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

// In brigd's namespace all of these are on its loopback interface; what they are elsewhere does not matter
// there.
constexpr const char* kPublic = "93.184.215.14";
constexpr const char* kForbidden[] = {"127.0.0.1",     "10.66.0.1",   "172.16.0.9",      "192.168.7.7",
                                      "100.64.1.1",    "169.254.3.3", "169.254.169.254", "100.100.100.200",
                                      "168.63.129.16", "203.0.113.7"};
constexpr const char* kForbidden6[] = {"::1",      "fd00:ec2::254", "fd12::1",
                                       "fe80::66", "2001:db8::1",   "64:ff9b::a9fe:a9fe"};
constexpr std::uint16_t kPort = 8443;

std::string network_setup() {
  std::string out = "ip link set lo up";
  // Arrives here, and yet is on no interface: it is not the host's own.
  out += std::string(" && ip route add local ") + kPublic + "/32 dev lo";
  for (const char* address : kForbidden)
    if (std::string_view(address) != "127.0.0.1")
      out += std::string(" && ip addr add ") + address + "/32 dev lo";
  for (const char* address : kForbidden6)
    if (std::string_view(address) != "::1")
      out += std::string(" && ip -6 addr add ") + address + "/128 dev lo nodad";
  return out;
}

// A name for each address: bad0.test, bad1.test, …
std::string hosts() {
  std::string out = std::string(kPublic) + " good.test www.good.test other.test\n" +
                    "10.66.0.1 db.test\n127.0.0.1 localhost\n";
  int n = 0;
  for (const char* address : kForbidden)
    out += std::string(address) + " bad" + std::to_string(n++) + ".test\n";
  for (const char* address : kForbidden6)
    out += std::string(address) + " bad" + std::to_string(n++) + ".test\n";
  return out;
}

// Listens on every address of brigd's namespace, says "hello" to whoever comes to the public one and echoes;
// counts who comes anywhere else.
class Listeners {
 public:
  explicit Listeners(pid_t brigd) {
    auto path = "/proc/" + std::to_string(brigd) + "/ns/net";
    std::thread opener([&] {  // setns() is for this thread alone, which ends with it
      UniqueFd ns(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
      if (::setns(ns.get(), CLONE_NEWNET) != 0) std::abort();
      v4_ = listen_on(AF_INET);
      v6_ = listen_on(AF_INET6);
    });
    opener.join();
    server_ = std::thread([this] { serve(); });
  }
  ~Listeners() {
    over_ = true;
    server_.join();
  }
  int good() const { return good_; }
  int bad() const { return bad_; }

 private:
  static UniqueFd listen_on(int family) {
    UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (family == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    sockaddr_storage any{};
    any.ss_family = static_cast<sa_family_t>(family);
    reinterpret_cast<sockaddr_in&>(any).sin_port = htons(kPort);
    socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&any), size) != 0 || ::listen(fd.get(), 64) != 0)
      std::abort();
    return fd;
  }
  void take(int listener, bool v4) {
    UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) return;
    sockaddr_in here{};
    socklen_t size = sizeof here;
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&here), &size);
    char text[INET_ADDRSTRLEN] = {};
    if (v4) ::inet_ntop(AF_INET, &here.sin_addr, text, sizeof text);
    bool open = v4 && (std::string_view(text) == kPublic || std::string_view(text) == allowed_.load());
    ++(open ? good_ : bad_);
    clients_.push_back(std::move(fd));
  }
  void serve() {
    while (!over_) {
      std::vector<pollfd> fds{{v4_.get(), POLLIN, 0}, {v6_.get(), POLLIN, 0}};
      for (auto& client : clients_) fds.push_back({client.get(), POLLIN, 0});
      if (::poll(fds.data(), fds.size(), 20) <= 0) continue;
      for (std::size_t i = fds.size(); i-- > 2;) {
        if (fds[i].revents == 0) continue;
        char piece[4096];
        auto n = ::recv(fds[i].fd, piece, sizeof piece, MSG_DONTWAIT);
        std::string answer = "echo " + std::string(piece, n > 0 ? static_cast<std::size_t>(n) : 0);
        if (n > 0) (void)!::send(fds[i].fd, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        bool last = n <= 0 || answer.find("bye") != std::string::npos;
        if (last) clients_.erase(clients_.begin() + static_cast<long>(i - 2));
      }
      if (fds[0].revents != 0) take(v4_.get(), true);
      if (fds[1].revents != 0) take(v6_.get(), false);
    }
  }

 public:
  std::atomic<const char*> allowed_{""};

 private:
  UniqueFd v4_, v6_;
  std::vector<UniqueFd> clients_;
  std::atomic<int> good_{0}, bad_{0};
  std::atomic<bool> over_{false};
  std::thread server_;
};

class Egress : public testing::Test {
 protected:
  Egress() : brigd("", network_setup()), listeners(std::make_unique<Listeners>(brigd.pid())) {
    project_ = brigd.project("app");
    std::filesystem::copy_file(KNOCK_PROGRAM, project_ / "knock");
    std::filesystem::permissions(project_ / "knock", std::filesystem::perms(0755));
  }

  // A session that waits, with these options of `brig run`.
  void start(std::vector<std::string> options, const std::string& name = "fix") {
    std::vector<std::string> args{"run", "box", "--name", name, "-d", "--project", project_.string()};
    args.insert(args.end(), options.begin(), options.end());
    args.insert(args.end(), {"--", "sleep", "1000"});
    auto done = brigd.brig(args);
    ASSERT_EQ(done.code, 0) << done.err;
  }
  // What a process inside is told and gets.
  std::string knock(const std::string& host, std::uint16_t port = kPort, const std::string& say = "bye",
                    const std::string& name = "fix") {
    return brigd.brig({"exec", name, "--", "./knock", host, std::to_string(port), say}).out;
  }
  json shown(const std::string& name = "fix") {
    auto done = brigd.brig({"egress", "show", name, "--json"});
    EXPECT_EQ(done.code, 0) << done.err;
    return json::parse(done.out, nullptr, false);
  }
  std::vector<json> account(const std::string& name = "fix") {
    auto done = brigd.brig({"egress", "tail", name, "--no-follow", "--json", "-n", "1000"});
    EXPECT_EQ(done.code, 0) << done.err;
    std::vector<json> out;
    for (auto line : split(done.out, '\n'))
      if (!line.empty()) out.push_back(json::parse(line, nullptr, false));
    return out;
  }

  OwnHosts hosts_{hosts()};
  Brigd brigd;
  std::unique_ptr<Listeners> listeners;
  std::filesystem::path project_;
};

const std::string kRule = "tcp://good.test:" + std::to_string(kPort);

TEST_F(Egress, OnlyWhatIsAllowedIsReached) {
  start({"--allow", kRule, "--deny", "other.test"});
  // Each connection is written down again when it has ended, which may be after its process has.
  auto written = [&](std::size_t lines) {
    EXPECT_TRUE(eventually([&] { return account().size() == lines; }, "it is written down"));
  };
  EXPECT_EQ(knock("good.test"), "0|\necho bye");
  written(2);
  EXPECT_EQ(knock("GOOD.test."), "0|\necho bye");
  written(4);
  EXPECT_EQ(listeners->good(), 2);
  EXPECT_THAT(knock("www.good.test"), HasSubstr("brig egress allow fix www.good.test:8443"));
  EXPECT_THAT(knock("other.test"),
              HasSubstr("1|Brig: other.test:8443 is denied by the rule 'other.test' of the request"));
  EXPECT_THAT(knock("good.test", 22), HasSubstr("1|Brig: no rule allows good.test:22"));
  EXPECT_EQ(knock("good.test", 0), "0| " + std::to_string(kPort) + "\n");
  auto lines = account();
  ASSERT_EQ(lines.size(), 7u);
  EXPECT_EQ(lines[0]["process"], "knock");
  EXPECT_EQ(lines[1]["outcome"], "closed");
  EXPECT_EQ(lines[1]["sent"], 3);
  EXPECT_EQ(lines[1]["address"], kPublic);
  EXPECT_EQ(lines[6]["outcome"], "denied");
  EXPECT_EQ(shown()["counts"]["denied"], 3);
  EXPECT_EQ(listeners->bad(), 0);
}

TEST_F(Egress, NoNameAndNoSpellingLeadsAnywhereElse) {
  start({"--allow", "*", "--allow", "tcp://*:" + std::to_string(kPort)});
  std::vector<std::string> tries;
  for (std::size_t n = 0; n < std::size(kForbidden) + std::size(kForbidden6); ++n)
    tries.push_back("bad" + std::to_string(n) + ".test");
  for (const char* address : kForbidden) tries.push_back(address);
  for (const char* address : kForbidden6) tries.push_back(address);
  for (const char* spelling : {"2852039166",
                               "0xa9fea9fe",
                               "0251.0376.0251.0376",
                               "169.254.43518",
                               "169.16689662",
                               "0xa9.254.0xa9fe",
                               "::ffff:169.254.169.254",
                               "::ffff:a9fe:a9fe",
                               "::169.254.169.254",
                               "[fd00:ec2::254]",
                               "169.254.169.254.",
                               "127.1",
                               "0",
                               "0x7f.1",
                               "017700000001",
                               "2130706433",
                               "localhost",
                               "localhost.",
                               "LOCALHOST",
                               "good.test%00.bad0.test",
                               "good.test@127.0.0.1",
                               "bad0.test#good.test",
                               "good.test/../bad0.test",
                               "fe80::66%lo",
                               "\uff11\uff12\uff17.0.0.1"})
    tries.push_back(spelling);
  std::string script;
  for (const auto& host : tries) script += "./knock '" + host + "' " + std::to_string(kPort) + " bye; ";
  auto done = brigd.brig({"exec", "fix", "--", "sh", "-c", script});
  std::size_t refused = 0;
  for (auto line : split(done.out, '\n'))
    refused += line.starts_with("1|") || line.starts_with("8|") || line.starts_with("2|");
  EXPECT_EQ(refused, tries.size()) << done.out;
  EXPECT_EQ(done.out.find("echo"), std::string::npos) << done.out;
  EXPECT_EQ(listeners->bad(), 0);
  EXPECT_EQ(account().size(), tries.size()) << "every denial is written down";
}

TEST_F(Egress, APrivateAddressIsReachedWhereItIsNamed) {
  listeners->allowed_ = "10.66.0.1";
  start({"--allow", "tcp://db.test:" + std::to_string(kPort)});
  EXPECT_THAT(knock("db.test"), HasSubstr("brig egress allow fix 10.66.0.1:8443"));
  EXPECT_EQ(brigd.brig({"egress", "test", "fix", "db.test:8443"}).code, 1);
  EXPECT_EQ(brigd.brig({"egress", "allow", "fix", "10.66.0.0/16:8443"}).code, 0);
  EXPECT_EQ(knock("db.test"), "0|\necho bye");
  EXPECT_EQ(brigd.brig({"egress", "test", "fix", "db.test:8443"}).code, 0);
  EXPECT_EQ(brigd.brig({"egress", "allow", "fix", "169.254.169.254"}).code, 77) << "only the ceiling can";
  EXPECT_EQ(listeners->bad(), 0);
}

TEST_F(Egress, RulesChangeAtOnce) {
  start({"--allow", kRule});
  auto open = harness::Child::spawn(
      brigd.command({"exec", "fix", "--", "./knock", "good.test", std::to_string(kPort), "x"}),
      brigd.options());
  ASSERT_TRUE(open);
  ASSERT_TRUE(eventually([&] { return listeners->good() == 1; }, "it is connected"));
  ASSERT_TRUE(eventually([&] { return shown()["connections"].size() == 1; }, "it is shown"));
  EXPECT_EQ(brigd.brig({"egress", "deny", "fix", "good.test"}).code, 0);
  EXPECT_TRUE(open->wait());  // cut
  EXPECT_THAT(knock("good.test"), HasSubstr("denied by the rule 'good.test' of you, for this session"));
  EXPECT_EQ(brigd.brig({"egress", "forget", "fix", "good.test"}).code, 0);
  EXPECT_EQ(knock("good.test"), "0|\necho bye");
  EXPECT_EQ(brigd.brig({"egress", "allow", "fix", "tcp://other.test:8443", "--once"}).code, 0);
  EXPECT_EQ(knock("other.test"), "0|\necho bye");
  EXPECT_THAT(knock("other.test"), HasSubstr("1|"));
}

TEST_F(Egress, AlwaysIsForLaterSessionsOverTheProject) {
  start({});
  EXPECT_EQ(brigd.brig({"egress", "allow", "fix", kRule, "--always"}).code, 0);
  start({}, "next");
  EXPECT_EQ(knock("good.test", kPort, "bye", "next"), "0|\necho bye");
  auto elsewhere = brigd.brig({"run", "box", "--rm", "--empty", "--", "sh", "-c", "echo fine"});
  EXPECT_EQ(elsewhere.code, 0);
  EXPECT_EQ(brigd.brig({"egress", "forget", "next", kRule}).code, 0);
  start({}, "third");
  EXPECT_THAT(knock("good.test", kPort, "bye", "third"), HasSubstr("1|"));
}

TEST_F(Egress, AQuestionWaitsForAnAnswer) {
  start({"--ask"});
  auto asking =
      harness::Child::spawn(brigd.command({"exec", "fix", "--", "./knock", "good.test", std::to_string(kPort),
                                           "GET / HTTP/1.1\r\nHost: good.test:8443\r\n\r\nbye"}),
                            brigd.options());
  ASSERT_TRUE(asking);
  ASSERT_TRUE(eventually([&] { return shown()["questions"].size() == 1; }, "it is asked"));
  auto question = shown()["questions"][0];
  EXPECT_EQ(question["target"], "good.test:8443");
  EXPECT_EQ(question["process"], "knock");
  EXPECT_EQ(brigd
                .brig({"egress", "answer", "fix", std::to_string(question["number"].get<int>()), "yes",
                       "--session"})
                .code,
            0);
  auto code = asking->wait();
  EXPECT_TRUE(code && *code == 0);
  EXPECT_EQ(listeners->good(), 1);
  EXPECT_TRUE(shown()["questions"].empty());
}

TEST_F(Egress, TrafficIsWork) {
  auto begin = [&](const std::string& name, const std::string& each) {
    auto done =
        brigd.brig({"run", "box", "--name", name, "-d", "--project", project_.string(), "--allow", kRule,
                    "--idle", "10s", "--", "sh", "-c", "while :; do " + each + "; sleep 1; done"});
    ASSERT_EQ(done.code, 0) << done.err;
  };
  begin("talks", "./knock good.test " + std::to_string(kPort) + " bye");
  begin("waits", ":");
  auto state = [&](const std::string& name) {
    auto done = brigd.brig({"show", name, "--json"});
    return json::parse(done.out, nullptr, false).value("state", "");
  };
  ASSERT_TRUE(eventually([&] { return state("waits") == "ended"; }, "the one that only waits is ended"));
  EXPECT_EQ(state("talks"), "running");
}

// The whole way: a program that knows nothing of all this, brig-init's resolver and listeners, the door, the
// listener.
TEST_F(Egress, ProgramsNeedNotKnowOfIt) {
  start({"--allow", kRule});
  auto plain = brigd.brig({"exec", "fix", "--", "sh", "-c", "echo bye | nc good.test 8443"});
  EXPECT_EQ(plain.out, "echo bye\n") << plain.err;
  auto other = brigd.brig({"exec", "fix", "--", "sh", "-c", "echo bye | nc other.test 8443"});
  EXPECT_NE(other.code, 0);
  EXPECT_EQ(listeners->good(), 1);
  EXPECT_EQ(listeners->bad(), 0);
}

class Killed : public Egress, public testing::WithParamInterface<const char*> {};

// In the middle of a transfer. Each step of the one inside shows as a file of its workspace, which the host
// sees without brigd.
TEST_P(Killed, TheSandboxIsOfflineUntilBrigdIsBackAndThenWorksOn) {
  start({"--runtime", GetParam(), "--allow", kRule});
  EXPECT_EQ(brigd.brig({"egress", "deny", "fix", "other.test"}).code, 0);
  auto workspace = brigd.state() / "sessions" / brigd.sessions()[0]["id"].get<std::string>() / "workspace";
  auto options = brigd.options();
  options.env.emplace_back("BRIG_RECONNECT", "60");
  auto inside = harness::Child::spawn(
      brigd.command({"exec", "fix", "--", "sh", "-c",
                     "yes | nc good.test 8443 > got; touch broken; until ./knock good.test 8443 bye | "
                     "grep away; do :; done; touch offline; until [ \"$(echo bye | nc good.test 8443)\" = "
                     "'echo bye' ]; do sleep "
                     "0.05; done; ./knock other.test 8443 bye > other"}),
      options);
  ASSERT_TRUE(inside);
  auto passed = [&] {
    auto open = shown()["connections"];
    return open.size() == 1 && open[0]["sent"] > 100'000 && open[0]["received"] > 100'000;
  };
  ASSERT_TRUE(eventually(passed, "bytes go both ways"));
  brigd.kill_hard();
  listeners.reset();
  std::error_code ec;
  ASSERT_TRUE(
      eventually([&] { return std::filesystem::exists(workspace / "broken", ec); }, "the transfer ends"));
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(workspace / "offline", ec); },
                         "new connections are refused"));
  brigd.start();
  listeners = std::make_unique<Listeners>(brigd.pid());
  auto code = inside->wait();
  EXPECT_TRUE(code && *code == 1) << "it ends with the other's denial";
  EXPECT_THAT(brigd.brig({"exec", "fix", "--", "cat", "other"}).out,
              HasSubstr("denied by the rule 'other.test' of you, for this session"));
  EXPECT_EQ(knock("good.test"), "0|\necho bye");
  EXPECT_EQ(listeners->bad(), 0);
}

INSTANTIATE_TEST_SUITE_P(All, Killed, testing::Values("runc", "crun", "runsc"),
                         [](const auto& one) { return std::string(one.param); });

TEST_F(Egress, NobodyElseMayUseASessionsDoor) {
  start({"--allow", kRule});
  auto id = brigd.sessions()[0]["id"].get<std::string>();
  auto socket = brigd.state() / "sessions" / id / "link" / "egress";
  ASSERT_TRUE(std::filesystem::is_socket(socket));
  // From the host, as whoever owns the socket: the kernel says who it is.
  auto done = harness::run({"python3", "-c",
                            "import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n"
                            "s.send(b'BRGE\\x01\\x01\\0\\0'+(8443).to_bytes(2,'little')+(9).to_bytes(2,'"
                            "little')+bytes(8)+b'good.test')\n"
                            "print(s.recv(99))",
                            socket.string()},
                           "", {});
  ASSERT_TRUE(done);
  EXPECT_THAT(done->out, Not(HasSubstr("BRGE"))) << done->out;
  EXPECT_EQ(listeners->good(), 0);
  EXPECT_THAT(brigd.log(), HasSubstr("a stranger knocked"));
  EXPECT_EQ(brigd.brig({"stop", "fix"}).code, 0);
  EXPECT_FALSE(std::filesystem::exists(socket));
}

}  // namespace
}  // namespace brig::test
