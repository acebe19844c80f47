// Sockets that somebody else listens on for brigd: what systemd does with brigd.socket.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "core/files.hpp"
#include "core/unique_fd.hpp"
#include "harness/child.hpp"

namespace brig::daemon {
namespace {

namespace fs = std::filesystem;

struct Local {
  explicit Local(const std::string& path) {
    at.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), at.sun_path);
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&at); }
  sockaddr_un at{};
};

// Inherited by whom the test starts.
UniqueFd bound(int type, const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, type, 0));
  EXPECT_EQ(::bind(fd.get(), Local(path).get(), sizeof(sockaddr_un)), 0);
  return fd;
}

UniqueFd listening(const std::string& path) {
  auto fd = bound(SOCK_STREAM, path);
  EXPECT_EQ(::listen(fd.get(), 16), 0);
  return fd;
}

UniqueFd listening_tcp(std::uint16_t& port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
  EXPECT_EQ(::listen(fd.get(), 16), 0);
  EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
  port = ntohs(at.sin_port);
  return fd;
}

// A caller who has connected and asked, and waits.
UniqueFd ask(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(fd.get(), Local(path).get(), sizeof(sockaddr_un)), 0) << path;
  std::string_view request = "GET /healthz HTTP/1.1\r\nHost: brig\r\nConnection: close\r\n\r\n";
  EXPECT_EQ(::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(request.size()));
  return fd;
}

// The first line of what comes; "" if nothing does for long.
std::string answer(const UniqueFd& fd) {
  timeval patience{60, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  char text[64];
  auto n = ::recv(fd.get(), text, sizeof text, 0);
  std::string got(text, n > 0 ? static_cast<std::size_t>(n) : 0);
  return got.substr(0, got.find('\r'));
}

class Sockets : public testing::Test {
 protected:
  Sockets() {
    std::string name = fs::temp_directory_path() / "brig-sockets-XXXXXX";
    dir = ::mkdtemp(name.data());
    EXPECT_EQ(::chmod(dir.c_str(), 0755), 0);
  }
  ~Sockets() override {
    brigd.reset();
    fs::remove_all(dir);
  }
  std::string path(const char* name) const { return dir / name; }

  // brigd as systemd starts it: with sockets from descriptor 3 on, and words about them.
  void start(const std::vector<int>& sockets, const std::string& count, const std::string& more = {},
             const std::string& pid = "$$") {
    ASSERT_TRUE(write_file(path("brig.toml"),
                           "[service]\nstate_dir = \"" + path("state") + "\"\nsocket = \"" +
                               path("brig.sock") + "\"\ngroup = \"\"\n[engine]\nhost = \"unix://" +
                               path("nobody") + "\"\n[trust]\nca_bundle = \"none\"\n" + more,
                           0600));
    auto line = "LISTEN_PID=" + pid + " LISTEN_FDS='" + count + "' exec '" BRIGD_PROGRAM "' --config '" +
                path("brig.toml") + "' 2>>'" + path("log") + "'";
    int place = 3;
    std::vector<UniqueFd> high;  // out of the way of those places
    for (int fd : sockets) {
      high.emplace_back(::fcntl(fd, F_DUPFD, 100));
      line += " " + std::to_string(place++) + "<&" + std::to_string(high.back().get());
    }
    auto child = harness::Child::spawn({"/bin/bash", "-c", line});
    ASSERT_TRUE(child) << child.error().message;
    brigd.emplace(std::move(*child));
  }
  int end() {
    brigd->kill(SIGTERM);
    return code();
  }
  int code() {
    auto code = brigd->wait();
    return code ? *code : -1;
  }
  std::string log() const {
    auto text = read_file(path("log"), 1 << 20);
    return text ? *text : "";
  }
  fs::path dir;
  std::optional<harness::Child> brigd;
};

TEST_F(Sockets, CallersWaitWhileBrigdIsAway) {
  auto fd = listening(path("brig.sock"));
  std::uint16_t port = 0;
  auto tcp = listening_tcp(port);
  auto early = ask(path("brig.sock"));
  auto more = "[api.tcp]\nlisten = \"127.0.0.1:" + std::to_string(port) + "\"\n";
  start({tcp.get(), fd.get()}, "2", more);
  EXPECT_EQ(answer(early), "HTTP/1.1 200 OK") << log();
  EXPECT_EQ(end(), 0);
  auto between = ask(path("brig.sock"));  // brigd took neither the file nor the queue away
  start({tcp.get(), fd.get()}, "2", more);
  EXPECT_EQ(answer(between), "HTTP/1.1 200 OK") << log();
  // The file is as the configuration has it, whoever made it.
  EXPECT_EQ(fs::status(path("brig.sock")).permissions(), fs::perms(0600));
  EXPECT_EQ(end(), 0);
}

TEST_F(Sockets, WhatIsMeantForAnotherIsNone) {
  auto fd = listening(path("other.sock"));
  start({fd.get()}, "1", "", "1");
  // It makes its own, and takes it away.
  while (brigd->running() && !fs::exists(path("brig.sock"))) ::usleep(1000);
  EXPECT_EQ(end(), 0) << log();
  EXPECT_FALSE(fs::exists(path("brig.sock")));
}

TEST_F(Sockets, WhatBrigdCannotUseIsRefused) {
  auto elsewhere = listening(path("elsewhere.sock"));
  auto datagrams = bound(SOCK_DGRAM, path("datagrams"));
  auto deaf = bound(SOCK_STREAM, path("deaf"));
  std::uint16_t port = 0;
  auto tcp = listening_tcp(port);
  UniqueFd file(::open("/dev/null", O_RDONLY));
  struct {
    int fd;
    const char* count;
    std::string says;
  } cases[] = {
      {elsewhere.get(), "1", path("elsewhere.sock")},
      {tcp.get(), "1", "127.0.0.1:" + std::to_string(port)},
      {datagrams.get(), "1", "no listening stream socket"},
      {deaf.get(), "1", "no listening stream socket"},
      {file.get(), "1", "is no socket"},
      {elsewhere.get(), "17", "LISTEN_FDS="},
      {elsewhere.get(), "-1", "LISTEN_FDS="},
      {elsewhere.get(), "1x", "LISTEN_FDS="},
  };
  for (const auto& c : cases) {
    fs::remove(path("log"));
    start({c.fd}, c.count);
    EXPECT_EQ(code(), 70) << c.count << log();
    EXPECT_NE(log().find(c.says), std::string::npos) << c.says << "\n" << log();
  }
}

}  // namespace
}  // namespace brig::daemon
