#include "doctor/examiner.hpp"

#include <gmock/gmock.h>

#include "net/loop.hpp"
#include "own_mounts.hpp"

namespace brig::doctor {
namespace {

using Grade = Finding::Grade;

// An engine that answers what the test says, and nothing the doctor has no business asking.
class AskedSystem final : public docker::System {
 public:
  net::Task<Result<void>> ping(Deadline) override { co_return Result<void>{}; }
  net::Task<Result<docker::EngineVersion>> version(Deadline) override { co_return version_; }
  net::Task<Result<docker::EngineInfo>> info(Deadline) override { co_return info_; }
  net::Task<Result<std::unique_ptr<docker::Stream<docker::Event>>>> events(docker::EventFilter,
                                                                           Deadline) override {
    co_return Error{Code::internal, "not asked for", "", false};
  }
  net::Task<Result<docker::DiskUse>> disk_use(Deadline) override {
    co_return Error{Code::internal, "not asked for", "", false};
  }

  Result<docker::EngineVersion> version_ = docker::EngineVersion{};
  Result<docker::EngineInfo> info_ = docker::EngineInfo{};
};

class AskedEngine final : public docker::Engine {
 public:
  docker::Containers& containers() override { std::abort(); }
  docker::Images& images() override { std::abort(); }
  docker::Volumes& volumes() override { std::abort(); }
  docker::System& system() override { return system_; }
  const docker::Endpoint& endpoint() const override { return endpoint_; }

  AskedSystem system_;
  docker::Endpoint endpoint_;
};

class ListedImages final : public image::Images {
 public:
  std::vector<image::Provider> providers() const override { return {}; }
  Result<image::Provider> provider(const std::string&) const override { return nothing(); }
  net::Task<Result<std::vector<image::ImageInfo>>> list() override { co_return list_; }
  net::Task<Result<image::ImageInfo>> build(std::string, bool, image::ProgressSink) override {
    co_return nothing();
  }
  net::Task<Result<void>> remove(std::string) override { co_return nothing(); }
  net::Task<Result<std::vector<image::Outdated>>> outdated() override { co_return nothing(); }
  net::Task<Result<image::Ready>> ready(std::string, std::string) override { co_return nothing(); }
  Result<void> declare(image::Provider) override { return nothing(); }
  void withdraw(const std::string&) override {}

  Result<std::vector<image::ImageInfo>> list_ = std::vector<image::ImageInfo>{};

 private:
  static Error nothing() { return Error{Code::internal, "not asked for", "", false}; }
};

class Examination : public ::testing::Test {
 protected:
  Examination() {
    engine.endpoint_.socket = "/run/docker.sock";
    engine.system_.version_->version = "20.10.24";
    engine.system_.version_->spoken = {1, 41};
    auto& info = *engine.system_.info_;
    info.runtimes = {"crun", "runc", "runsc"};
    info.security_options = {"name=seccomp,profile=default"};
    info.memory_limit = info.swap_limit = info.pids_limit = info.cpu_quota = true;
    info.root_dir = state.path;
    setup.state_dir = state.path;
    setup.init_binary = state.path / "brig-init";
    setup.trust_setting = "none";
  }
  std::map<std::string, Finding> examine() {
    auto doctor = make_doctor(setup, engine, images, mounter, worker);
    std::map<std::string, Finding> found;
    for (auto& finding : net::run_task(doctor->examine())) found[finding.check] = finding;
    return found;
  }

  StateDir state;
  doctor::Setup setup;
  AskedEngine engine;
  ListedImages images;
  workspace::Mounter mounter;
  net::Worker worker{2};
};

TEST_F(Examination, GathersFromEngineImagesAndHost) {
  image::ImageInfo stale;
  stale.provider = ProviderId("node");
  stale.built = stale.stale = true;
  images.list_ = std::vector{stale};
  auto found = examine();
  for (auto* check : {"engine", "engine.users", "cgroup.memory", "seccomp", "runtime.runsc", "kernel.overlay",
                      "kernel.openat2", "disk.limit", "state", "init", "group", "trust"}) {
    ASSERT_TRUE(found.contains(check)) << check;
    EXPECT_EQ(found[check].grade, Grade::good) << check << ": " << found[check].detail;
  }
  EXPECT_EQ(found["image.node"].grade, Grade::warning);
  EXPECT_TRUE(found.contains("disk.engine"));
}

TEST_F(Examination, AnEngineThatIsAwayIsAFindingAndTheRestIsLookedAtAllTheSame) {
  engine.system_.version_ = Error{Code::unavailable, "nobody listens", "docker", true};
  auto found = examine();
  EXPECT_EQ(found["engine"].grade, Grade::bad);
  EXPECT_EQ(found["engine"].detail, "nobody listens");
  EXPECT_EQ(found["kernel.overlay"].grade, Grade::good);
  EXPECT_FALSE(found.contains("disk.engine"));
}

TEST_F(Examination, AnEngineElsewhereHasNoDiskHere) {
  engine.endpoint_ = {};
  engine.endpoint_.host = "far";
  engine.endpoint_.port = 2376;
  EXPECT_FALSE(examine().contains("disk.engine"));
}

}  // namespace
}  // namespace brig::doctor
