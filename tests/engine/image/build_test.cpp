// Images made by a real engine from the folders of this repository, and from folders made here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/files.hpp"
#include "harness/engine.hpp"
#include "image/service.hpp"
#include "image/trust.hpp"
#include "net/loop.hpp"
#include "net/scope.hpp"

namespace brig::image {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// A service over `images_dir`, closed at the end of the body.
struct Fixture {
  std::unique_ptr<docker::Engine> engine;
  net::Worker worker{1};
  std::unique_ptr<EngineImages> images;
  fs::path images_dir;
  fs::path work;
};
using Body = net::Task<Result<void>> (*)(Fixture&);

net::Task<Result<void>> with_images(fs::path images_dir, fs::path scratch, Body body) {
  auto executor = co_await net::asio::this_coro::executor;
  BRIG_CO_TRY(auto endpoint, docker::parse_endpoint(harness::Engine::shared().docker_host()));
  Fixture fixture;
  BRIG_CO_TRY(fixture.engine, docker::connect(std::move(endpoint), executor));
  fixture.images_dir = images_dir;
  fixture.work = scratch / "work";
  Options options;
  options.images_dir = images_dir;
  options.work_dir = fixture.work;
  options.installation = "test";
  options.prefix = "brig-image-test";
  options.base = "127.0.0.1:1/nothing:here";  // a registry that is not there
  BRIG_CO_TRY(options.ca_bundle, prepare_trust("auto", scratch / "ca.crt"));
  BRIG_CO_TRY(fixture.images,
              EngineImages::open(std::move(options), *fixture.engine, fixture.worker, executor));
  auto result = co_await body(fixture);
  co_await fixture.images->close();
  EXPECT_TRUE(fs::is_empty(fixture.work)) << "a build left something";
  co_return result;
}

void run(const fs::path& images_dir, Body body) {
  auto scratch = harness::Engine::shared().scratch("image");
  ASSERT_TRUE(scratch) << scratch.error().message;
  auto done = net::run_task(with_images(images_dir, *scratch, body));
  EXPECT_TRUE(done) << done.error().message;
}

const ImageInfo* find(const std::vector<ImageInfo>& list, const std::string& name) {
  for (const auto& info : list)
    if (info.provider.str() == name) return &info;
  return nullptr;
}

net::Task<Result<void>> shell_from_nothing(Fixture& fixture) {
  auto& images = *fixture.images;
  auto missing = co_await images.ready("shell", "");
  EXPECT_FALSE(missing);
  if (!missing) {
    EXPECT_EQ(missing.error().code, Code::not_found);
    EXPECT_THAT(missing.error().message, HasSubstr("brig image build shell"));
  }

  std::vector<Progress> seen;
  ProgressSink sink = [&seen](const Progress& progress) { seen.push_back(progress); };
  BRIG_CO_TRY(auto base_built, co_await images.build("base", false, sink));
  EXPECT_EQ(base_built.tag, "brig/base:bookworm");
  BRIG_CO_TRY(auto built, co_await images.build("shell", false, sink));
  EXPECT_TRUE(built.built);
  EXPECT_EQ(built.tag, "brig-image-test/shell:latest");
  EXPECT_GT(built.size, 1u << 20);
  EXPECT_FALSE(seen.empty());
  bool tried = false, bootstrapped = false, stepped = false;
  double last = 0;
  for (const auto& progress : seen) {
    tried |= progress.step.find("cannot be pulled") != std::string::npos;
    bootstrapped |= progress.step.starts_with("base: ");
    stepped |= progress.step.starts_with("Step 1/");
    if (progress.fraction) last = *progress.fraction;
  }
  EXPECT_TRUE(tried);
  EXPECT_TRUE(bootstrapped);
  EXPECT_TRUE(stepped);
  EXPECT_EQ(last, 1.0);

  BRIG_CO_TRY(auto ready, co_await images.ready("shell", ""));
  EXPECT_EQ(ready.id, built.id);
  EXPECT_THAT(ready.env["PATH"], HasSubstr("/usr/bin"));
  EXPECT_TRUE(ready.volumes.empty());

  BRIG_CO_TRY(auto list, co_await images.list());
  const auto* shell = find(list, "shell");
  const auto* base = find(list, "base");
  const auto* claude = find(list, "claude");
  EXPECT_TRUE(shell != nullptr && shell->built && !shell->stale && shell->id == built.id);
  EXPECT_TRUE(base != nullptr && base->built);
  EXPECT_TRUE(claude != nullptr && !claude->built);

  // Again, from the engine's cache: the context is the same byte for byte.
  BRIG_CO_TRY(auto again, co_await images.build("shell", false, {}));
  EXPECT_EQ(again.id, built.id);
  BRIG_CO_CHECK(co_await images.remove("shell"));
  co_return Result<void>();
}

TEST(ImageBuild, TheShellIsMadeFromThisHostsPackages) {
  run(BRIG_SOURCE_DIR "/images", shell_from_nothing);
}

// Images that need no network: on the base that harness::Engine keeps.
class SmallImages : public testing::Test {
 protected:
  void SetUp() override {
    auto& engine = harness::Engine::shared();
    auto made = engine.ensure_image("brig-test/busybox");
    ASSERT_TRUE(made) << made.error().message;
    auto scratch = engine.scratch("small-images");
    ASSERT_TRUE(scratch) << scratch.error().message;
    dir_ = *scratch / "images";
    fs::create_directories(dir_);
    fs::copy(BRIG_SOURCE_DIR "/images/base", dir_ / "base", fs::copy_options::recursive);
    fs::copy(BRIG_SOURCE_DIR "/images/versions.lock", dir_ / "versions.lock");
    // Other tests need the real base again.
    saved_ =
        engine.request("POST", "/images/brig/base:bookworm/tag?repo=brig-image-test/base&tag=saved").ok();
    auto tagged = engine.request("POST", "/images/brig-test/busybox/tag?repo=brig/base&tag=bookworm");
    ASSERT_TRUE(tagged) << tagged.error().message;
  }
  void TearDown() override {
    auto& engine = harness::Engine::shared();
    (void)engine.request("DELETE", "/images/brig/base:bookworm");
    if (!saved_) return;
    (void)engine.request("POST", "/images/brig-image-test/base:saved/tag?repo=brig/base&tag=bookworm");
    (void)engine.request("DELETE", "/images/brig-image-test/base:saved");
  }

  void add(const std::string& name, const std::string& dockerfile) {
    fs::create_directories(dir_ / name);
    std::ofstream(dir_ / name / "Dockerfile") << dockerfile;
    std::ofstream(dir_ / name / "provider.toml") << "schema = 1\ntitle = \"t\"\nbinary = \"sh\"\n";
  }

  fs::path dir_;
  bool saved_ = false;
};

net::Task<Result<void>> fail_with_output(Fixture& fixture) {
  auto built = co_await fixture.images->build("broken", false, {});
  EXPECT_FALSE(built);
  if (!built) {
    EXPECT_EQ(built.error().code, Code::invalid);
    EXPECT_THAT(built.error().message, HasSubstr("'broken'"));
    EXPECT_THAT(built.error().message, HasSubstr("the words it said"));
  }
  co_return Result<void>();
}

TEST_F(SmallImages, AFailedBuildSaysWhatTheBuilderSaidLast) {
  add("broken", "FROM brig/base:bookworm\nRUN echo the words it said; exit 3\n");
  run(dir_, fail_with_output);
}

net::Task<Result<void>> grow_stale(Fixture& fixture) {
  auto& images = *fixture.images;
  BRIG_CO_TRY(auto built, co_await images.build("small", false, {}));
  BRIG_CO_TRY(auto fresh, co_await images.list());
  EXPECT_FALSE(find(fresh, "small")->stale);
  BRIG_CO_CHECK(write_file(fixture.images_dir / "small" / "more", "x", 0644));
  BRIG_CO_TRY(auto stale, co_await images.list());
  EXPECT_TRUE(find(stale, "small")->stale);
  BRIG_CO_CHECK(co_await images.remove("small"));
  auto gone = co_await images.remove("small");
  EXPECT_TRUE(!gone && gone.error().code == Code::not_found);
  auto unknown = co_await images.build("smal", false, {});
  EXPECT_TRUE(!unknown && unknown.error().message.find("did you mean 'small'?") != std::string::npos);
  co_return Result<void>();
}

TEST_F(SmallImages, AChangedFolderMakesTheImageStale) {
  add("small", "FROM brig/base:bookworm\nENV A=b\n");
  run(dir_, grow_stale);
}

net::Task<void> build_into(EngineImages& images, std::string name, std::optional<Result<ImageInfo>>& result) {
  result = co_await images.build(std::move(name), false, {});
}

net::Task<Result<void>> build_together(Fixture& fixture) {
  auto executor = co_await net::asio::this_coro::executor;
  std::optional<Result<ImageInfo>> first, second;
  net::Scope scope(executor, "callers");
  scope.spawn(build_into(*fixture.images, "small", first));
  scope.spawn(build_into(*fixture.images, "small", second));
  co_await scope.join();
  EXPECT_TRUE(first && *first && second && *second);
  // Two builds would not give the same random bytes.
  if (first && *first && second && *second) {
    EXPECT_EQ((*first)->id, (*second)->id);
  }
  co_return Result<void>();
}

TEST_F(SmallImages, WhoAsksForABuildThatIsUnderWayJoinsIt) {
  add("small", "FROM brig/base:bookworm\nRUN head -c 16 /dev/urandom > /made\n");
  run(dir_, build_together);
}

net::Task<Result<void>> give_up(Fixture& fixture) {
  auto executor = co_await net::asio::this_coro::executor;
  auto& images = *fixture.images;
  net::Event started(executor);
  bool running = false;
  ProgressSink sink = [&](const Progress& progress) {
    running |= progress.log.find("at it") != std::string::npos;
    started.notify_all();
  };
  std::optional<Result<ImageInfo>> result;
  net::Scope scope(executor, "caller");
  auto build = [](EngineImages& from, ProgressSink show,
                  std::optional<Result<ImageInfo>>& into) -> net::Task<void> {
    into = co_await from.build("slow", false, std::move(show));
  };
  scope.spawn(build(images, sink, result));
  auto limit = Deadline::in(std::chrono::minutes(2));
  while (!running && !limit.passed()) co_await started.wait_until(limit);
  EXPECT_TRUE(running);
  EXPECT_EQ(std::distance(fs::directory_iterator(fixture.work), fs::directory_iterator()), 1);
  co_await scope.close();
  EXPECT_FALSE(result);
  // The next one finds no build under way, and the engine has let go of the first.
  auto gone = [&]() { return fs::is_empty(fixture.work); };
  while (!gone() && !limit.passed()) co_await net::sleep_for(Millis(10));
  EXPECT_TRUE(gone());
  co_return Result<void>();
}

TEST_F(SmallImages, ABuildThatNobodyWaitsForIsCancelled) {
  add("slow", "FROM brig/base:bookworm\nRUN echo at it; sleep 1000\n");
  run(dir_, give_up);
}

}  // namespace
}  // namespace brig::image
