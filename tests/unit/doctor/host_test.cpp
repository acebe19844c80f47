#include "doctor/host.hpp"

#include <gmock/gmock.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "doctor/evaluate.hpp"
#include "own_mounts.hpp"

namespace brig::doctor {
namespace {

[[maybe_unused]] auto* const kOwnMounts = ::testing::AddGlobalTestEnvironment(new OwnMounts);

class Host : public ::testing::Test {
 protected:
  Host() {
    setup.state_dir = state.path;
    setup.init_binary = state.path / "brig-init";
    setup.group = ::getgrgid(0)->gr_name;
    setup.trust_setting = "none";
  }
  HostFacts look() { return look_at_host(setup, {}, mounter); }

  StateDir state;
  doctor::Setup setup;
  workspace::Mounter mounter;
};

TEST_F(Host, TriesWhatBrigNeedsAndLeavesNothingMounted) {
  auto facts = look();
  EXPECT_TRUE(facts.is_root);
  for (auto& [name, err] : facts.syscalls) EXPECT_EQ(err, 0) << name;
  EXPECT_EQ(facts.syscalls.size(), 3u);
  EXPECT_FALSE(facts.workspace) << facts.workspace->message;
  EXPECT_FALSE(facts.disk_limit) << facts.disk_limit->message;
  EXPECT_FALSE(facts.init_error);
  EXPECT_TRUE(facts.group_exists);
  EXPECT_EQ(facts.state_mode, 0711u);
  ASSERT_TRUE(facts.state_space);
  EXPECT_GT(facts.state_space->free_bytes, 0u);
  EXPECT_FALSE(facts.engine_space);
  EXPECT_FALSE(std::filesystem::exists(state.path / "doctor"));
  EXPECT_TRUE(workspace::list_mounts(state.path)->empty());
}

TEST_F(Host, TakesAwayWhatAnExaminationCutShortHasLeft) {
  auto left = state.path / "doctor" / "plain";
  std::filesystem::create_directories(left);
  workspace::MountSpec spec;
  spec.session = left;
  spec.layer = state.path / "doctor" / "plain-layer";
  ASSERT_TRUE(mounter.mount(spec));
  EXPECT_FALSE(look().workspace);
  EXPECT_TRUE(workspace::list_mounts(state.path)->empty());
}

TEST_F(Host, TellsWhatIsMissing) {
  setup.init_binary = state.path / "nothing";
  setup.group = "no-such-group-here";
  setup.trust_setting = (state.path / "ca.pem").native();
  auto facts = look();
  ASSERT_TRUE(facts.init_error);
  EXPECT_THAT(facts.init_error->message, ::testing::HasSubstr("nothing"));
  EXPECT_FALSE(facts.group_exists);
  ASSERT_TRUE(facts.trust_error);

  setup.state_dir = state.path / "gone";
  facts = look();
  EXPECT_TRUE(facts.state_error);
  EXPECT_TRUE(facts.workspace);
  EXPECT_FALSE(facts.state_space);
}

// Listens at `path` from a child, in a mount namespace of its own or in ours.
pid_t listen_in_child(const std::filesystem::path& path, bool apart) {
  int ends[2];
  if (::pipe(ends) != 0) return -1;
  pid_t child = ::fork();
  if (child == 0) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.native().copy(address.sun_path, sizeof address.sun_path - 1);
    int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    bool ok = (!apart || ::unshare(CLONE_NEWNS) == 0) &&
              ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && ::listen(fd, 4) == 0;
    if (::write(ends[1], "x", 1) != 1 || !ok) ::_exit(1);
    while (true) ::pause();
  }
  char ready;
  if (::read(ends[0], &ready, 1) != 1) ready = 0;
  ::close(ends[0]);
  ::close(ends[1]);
  return child;
}

TEST_F(Host, TellsWhetherTheEngineSeesOurMounts) {
  EXPECT_FALSE(look().shares_mounts) << "no engine, no telling";
  for (bool apart : {false, true}) {
    EngineOnHost engine;
    engine.socket = state.path / (apart ? "apart.sock" : "here.sock");
    pid_t child = listen_in_child(engine.socket, apart);
    auto facts = look_at_host(setup, engine, mounter);
    EXPECT_EQ(facts.shares_mounts, std::optional(!apart));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
}

TEST_F(Host, CountsTrustedAuthoritiesAndSeesNewerOnes) {
  auto source = state.path / "ca.pem", taken = state.path / "ca.crt";
  std::string pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  std::ofstream(source) << pem;
  std::ofstream(taken) << pem << pem;
  setup.trust_setting = source.native();
  setup.trust_file = taken;
  auto facts = look();
  EXPECT_EQ(facts.trust_certificates, 2u);
  EXPECT_FALSE(facts.trust_outdated);
  EXPECT_FALSE(facts.trust_error);
  auto later = std::filesystem::last_write_time(taken) + std::chrono::seconds(10);
  std::filesystem::last_write_time(source, later);
  EXPECT_TRUE(look().trust_outdated);
}

}  // namespace
}  // namespace brig::doctor
