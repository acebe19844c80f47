#include "doctor/examiner.hpp"

#include <mutex>

#include "doctor/evaluate.hpp"
#include "doctor/host.hpp"

namespace brig::doctor {

namespace {

constexpr Millis kEngineAnswers = std::chrono::seconds(10);

class Examiner final : public Doctor {
 public:
  Examiner(Setup setup, docker::Engine& engine, image::Images& images, workspace::Mounter& mounter,
           net::Worker& blocking)
      : setup_(std::move(setup)), engine_(engine), images_(images), mounter_(mounter), blocking_(blocking) {}

  net::Task<std::vector<Finding>> examine() override {
    Facts facts;
    facts.engine = co_await ask_engine();
    if (!facts.engine.error) co_await ask_images(facts);
    auto look = [this, engine = engine_on_host(facts.engine)] {
      // Two examinations at once would take down each other's trial mounts.
      std::lock_guard lock(one_at_a_time_);
      return look_at_host(setup_, engine, mounter_);
    };
    facts.host = co_await blocking_.run(std::move(look));
    co_return evaluate(facts);
  }

 private:
  EngineOnHost engine_on_host(const EngineFacts& engine) const {
    if (!engine.local || engine.error) return {};
    return {engine.root_dir, engine_.endpoint().socket};
  }

  net::Task<EngineFacts> ask_engine() {
    EngineFacts facts;
    facts.endpoint = engine_.endpoint().str();
    facts.local = engine_.endpoint().is_unix();
    auto version = co_await engine_.system().version(Deadline::in(kEngineAnswers));
    if (!version) {
      facts.error = version.error();
      co_return facts;
    }
    facts.version = version->version;
    facts.api = version->spoken.str();
    auto info = co_await engine_.system().info(Deadline::in(kEngineAnswers));
    if (!info) {
      facts.error = info.error();
      co_return facts;
    }
    facts.root_dir = info->root_dir;
    facts.storage_driver = info->storage_driver;
    facts.cgroup_version = info->cgroup_version;
    facts.memory_limit = info->memory_limit;
    facts.swap_limit = info->swap_limit;
    facts.pids_limit = info->pids_limit;
    facts.cpu_quota = info->cpu_quota;
    facts.seccomp = info->has_security_option("seccomp");
    facts.rootless = info->has_security_option("rootless");
    facts.userns_remap = info->has_security_option("userns");
    facts.default_runtime = info->default_runtime;
    facts.runtimes = info->runtimes;
    co_return facts;
  }

  net::Task<void> ask_images(Facts& facts) {
    auto images = co_await images_.list();
    if (!images) {
      facts.images_error = images.error();
      co_return;
    }
    for (const auto& image : *images)
      facts.images.push_back({image.provider.str(), image.built, image.stale});
  }

  Setup setup_;
  docker::Engine& engine_;
  image::Images& images_;
  workspace::Mounter& mounter_;
  net::Worker& blocking_;
  std::mutex one_at_a_time_;
};

}  // namespace

std::unique_ptr<Doctor> make_doctor(Setup setup, docker::Engine& engine, image::Images& images,
                                    workspace::Mounter& mounter, net::Worker& blocking) {
  return std::make_unique<Examiner>(std::move(setup), engine, images, mounter, blocking);
}

}  // namespace brig::doctor
