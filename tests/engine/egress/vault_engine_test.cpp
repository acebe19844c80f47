// A secret reaches the API that it is for, and the sandbox that uses it never holds it: searched byte by
// byte, in the environment, the memory and the files of all that runs in it, and in what brigd keeps and
// says.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>

#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "brigd.hpp"
#include "core/files.hpp"
#include "core/text.hpp"
#include "own_hosts.hpp"
#include "tls_peer.hpp"

namespace brig::test {
namespace {

namespace fs = std::filesystem;
using egress::testing::TlsAuthority;
using egress::testing::TlsPeer;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kPublic = "93.184.215.14";
constexpr std::uint16_t kPort = 8443;
// Its own text nowhere in this program's memory but where it is used: a fork of it must not be found by the
// search.
std::string secret() {
  std::string out = "erqrpgrq-0123456789-ncv-xrl";
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>('a' + (c - 'a' + 13) % 26);
  return out;
}

std::string network() {
  // Routed here without being an address of the machine's own, which no name may lead to.
  return std::string("ip link set lo up && ip route add local ") + kPublic + " dev lo";
}

// A provider's API in brigd's network: says over TLS which paths it was asked for, and remembers the keys.
class Api {
 public:
  Api(pid_t brigd, const TlsAuthority& authority) : authority_(authority) {
    auto path = "/proc/" + std::to_string(brigd) + "/ns/net";
    std::thread opener([&] {  // setns() is for this thread alone, which ends with it
      UniqueFd ns(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
      if (::setns(ns.get(), CLONE_NEWNET) != 0) std::abort();
      fd_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      int on = 1;
      ::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      sockaddr_in any{};
      any.sin_family = AF_INET;
      any.sin_port = htons(kPort);
      if (::bind(fd_.get(), reinterpret_cast<sockaddr*>(&any), sizeof any) != 0 ||
          ::listen(fd_.get(), 64) != 0)
        std::abort();
    });
    opener.join();
    server_ = std::thread([this] { serve(); });
  }
  ~Api() {
    over_ = true;
    server_.join();
  }
  std::vector<std::string> heads() {
    std::lock_guard lock(mutex_);
    return heads_;
  }

 private:
  void serve() {
    sigset_t pipe;  // a client that is refused is gone while it is answered
    ::sigemptyset(&pipe);
    ::sigaddset(&pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    while (!over_) {
      pollfd one{fd_.get(), POLLIN, 0};
      if (::poll(&one, 1, 20) != 1) continue;
      egress::testing::Socket socket(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      TlsPeer peer(std::move(socket), authority_.server("api.test"));
      if (!peer.shaken()) continue;
      auto head = peer.until("\r\n\r\n");
      if (head.empty()) continue;  // it was refused before it said anything
      {
        std::lock_guard lock(mutex_);
        heads_.push_back(head);
      }
      auto path = head.substr(0, head.find(" HTTP"));
      try {
        peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " +
                  std::to_string(path.size() + 8) + "\r\n\r\nanswer: " + path);
      } catch (const std::runtime_error&) {
      }
    }
  }

  const TlsAuthority& authority_;
  UniqueFd fd_;
  std::mutex mutex_;
  std::vector<std::string> heads_;
  std::atomic<bool> over_{false};
  std::thread server_;
};

std::string content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Every readable byte of a process.
struct Search {
  std::string real, placeholder;
  std::size_t bytes = 0;
  bool placeholder_seen = false;
  std::vector<std::string> found = {};

  void look(std::string_view text, const std::string& where) {
    bytes += text.size();
    if (text.find(real) != std::string_view::npos) found.push_back(where);
    placeholder_seen = placeholder_seen || text.find(placeholder) != std::string_view::npos;
  }
  void range(int fd, std::uint64_t from, std::uint64_t to, const std::string& where) {
    std::string piece(1 << 20, '\0'), carried;
    while (from < to) {
      auto want = std::min<std::uint64_t>(piece.size(), to - from);
      auto n = ::pread(fd, piece.data(), want, static_cast<off_t>(from));
      if (n <= 0) return;
      carried.append(piece, 0, static_cast<std::size_t>(n));
      look(carried, where);
      carried.erase(0, carried.size() - std::min(carried.size(), real.size() + placeholder.size()));
      from += static_cast<std::uint64_t>(n);
    }
  }
  // Of a file, which may be an image of gigabytes with little in it.
  void written(int fd, const std::string& where) {
    for (off_t data = 0; (data = ::lseek(fd, data, SEEK_DATA)) >= 0;) {
      auto hole = ::lseek(fd, data, SEEK_HOLE);
      range(fd, static_cast<std::uint64_t>(data), static_cast<std::uint64_t>(hole), where);
      data = hole;
    }
  }
  void process(pid_t pid) {
    auto at = "/proc/" + std::to_string(pid);
    look(content(at + "/environ"), at + "/environ");
    look(content(at + "/cmdline"), at + "/cmdline");
    UniqueFd memory(::open((at + "/mem").c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(memory) << at;
    std::istringstream maps(content(at + "/maps"));
    for (std::string line; std::getline(maps, line);) {
      if (line.find(" r") == std::string::npos || line.find("[v") != std::string::npos) continue;
      std::uint64_t from = 0, to = 0;
      if (std::sscanf(line.c_str(), "%lx-%lx", &from, &to) == 2)
        range(memory.get(), from, to, at + " " + line);
    }
    // gVisor keeps its sandboxes' memory in files without a name.
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator(at + "/fd", ec)) {
      auto target = fs::read_symlink(entry.path(), ec).string();
      if (target.find("memfd") == std::string::npos) continue;
      UniqueFd file(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
      if (file) written(file.get(), at + " " + target);
    }
  }
  void files(const fs::path& root) {
    std::error_code ec;
    for (fs::recursive_directory_iterator it(root, fs::directory_options::skip_permission_denied, ec), end;
         it != end; it.increment(ec)) {
      if (ec) break;
      struct stat is {};
      if (::lstat(it->path().c_str(), &is) != 0 || !S_ISREG(is.st_mode)) continue;
      UniqueFd file(::open(it->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
      if (file) written(file.get(), it->path().string());
    }
  }
};

class Credentials : public testing::TestWithParam<const char*> {
 protected:
  Credentials() : authority(hosts_.directory()) {
    ::setenv("SSL_CERT_FILE", authority.file().c_str(), 1);  // what brigd's host trusts
    brigd.emplace("", network());
    ::unsetenv("SSL_CERT_FILE");
    api.emplace(brigd->pid(), authority);
    project = brigd->project("app");
    fs::copy_file(ASK_API_PROGRAM, project / "ask_api");
    fs::permissions(project / "ask_api", fs::perms(0755));
  }
  std::vector<std::string> run_words(std::vector<std::string> more) {
    std::vector<std::string> out{
        "run",     "box",           "--runtime", GetParam(),       "--project", project.string(),
        "--allow", "api.test:8443", "--allow",   "other.test:8443"};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }
  // A session that has the key by this rule.
  void start(const std::string& rule) {
    auto set = brigd->brig({"vault", "set", "API_KEY"}, secret());
    ASSERT_EQ(set.code, 0) << set.err;
    auto started =
        brigd->brig(run_words({"--name", "fix", "-d", "--credential", rule, "--", "sleep", "1000"}));
    ASSERT_EQ(started.code, 0) << started.err;
  }
  // Those of the sandbox, as this machine numbers them; with the ones that run it under gVisor.
  std::vector<pid_t> processes(const std::string& name) {
    std::vector<pid_t> out;
    auto shown = json::parse(brigd->brig({"show", name, "--json"}).out);
    auto& engine = harness::Engine::shared();
    auto inspected = engine.request("GET", "/containers/" + shown["container"].get<std::string>() + "/json");
    EXPECT_TRUE(inspected);
    auto first = json::parse(*inspected)["State"]["Pid"].get<pid_t>();
    auto children = [](pid_t parent) {
      std::vector<pid_t> found;
      for (const auto& entry : fs::directory_iterator("/proc")) {
        int pid = std::atoi(entry.path().filename().c_str());
        if (pid <= 0) continue;
        auto stat = content(entry.path() / "stat");
        auto end = stat.rfind(')');
        int of = 0;
        if (end != std::string::npos && std::sscanf(stat.c_str() + end + 1, " %*c %d", &of) == 1 &&
            of == parent)
          found.push_back(pid);
      }
      return found;
    };
    out.push_back(first);
    for (std::size_t i = 0; i < out.size(); ++i)
      for (auto child : children(out[i])) out.push_back(child);
    return out;
  }

  OwnHosts hosts_{std::string(kPublic) + " api.test other.test\n127.0.0.1 localhost\n"};
  TlsAuthority authority;
  std::optional<Brigd> brigd;
  std::optional<Api> api;
  fs::path project;
};

TEST_P(Credentials, ReachTheApiAndNeverTheSandbox) {
  start("API_KEY@api.test:8443,header=x-api-key,base_url_env=API_BASE_URL");
  ASSERT_FALSE(HasFatalFailure());
  auto shown = json::parse(brigd->brig({"egress", "show", "fix", "--json"}).out);
  auto placeholder = shown["credentials"][0]["placeholder"].get<std::string>();

  // HTTPS as usual, by a program that stays.
  harness::SpawnOptions options = brigd->options();
  options.pipe_in = options.pipe_out = true;
  auto asking = harness::Child::spawn(
      brigd->command({"exec", "-i", "fix", "--", "./ask_api", "api.test", std::to_string(kPort), "/by-tls"}),
      options);
  ASSERT_TRUE(asking);
  std::string said;
  while (said.find("answer: GET /by-tls") == std::string::npos) {
    char piece[4096];
    auto n = ::read(asking->out.get(), piece, sizeof piece);
    if (n <= 0) break;
    said.append(piece, static_cast<std::size_t>(n));
  }
  EXPECT_THAT(said, HasSubstr("answer: GET /by-tls"));
  // Plain HTTP to the base URL, by name.
  auto plain =
      brigd->brig({"exec", "fix", "--", "sh", "-c",
                   "wget -Y off -qO- --header \"x-api-key: $API_KEY\" \"$API_BASE_URL/by-url\"; echo; "
                   "echo \"$API_KEY\" > kept; cp kept /tmp/kept"});
  EXPECT_THAT(plain.out, HasSubstr("answer: GET /by-url")) << plain.err;

  auto heads = api->heads();
  ASSERT_EQ(heads.size(), 2u);
  for (const auto& head : heads) {
    EXPECT_THAT(head, HasSubstr("x-api-key: " + secret() + "\r\n"));
    EXPECT_THAT(head, Not(HasSubstr(placeholder)));
  }

  Search inside{secret(), placeholder};
  auto pids = processes("fix");
  EXPECT_GE(pids.size(), std::string(GetParam()) == "runsc" ? 1u : 3u);
  for (auto pid : pids) inside.process(pid);
  EXPECT_THAT(inside.found, testing::IsEmpty());
  EXPECT_TRUE(inside.placeholder_seen) << "the search sees what is there";
  EXPECT_GT(inside.bytes, 1u << 20);

  Search files{secret(), placeholder};
  if (std::string(GetParam()) != "runsc")  // whose tmpfs is in its memory
    for (const char* place : {"/tmp", "/home", "/workspace", "/run", "/dev/shm", "/etc"})
      files.files("/proc/" + std::to_string(pids[0]) + "/root" + place);
  files.files(project);
  files.files(brigd->state());
  files.look(brigd->log(), "brigd's log");
  files.look(content("/proc/" + std::to_string(brigd->pid()) + "/environ"), "brigd's environment");
  EXPECT_THAT(files.found, testing::IsEmpty());
  EXPECT_TRUE(files.placeholder_seen);
  for (const auto* words : {"show", "events"}) {
    auto told = std::string(words) == "show" ? brigd->brig({"show", "fix", "--json"})
                                             : brigd->brig({"events", "--no-follow", "--json"});
    EXPECT_THAT(told.out + told.err, Not(HasSubstr(secret())));
  }
  asking->in.reset();
  EXPECT_TRUE(asking->wait());
}

TEST_P(Credentials, APlaceholderGoesNowhereElse) {
  start("API_KEY@api.test:8443,header=x-api-key");
  ASSERT_FALSE(HasFatalFailure());
  auto sent = brigd->brig({"exec", "fix", "--", "sh", "-c",
                           "wget -Y off -O- --header \"x-api-key: $API_KEY\" http://other.test:8443/ 2>&1"});
  EXPECT_THAT(sent.out, HasSubstr("403"));
  EXPECT_THAT(api->heads(), testing::IsEmpty());
  auto account = brigd->brig({"egress", "tail", "fix", "--no-follow", "--json"});
  EXPECT_THAT(account.out, HasSubstr("the placeholder of 'API_KEY' was sent to other.test:8443"));
  auto removed = brigd->brig({"vault", "rm", "API_KEY"});
  EXPECT_EQ(removed.code, 73);
  EXPECT_THAT(removed.err, HasSubstr("'fix'"));
  EXPECT_EQ(brigd->brig({"vault", "rm", "API_KEY", "--force"}).code, 0);
  auto without = brigd->brig({"exec", "fix", "--", "./ask_api", "api.test", std::to_string(kPort), "/"});
  EXPECT_THAT(without.out, HasSubstr("'brig vault set API_KEY'"));
  auto refused = brigd->brig(run_words({"--rm", "--credential", "API_KEY@api.test:8443", "--", "true"}));
  EXPECT_EQ(refused.code, 66);
  EXPECT_THAT(refused.err, HasSubstr("'brig vault set API_KEY'"));
  for (const auto& head : api->heads()) EXPECT_THAT(head, Not(HasSubstr("x-api-key")));
}

TEST_P(Credentials, SurviveTheService) {
  start("API_KEY@api.test:8443,header=x-api-key");
  ASSERT_FALSE(HasFatalFailure());
  api.reset();
  brigd->kill_hard();
  ::setenv("SSL_CERT_FILE", authority.file().c_str(), 1);
  brigd->start();
  ::unsetenv("SSL_CERT_FILE");
  api.emplace(brigd->pid(), authority);
  auto again = brigd->brig({"exec", "fix", "--", "./ask_api", "api.test", std::to_string(kPort), "/again"});
  EXPECT_THAT(again.out, HasSubstr("answer: GET /again")) << again.err;
  ASSERT_EQ(api->heads().size(), 1u);
  EXPECT_THAT(api->heads()[0], HasSubstr("x-api-key: " + secret()));
}

INSTANTIATE_TEST_SUITE_P(All, Credentials, testing::Values("runc", "crun", "runsc"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace brig::test
