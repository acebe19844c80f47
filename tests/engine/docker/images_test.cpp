#include <sys/stat.h>

#include "support.hpp"
#include "tar.hpp"

namespace brig::docker {
namespace {

net::Task<Result<void>> look(Engine& engine) {
  auto image = co_await engine.images().inspect(kImage);
  if (!image) co_return std::move(image).error();
  EXPECT_TRUE(image->id.str().starts_with("sha256:"));
  EXPECT_EQ(image->os, "linux");
  EXPECT_GT(image->size, 1'000'000u);
  EXPECT_TRUE(image->created.has_value());
  auto by_id = co_await engine.images().inspect(image->id.str());
  EXPECT_TRUE(by_id && by_id->id == image->id);
  auto absent = co_await engine.images().inspect("brig-test/absent:1");
  EXPECT_TRUE(!absent && absent.error().code == Code::not_found);
  auto bad = co_await engine.images().inspect("../info");
  EXPECT_TRUE(!bad && bad.error().code == Code::invalid);

  BRIG_CO_CHECK(co_await engine.images().tag(kImage, "brig-test/second", "v1"));
  ImageFilter filter;
  filter.references = {"brig-test/second"};
  auto listed = co_await engine.images().list(filter);
  EXPECT_TRUE(listed && listed->size() == 1 && listed->front().id == image->id);
  Images::RemoveOptions how;
  auto removed = co_await engine.images().remove("brig-test/second:v1", how);
  if (!removed) co_return std::move(removed).error();
  EXPECT_EQ(removed->untagged, std::vector<std::string>{"brig-test/second:v1"});
  EXPECT_TRUE(removed->deleted.empty());
  co_return Result<void>{};
}
TEST(Images, AreFoundTaggedAndRemoved) {
  run(look);
}

net::Task<Result<void>> import_one(Engine& engine) {
  // More than any buffer on the way holds.
  std::string big(3'000'000, 'x');
  StringSource tar(tar_of({{"etc/big", big, 0644}, {"hello", "hi\n", 0644}}));
  ImportOptions options;
  options.repository = "brig-test/imported";
  options.tag = "t1";
  options.changes = {"ENV A=b", "CMD [\"/hello\"]", "LABEL brig-test=import", "VOLUME /data"};
  int steps = 0;
  auto id = co_await engine.images().import(
      options, tar, [&steps](const Progress&) { ++steps; }, Deadline::in(std::chrono::minutes(2)));
  if (!id) co_return std::move(id).error();
  EXPECT_GT(steps, 0);
  auto image = co_await engine.images().inspect("brig-test/imported:t1");
  if (!image) co_return std::move(image).error();
  EXPECT_EQ(image->id, *id);
  EXPECT_EQ(image->config.env, std::vector<std::string>{"A=b"});
  EXPECT_EQ(image->config.cmd, std::vector<std::string>{"/hello"});
  EXPECT_EQ(image->config.volumes, std::vector<std::string>{"/data"});
  EXPECT_EQ(image->config.labels["brig-test"], "import");
  Images::RemoveOptions how;
  auto removed = co_await engine.images().remove("brig-test/imported:t1", how);
  EXPECT_TRUE(removed && !removed->deleted.empty());
  co_return Result<void>{};
}
TEST(Images, AreImportedFromATar) {
  run(import_one);
}

net::Task<Result<void>> build_one(Engine& engine) {
  StringSource tar(tar_of({{"Dockerfile",
                            "FROM brig-test/busybox\nARG WORD\nENV WORD=$WORD\nCOPY greeting /greeting\n"
                            "RUN echo the word is $WORD && cat /greeting\n",
                            0644},
                           {"greeting", "well met\n", 0644}}));
  BuildOptions options;
  options.tags = {"brig-test/built:t1", "brig-test/built:t2"};
  options.network_mode = "none";
  options.args = {{"WORD", "sesame open"}};
  options.labels = {{"brig-test", "build"}};
  options.no_cache = true;
  std::string told;
  auto progress = [&told](const Progress& step) { told += step.status + step.text; };
  auto id = co_await engine.images().build(options, tar, progress, Deadline::in(std::chrono::minutes(2)));
  if (!id) co_return std::move(id).error();
  EXPECT_NE(told.find("the word is sesame open"), std::string::npos) << told;
  EXPECT_NE(told.find("well met"), std::string::npos);
  EXPECT_NE(told.find("Step 1/"), std::string::npos);
  for (std::string tag : {"brig-test/built:t1", "brig-test/built:t2"}) {
    auto image = co_await engine.images().inspect(tag);
    if (!image) co_return std::move(image).error();
    EXPECT_EQ(image->id, *id);
    EXPECT_EQ(image->config.labels["brig-test"], "build");
    Images::RemoveOptions how;
    auto removed = co_await engine.images().remove(tag, how);
    EXPECT_TRUE(removed);
  }
  co_return Result<void>{};
}
TEST(Images, AreBuiltWithProgress) {
  run(build_one);
}

net::Task<Result<void>> build_fails(Engine& engine) {
  StringSource tar(tar_of({{"Dockerfile", "FROM brig-test/busybox\nRUN echo alas; exit 9\n", 0644}}));
  BuildOptions options;
  options.network_mode = "none";
  auto id = co_await engine.images().build(options, tar, {}, Deadline::in(std::chrono::minutes(2)));
  EXPECT_FALSE(id);
  if (id) co_return Result<void>{};
  EXPECT_EQ(id.error().code, Code::invalid);
  EXPECT_NE(id.error().message.find("non-zero code: 9"), std::string::npos) << id.error().message;
  EXPECT_NE(id.error().message.find("alas"), std::string::npos) << id.error().message;

  StringSource no_file(tar_of({{"README", "nothing to build", 0644}}));
  auto missing = co_await engine.images().build(options, no_file, {}, Deadline::in(std::chrono::minutes(2)));
  EXPECT_FALSE(missing);
  if (!missing) {
    EXPECT_NE(missing.error().message.find("Dockerfile"), std::string::npos) << missing.error().message;
  }
  co_return Result<void>{};
}
TEST(Images, FailedBuildsSayWhy) {
  run(build_fails);
}

class FailingSource final : public Source {
 public:
  net::Task<Result<std::size_t>> read(std::span<std::byte> into) override {
    if (++reads_ > 3) co_return Error{Code::corrupt, "the disk is gone", "test", false};
    std::fill(into.begin(), into.end(), std::byte{0});
    co_return into.size();
  }

 private:
  int reads_ = 0;
};

net::Task<Result<void>> source_fails(Engine& engine) {
  FailingSource source;
  ImportOptions options;
  auto id = co_await engine.images().import(options, source, {}, Deadline::in(std::chrono::minutes(1)));
  EXPECT_TRUE(!id && id.error().message == "the disk is gone") << (id ? id->str() : id.error().message);
  BRIG_CO_CHECK(co_await engine.system().ping());
  co_return Result<void>{};
}
TEST(Images, AFailingSourceFailsItsCall) {
  run(source_fails);
}

net::Task<Result<void>> pull_unreachable(Engine& engine) {
  // A registry on loopback where nobody listens: the engine's words, and its code.
  PullOptions options;
  options.image = "127.0.0.1:1/nothing:here";
  options.auth = RegistryAuth{"127.0.0.1:1", "user", Secret("word"), {}};
  auto pulled = co_await engine.images().pull(options, {}, Deadline::in(std::chrono::minutes(1)));
  EXPECT_FALSE(pulled);
  if (!pulled) {
    EXPECT_NE(pulled.error().message.find("127.0.0.1:1"), std::string::npos) << pulled.error().message;
  }
  if (!pulled) {
    EXPECT_EQ(pulled.error().message.find("word"), std::string::npos);
  }
  co_return Result<void>{};
}
TEST(Images, PullsThatFailSayWhy) {
  run(pull_unreachable);
}

}  // namespace
}  // namespace brig::docker
