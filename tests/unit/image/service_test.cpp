// What needs no engine: opening, and asking npm.
#include "image/service.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "core/random.hpp"
#include "net/loop.hpp"

namespace brig::image {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class ServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(dir_ / "images" / "tool");
    fs::create_directories(dir_ / "bin");
    write("images/tool/provider.toml", "schema = 1\ntitle = \"T\"\nbinary = \"t\"\n");
    write("images/tool/Dockerfile", "FROM x\n");
    path_ = ::getenv("PATH");
  }
  void TearDown() override {
    ::setenv("PATH", path_.c_str(), 1);
    fs::remove_all(dir_);
  }
  void write(const std::string& name, const std::string& content) { std::ofstream(dir_ / name) << content; }
  // A program called npm in front of all others.
  void make_npm(const std::string& script) {
    write("bin/npm", "#!/bin/sh\n" + script);
    ::chmod((dir_ / "bin/npm").c_str(), 0755);
    ::setenv("PATH", ((dir_ / "bin").native() + ":" + path_).c_str(), 1);
  }
  void write_lock() {
    std::string text = "format = 1\npackages = [\n";
    for (std::string line :
         {"\"a\", arch = \"any\", name = \"a\", version = \"1.2.3\", track = \"latest\"",
          "\"b\", arch = \"any\", name = \"@s/b\", version = \"2.9.0-linux-x64\", track = \"2\"",
          "\"c\", arch = \"other\", name = \"c\", version = \"1.0.0\", track = \"latest\""})
      text += "  { id = " + line + ", integrity = \"\" },\n";
    write("images/versions.lock", text + "]\n");
  }

  // Opens the service on an engine that is not there, and hands it to `body`.
  template <class T>
  Result<T> with_service(net::Task<Result<T>> (*body)(EngineImages&)) {
    return net::run_task(run<T>(dir_, body));
  }
  template <class T>
  static net::Task<Result<T>> run(fs::path dir, net::Task<Result<T>> (*body)(EngineImages&)) {
    auto executor = co_await net::asio::this_coro::executor;
    docker::Endpoint endpoint;
    endpoint.socket = dir / "no.sock";
    BRIG_CO_TRY(auto engine, docker::connect(endpoint, executor));
    net::Worker worker(1);
    Options options;
    options.images_dir = dir / "images";
    options.work_dir = dir / "work";
    BRIG_CO_TRY(auto images, EngineImages::open(options, *engine, worker, executor));
    auto result = co_await body(*images);
    co_await images->close();
    co_return result;
  }

  fs::path dir_ = fs::temp_directory_path() / ("brig-images-" + random_hex(6));
  std::string path_;
};

net::Task<Result<std::vector<Outdated>>> ask(EngineImages& images) {
  return images.outdated();
}

TEST_F(ServiceTest, OutdatedComparesPinsWithWhatNpmAnswers) {
  write_lock();
  make_npm(
      "case \"$*\" in\n"
      "'view --json -- a@latest version') echo '\"1.2.4\"' ;;\n"
      "'view --json -- @s/b@2 version') echo '[\"2.8.0\",\"2.10.1\",\"2.9.9\"]' ;;\n"
      "*) echo \"unexpected: $*\" >&2; exit 1 ;;\nesac\n");
  auto outdated = with_service(ask);
  ASSERT_TRUE(outdated) << outdated.error().message;
  ASSERT_EQ(outdated->size(), 2u);
  EXPECT_EQ((*outdated)[0].package, "a");
  EXPECT_EQ((*outdated)[0].latest, "1.2.4");
  EXPECT_EQ((*outdated)[1].package, "@s/b");
  EXPECT_EQ((*outdated)[1].latest, "2.10.1-linux-x64");
}

TEST_F(ServiceTest, OutdatedSaysWhatNpmSaid) {
  write_lock();
  make_npm("echo 'no such registry' >&2; exit 1\n");
  auto outdated = with_service(ask);
  ASSERT_FALSE(outdated);
  EXPECT_EQ(outdated.error().code, Code::unavailable);
  EXPECT_THAT(outdated.error().message, HasSubstr("no such registry"));
}

net::Task<Result<Ready>> ready(EngineImages& images) {
  return images.ready("tool", "");
}
net::Task<Result<Ready>> ready_unknown(EngineImages& images) {
  return images.ready("tol", "");
}
net::Task<Result<ImageInfo>> build(EngineImages& images) {
  return images.build("tool", false, {});
}

TEST_F(ServiceTest, AnEngineThatIsAwayIsToldApartFromAnImageThatIsMissing) {
  EXPECT_EQ(with_service(ready).error().code, Code::unavailable);
  EXPECT_EQ(with_service(build).error().code, Code::unavailable);
  EXPECT_EQ(with_service(ready_unknown).error().code, Code::not_found);
  EXPECT_TRUE(fs::is_empty(dir_ / "work"));
}

TEST_F(ServiceTest, OpeningEmptiesTheDirectoryForBuilds) {
  fs::create_directories(dir_ / "work" / "old" / "deep");
  write("work/old/deep/file", "x");
  (void)with_service(ready);
  EXPECT_TRUE(fs::is_empty(dir_ / "work"));
}

}  // namespace
}  // namespace brig::image
