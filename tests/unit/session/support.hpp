// A session manager over a real ledger and a real brig-init, with an engine and images that only say what
// they are told to. The sandbox is a child process: what a test runs in it, it runs on this machine.
//
// Ownership: the House ends its children and removes its directory. Threads: the test's.
// Failure: a test that gets stuck is failed after a generous limit.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "core/files.hpp"
#include "docker/engine.hpp"
#include "end_all.hpp"
#include "net/loop.hpp"
#include "session/directories.hpp"
#include "session/manager.hpp"
#include "session/records.hpp"
#include "store/database.hpp"

namespace brig::session {

inline Error not_here() {
  return {Code::unsupported, "not in this test", "test", false};
}

struct FakeContainers final : Containers {
  std::vector<ContainerState> there;
  std::vector<std::string> removed;
  std::optional<ContainerState> truth;  // whichever is asked for
  net::Task<Result<EngineFacts>> facts() override { co_return EngineFacts{}; }
  net::Task<Result<ContainerId>> create(policy::CreateRequest) override { co_return not_here(); }
  net::Task<Result<void>> start(ContainerId) override { co_return not_here(); }
  net::Task<Result<void>> pause(std::string) override { co_return not_here(); }
  net::Task<Result<void>> unpause(std::string) override { co_return Result<void>(); }  // it runs
  net::Task<Result<ContainerState>> inspect(std::string) override {
    if (!truth) co_return not_here();
    co_return *truth;
  }
  net::Task<Result<void>> remove(std::string name, SessionId) override {
    removed.push_back(std::move(name));
    co_return Result<void>();
  }
  net::Task<Result<std::vector<ContainerState>>> list() override { co_return there; }
};

struct NoImages final : image::Images {
  std::vector<image::Provider> providers() const override { return {}; }
  Result<image::Provider> provider(const std::string&) const override { return not_here(); }
  net::Task<Result<std::vector<image::ImageInfo>>> list() override { co_return not_here(); }
  net::Task<Result<image::ImageInfo>> build(std::string, bool, image::ProgressSink) override {
    co_return not_here();
  }
  net::Task<Result<void>> remove(std::string) override { co_return not_here(); }
  net::Task<Result<std::vector<image::Outdated>>> outdated() override { co_return not_here(); }
  net::Task<Result<image::Ready>> ready(std::string, std::string) override { co_return not_here(); }
  Result<void> declare(image::Provider) override { return not_here(); }
  void withdraw(const std::string&) override {}
};

struct NoNames final : egress::Resolver {
  net::Task<Result<std::vector<egress::Address>>> resolve(std::string) override { co_return not_here(); }
};

inline std::filesystem::path scratch() {
  std::string pattern = testing::TempDir() + "brig-session-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) std::abort();
  return pattern;
}

struct House {
  net::asio::any_io_executor executor;
  SystemClock clock;
  StatePaths paths{scratch()};
  std::unique_ptr<store::Database> database = store::Database::open(paths.database()).value();
  store::SessionTable sessions{*database};
  store::ProcessTable processes{*database};
  store::EventTable event_table{*database};
  metrics::Registry metrics;
  events::Log events{executor, {}, event_table, clock, metrics};
  FakeContainers containers;
  NoImages images;
  PolicyBook policies = PolicyBook::load({paths.root() / "none", paths.root() / "none", "default"}).value();
  workspace::Mounter mounter;
  net::Worker blocking{1};
  net::Worker closing{1};
  store::EgressTable egress_table{*database};
  store::VaultTable vault_table{*database};
  store::CredentialTable credential_table{*database};
  vault::Vault vault{vault_table, clock, paths.root() / "vault.key"};
  NoNames names;
  egress::HostPresets presets;
  egress::Doors doors{egress::Doors::Parts{
      egress::Shared{
          executor, clock, names, closing, metrics, [](events::Event) {}, {}, {}, &vault, nullptr, {}},
      paths, egress_table, presets, policies.ceiling(), &credential_table}};
  store::CheckpointTable checkpoints{*database};
  store::LifeTable lives{*database};
  std::unique_ptr<docker::Engine> engine =
      docker::connect(docker::Endpoint{(paths.root() / "no-engine").string(), "", 0, {}}, executor).value();
  store::VolumeTable volume_table{*database};
  store::IdentityTable identity_table{*database};
  store::HookTable hook_table{*database};
  volume::Volumes volumes{executor, volume::Options{"test", paths}, *engine, volume_table, clock, blocking};
  provider::LedgerIdentities identities{identity_table, images, volumes, clock, blocking};
  provider::Hooks hooks{{}, hook_table};
  std::optional<Manager> manager;
  pid_t init_pid = -1;

  explicit House(net::asio::any_io_executor ex) : executor(ex) {
    std::filesystem::create_directories(paths.sessions());
    std::filesystem::create_directories(paths.init_binary().parent_path());
    EXPECT_TRUE(write_file(paths.init_binary(), "init", 0755));
    open();
  }
  ~House() {
    init::end_all_children();
    manager.reset();
    std::filesystem::remove_all(paths.root());
  }

  void open() {
    manager.emplace(
        executor, ManagerOptions{"test", paths, {}, 10, {}, {}, {}, {}, {}, {}, {}},
        Manager::Parts{clock, metrics, events, sessions, processes, checkpoints, lives, containers, images,
                       policies, volumes, identities, hooks, mounter, blocking, doors});
  }

  // A session "one" that runs, with a first process that sleeps. Under runsc the link key alone says who the
  // supervisor is.
  net::Task<Result<void>> adopt(SessionId id) {
    store::SessionRow row;
    row.id = id;
    row.name = "one";
    row.owner = "uid:0";
    row.phase = to_string(State::running);
    row.provider = "shell";
    row.profile = "default";
    row.runtime = policy::to_string(policy::Runtime::runsc);
    row.policy_json = "{}";
    row.container_name = "brig-test-" + id.str();
    row.link_key = supervisor::new_link_key();
    row.labels_json = "{}";
    row.created = clock.wall();
    BRIG_CO_CHECK(make_directories(paths, id, "", {}));
    BRIG_CO_CHECK(co_await sessions.insert(std::move(row)));
    BRIG_CO_CHECK(co_await manager->adopt(id, ContainerId("0123456789ab")));
    start_init(id);
    BRIG_CO_CHECK(co_await manager->exec(caller(), "one", shell("exec sleep 1000")));
    co_return Result<void>();
  }

  void start_init(SessionId id) {
    auto socket = paths.link_socket(id).string();
    init::adopt_orphans();
    init_pid = ::fork();
    if (init_pid != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::execl(BRIG_INIT_BINARY, "brig-init", socket.c_str(), nullptr);
    ::_exit(127);
  }

  Caller caller() const {
    Caller caller;
    caller.role = Caller::Role::admin;
    caller.owner = "uid:0";
    caller.uid = 0;
    return caller;
  }
  static ProcessSpec shell(std::string script) {
    ProcessSpec spec;
    spec.argv.push_back("/bin/sh");
    spec.argv.push_back("-c");
    spec.argv.push_back(std::move(script));
    spec.cwd = "/";
    return spec;
  }
};

using HouseTest = net::Task<void> (*)(House&);

inline net::Task<Result<void>> run_house_test(HouseTest body) {
  House house(co_await net::asio::this_coro::executor);
  co_await body(house);
  co_await house.manager->close();
  co_return Result<void>();
}

inline net::Task<Result<void>> bounded_house_test(HouseTest body) {
  co_return co_await net::with_deadline(run_house_test(body), Deadline::in(Millis{120'000}), "the test");
}

inline void with_house(HouseTest body) {
  auto done = net::run_task(bounded_house_test(body));
  EXPECT_TRUE(done) << done.error().message;
}

}  // namespace brig::session
