#include "core/log.hpp"
#include "core/random.hpp"
#include "core/text.hpp"
#include "image/state.hpp"

namespace brig::image {
namespace {

// Somebody who waits for a build, until destroyed: the last one to go cancels it.
class Waiter {
 public:
  Waiter(std::shared_ptr<Build> build, ProgressSink progress) : build_(std::move(build)) {
    if (progress && !build_->latest.step.empty()) progress(build_->latest);
    build_->listeners.push_back(std::move(progress));
    listener_ = std::prev(build_->listeners.end());
    ++build_->waiters;
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() {
    build_->listeners.erase(listener_);
    if (--build_->waiters > 0 || build_->done) return;
    build_->cancelled = true;
    build_->scope.cancel();
  }

 private:
  std::shared_ptr<Build> build_;
  std::list<ProgressSink>::iterator listener_;
};

Error given_up(const std::string& name) {
  return {Code::cancelled, "the build of " + quoted(name) + " was given up", "image", true};
}

}  // namespace

void Build::report(Progress progress) {
  if (!progress.step.empty()) {
    latest.step = progress.step;
    if (progress.fraction) latest.fraction = progress.fraction;
  }
  for (const auto& listener : listeners)
    if (listener) listener(progress);
}

net::Task<Result<ImageInfo>> EngineImages::State::join_build(std::string name, bool no_cache,
                                                             ProgressSink progress) {
  while (true) {
    if (closing) co_return given_up(name);
    auto it = builds.find(name);
    if (it == builds.end()) break;
    auto build = it->second;
    if (!build->cancelled && (build->no_cache || !no_cache)) break;
    while (!build->done) co_await build->changed.wait();
  }
  auto& slot = builds[name];
  if (!slot) {
    slot = std::make_shared<Build>(scope.executor(), name);
    slot->no_cache = no_cache;
    slot->result = given_up(name);  // unless it comes to an end
    slot->work = options.work_dir / (name + "-" + random_hex(4));
    slot->scope.spawn(run_build(slot));
    scope.spawn(supervise(slot));
  }
  auto build = slot;
  Waiter waiter(build, std::move(progress));
  while (!build->done) co_await build->changed.wait();
  co_return build->result;
}

net::Task<void> EngineImages::State::run_build(std::shared_ptr<Build> build) {
  std::error_code error;
  std::filesystem::create_directory(build->work, error);
  if (error) {
    build->result = errno_error(error.value(), "cannot make " + quoted(build->work.native(), 256), "image");
    co_return;
  }
  auto deadline = Deadline::in(options.build_deadline);
  auto result = co_await net::with_deadline(make(build), deadline, "building " + quoted(build->name));
  build->result = std::move(result);
}

// Joins the build and clears up after it; never cancelled itself.
net::Task<void> EngineImages::State::supervise(std::shared_ptr<Build> build) {
  co_await build->scope.join();
  auto remove = [work = build->work] {
    std::error_code error;
    std::filesystem::remove_all(work, error);
    return error;
  };
  auto error = co_await blocking.run(std::move(remove));
  if (error)
    log::warn("cannot remove what a build left", {{"path", build->work.native()}, {"why", error.message()}});
  build->done = true;
  builds.erase(build->name);
  build->changed.notify_all();
}

net::Task<void> EngineImages::State::close() {
  closing = true;
  auto running = builds;
  for (auto& [name, build] : running) {
    build->cancelled = true;
    build->scope.cancel();
  }
  co_await scope.join();
}

}  // namespace brig::image
