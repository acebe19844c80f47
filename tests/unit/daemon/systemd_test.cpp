// What brigd tells whoever started it.
#include "daemon/systemd.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>

#include "core/files.hpp"
#include "core/unique_fd.hpp"
#include "harness/child.hpp"

namespace brig::daemon {
namespace {

namespace fs = std::filesystem;

class Systemd : public testing::Test {
 protected:
  Systemd() {
    std::string name = fs::temp_directory_path() / "brig-notify-XXXXXX";
    dir = ::mkdtemp(name.data());
    fd.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    auto path = (dir / "notify").string();
    std::copy(path.begin(), path.end(), at.sun_path);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  }
  ~Systemd() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
    fs::remove_all(dir);
  }
  // The next message; "" if none comes for a long time.
  std::string heard() {
    pollfd p{fd.get(), POLLIN, 0};
    char text[64];
    if (::poll(&p, 1, 60'000) <= 0) return "";
    auto n = ::recv(fd.get(), text, sizeof text, 0);
    return {text, n > 0 ? static_cast<std::size_t>(n) : 0};
  }
  fs::path dir;
  UniqueFd fd;
};

TEST_F(Systemd, HearsWhatIsSaid) {
  notify("READY=1");  // to nobody
  ::setenv("NOTIFY_SOCKET", (dir / "notify").c_str(), 1);
  notify("STOPPING=1");
  EXPECT_EQ(heard(), "STOPPING=1");
}

TEST_F(Systemd, WatchesOnlyWhomItStarted) {
  EXPECT_FALSE(watchdog_limit());
  ::setenv("WATCHDOG_USEC", "60000000", 1);
  EXPECT_EQ(watchdog_limit(), Millis{60'000});
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_EQ(watchdog_limit(), Millis{60'000});
  ::setenv("WATCHDOG_PID", std::to_string(::getpid() + 1).c_str(), 1);
  EXPECT_FALSE(watchdog_limit());
  ::unsetenv("WATCHDOG_PID");
  for (const char* bad : {"", "0", "-1", "5s", "99999999999999999999"}) {
    ::setenv("WATCHDOG_USEC", bad, 1);
    EXPECT_FALSE(watchdog_limit()) << bad;
  }
}

// Also without an engine: one that is away for long is no reason to be ended.
TEST_F(Systemd, IsToldThatBrigdServesAndLives) {
  auto config = (dir / "brig.toml").string();
  ASSERT_TRUE(write_file(config,
                         "[service]\nstate_dir = \"" + (dir / "state").string() + "\"\nsocket = \"" +
                             (dir / "brig.sock").string() + "\"\ngroup = \"\"\n[engine]\nhost = \"unix://" +
                             (dir / "nobody").string() + "\"\n[trust]\nca_bundle = \"none\"\n",
                         0600));
  ::setenv("NOTIFY_SOCKET", (dir / "notify").c_str(), 1);
  ::setenv("WATCHDOG_USEC", "200000", 1);
  harness::SpawnOptions quiet;
  quiet.pipe_err = true;
  auto child = harness::Child::spawn({BRIGD_PROGRAM, "--config", config}, quiet);
  ASSERT_TRUE(child) << child.error().message;
  EXPECT_EQ(heard(), "READY=1");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(heard(), "WATCHDOG=1");
  child->kill(SIGTERM);
  auto last = heard();
  while (last == "WATCHDOG=1") last = heard();
  EXPECT_EQ(last, "STOPPING=1");
  auto code = child->wait();
  EXPECT_TRUE(code && *code == 0);
}

}  // namespace
}  // namespace brig::daemon
