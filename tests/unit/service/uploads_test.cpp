// What callers hand in: whose it is, how much, and for how long.
#include "service/uploads.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/loop.hpp"

namespace brig::service {
namespace {

namespace fs = std::filesystem;
using net::run_task;
using ::testing::HasSubstr;

net::Task<bool> done(net::Task<void> work) {
  co_await std::move(work);
  co_return true;
}

class UploadsTest : public ::testing::Test {
 protected:
  static fs::path fresh_dir() {
    char name[] = "/tmp/brig-uploads-XXXXXX";
    return ::mkdtemp(name);
  }
  ~UploadsTest() override {
    std::error_code ec;
    fs::remove_all(dir, ec);
  }
  Result<std::string> put(const std::string& owner, const std::string& mesh, std::size_t bytes = 3) {
    BRIG_TRY(auto upload, run_task(uploads.begin(owner, mesh)));
    BRIG_CHECK(run_task(upload->write(std::vector<std::byte>(bytes))));
    BRIG_TRY(auto done, run_task(upload->finish()));
    EXPECT_EQ(done.bytes, bytes);
    return done.id;
  }
  std::size_t files() {
    std::error_code ec;
    fs::directory_iterator all(dir / "uploads", ec);
    return ec ? 0 : static_cast<std::size_t>(std::distance(fs::begin(all), fs::end(all)));
  }
  void age(const fs::path& path) {
    fs::last_write_time(path, fs::file_time_type::clock::now() - Uploads::kKept - std::chrono::minutes(1));
  }
  void age_all() {
    for (const auto& entry : fs::directory_iterator(dir / "uploads")) age(entry.path());
  }

  fs::path dir = fresh_dir();
  net::Worker blocking{1};
  Uploads uploads{dir, blocking};
};

TEST_F(UploadsTest, AreTheirOwnersInTheirMeshAlone) {
  auto id = *put("ana", "acme");
  EXPECT_EQ(run_task(uploads.claim("bo", "acme", id)).error().code, Code::not_found);
  EXPECT_EQ(run_task(uploads.claim("ana", "other", id)).error().code, Code::not_found);
  for (const char* odd : {"", "..", "../../etc/passwd", "00000000000000000000000000000000"})
    EXPECT_EQ(run_task(uploads.claim("ana", "acme", odd)).error().code, Code::not_found) << odd;
  auto kept = run_task(uploads.claim("ana", "acme", id));
  ASSERT_TRUE(kept);
  struct stat st {};
  ASSERT_EQ(::stat((dir / "uploads" / *kept).c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  EXPECT_EQ(st.st_size, 3);
  EXPECT_TRUE(run_task(uploads.open(*kept)));
  run_task(done(uploads.remove(*kept)));
  EXPECT_THAT(run_task(uploads.open(*kept)).error().message, HasSubstr("hand it in again"));
}

TEST_F(UploadsTest, AreBounded) {
  EXPECT_EQ(put("ana", "acme", 0).error().code, Code::invalid);
  EXPECT_EQ(put("ana", "acme", Uploads::kMost + 1).error().code, Code::too_large);
  EXPECT_EQ(files(), 0u);
  for (std::size_t i = 0; i < Uploads::kMostOfOne; ++i) ASSERT_TRUE(put("ana", "acme"));
  EXPECT_THAT(put("ana", "acme").error().message, HasSubstr("wait an hour"));
  EXPECT_TRUE(put("ana", "other"));
  age_all();
  EXPECT_TRUE(put("ana", "acme"));
  EXPECT_EQ(files(), 1u);
}

TEST_F(UploadsTest, OfOneMeshLeaveRoomForOthers) {
  std::size_t kept = 0;
  for (int peer = 0; peer < 100; ++peer)
    while (put("peer-" + std::to_string(peer), "acme")) ++kept;
  EXPECT_EQ(kept, Uploads::kMostOfMesh);
  EXPECT_THAT(put("ana", "acme").error().message, HasSubstr("in mesh 'acme' already"));
  EXPECT_TRUE(put("ana", "other"));
  EXPECT_TRUE(put("peer-0", "other"));
}

TEST_F(UploadsTest, OutliveARestartIfSomebodyNeedsThem) {
  auto needed = *run_task(uploads.claim("ana", "acme", *put("ana", "acme")));
  auto late = *run_task(uploads.claim("ana", "acme", *put("ana", "acme")));
  auto fresh = *put("ana", "acme");
  auto half = run_task(uploads.begin("ana", "acme"));
  ASSERT_TRUE(half);
  age(dir / "uploads" / needed);
  age(dir / "uploads" / late);
  run_task(done(uploads.clear({needed})));
  EXPECT_TRUE(run_task(uploads.open(needed)));
  EXPECT_FALSE(run_task(uploads.open(late)));
  EXPECT_TRUE(run_task(uploads.claim("ana", "acme", fresh)));
  EXPECT_EQ(files(), 2u);
  EXPECT_TRUE(put("bo", "acme"));
  EXPECT_TRUE(run_task(uploads.open(needed)));  // for another hour
}

}  // namespace
}  // namespace brig::service
