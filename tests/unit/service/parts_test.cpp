// Hashes of what was built, waiting between restarts, and the log.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "core/unique_fd.hpp"
#include "service/backoff.hpp"
#include "service/log_ring.hpp"
#include "service/tree.hpp"

namespace brig::service {
namespace {

namespace fs = std::filesystem;

class Trees : public testing::Test {
 protected:
  Trees() {
    char name[] = "/tmp/brig-tree-XXXXXX";
    dir = ::mkdtemp(name);
  }
  ~Trees() override { fs::remove_all(dir); }
  void put(const fs::path& path, const std::string& text) {
    fs::create_directories((dir / path).parent_path());
    std::ofstream(dir / path) << text;
  }
  Result<Tree> hash(const fs::path& below) {
    UniqueFd fd(::open((dir / below).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return hash_tree(fd.get());
  }
  fs::path dir;
};

TEST_F(Trees, AreEqualIfWhatIsInThemIs) {
  for (const char* one : {"a", "b"}) {
    put(fs::path(one) / "x/one", "1");
    put(fs::path(one) / "two", "22");
    fs::create_symlink("x/one", dir / one / "link");
  }
  fs::last_write_time(dir / "a/two", fs::file_time_type::clock::now() - std::chrono::hours(5));
  ::chmod((dir / "a/two").c_str(), 0600);
  ASSERT_TRUE(hash("a"));
  EXPECT_EQ(hash("a")->hash, hash("b")->hash);
  EXPECT_EQ(hash("a")->bytes, 3u);
  EXPECT_EQ(hash("a")->hash.size(), 64u);
}

TEST(LogRing, DoesNotTellWhatTheServerWasGiven) {
  LogRing log;
  log.hide({{"KEY", Secret("sesame-open")},
            {"LONGER", Secret("sesame-open-wide")},
            {"FILE", Secret("first line\nsecond line\n\n")},
            {"SHORT", Secret("yes")}});
  log.add({}, "key=sesame-open, twice sesame-opensesame-open; yes, sesame-open-wide");
  log.add({}, "second line");
  log.add({}, "\x1bsesame-open");
  auto lines = log.last(3);
  EXPECT_EQ(lines[0].text, "key=[KEY], twice [KEY][KEY]; yes, [LONGER]");
  EXPECT_EQ(lines[1].text, "[FILE]");
  EXPECT_EQ(lines[2].text.find("sesame"), std::string::npos);
  EXPECT_EQ(log.cleaned("it failed with sesame-open"), "it failed with [KEY]");
  // A server that takes over is given others; this one may still write.
  log.hide({{"KEY", Secret("open-sesame")}});
  EXPECT_EQ(log.cleaned("sesame-open or open-sesame"), "[KEY] or [KEY]");
  log.show_all();
  EXPECT_EQ(log.cleaned("sesame-open"), "sesame-open");
}

TEST(LogRing, TellsOfEachLineAndCountsThem) {
  int told = 0;
  LogRing log([&] { ++told; });
  for (std::size_t i = 0; i < kLogLines + 5; ++i) log.add({}, std::to_string(i));
  EXPECT_EQ(told, static_cast<int>(kLogLines) + 5);
  EXPECT_EQ(log.count(), kLogLines + 5);
  EXPECT_EQ(log.last(kLogLines + 5).size(), kLogLines);
  EXPECT_EQ(log.last(1)[0].text, std::to_string(kLogLines + 4));
}

TEST_F(Trees, DifferWithAnythingThatMatters) {
  std::set<std::string> seen;
  auto differs = [&](const char* what) { EXPECT_TRUE(seen.insert(hash("t")->hash).second) << what; };
  put("t/a", "1");
  put("t/b", "2");
  differs("as it is");
  put("t/b", "3");
  differs("content");
  ::chmod((dir / "t/b").c_str(), 0755);
  differs("may be run");
  fs::rename(dir / "t/b", dir / "t/c");
  differs("name");
  put("t/d/e", "");
  differs("a directory");
  fs::rename(dir / "t/d/e", dir / "t/e");
  differs("out of the directory");
  fs::create_symlink("a", dir / "t/l");
  differs("a link");
  fs::remove(dir / "t/l");
  fs::create_symlink("b", dir / "t/l");
  differs("where it leads");
  fs::remove(dir / "t/l");
  put("t/l", "b");
  differs("a file in its place");
}

TEST_F(Trees, HoldNoPipesOrSockets) {
  put("t/a", "1");
  ASSERT_EQ(::mkfifo((dir / "t/pipe").c_str(), 0600), 0);
  auto found = hash("t");
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message, testing::HasSubstr("'pipe'"));
}

TEST(Waiting, GrowsAndEnds) {
  Backoff backoff;
  Millis before{0};
  for (int i = 0; i < Backoff::kMost; ++i) {
    auto delay = backoff.next(Millis(0));
    ASSERT_TRUE(delay);
    EXPECT_GT(*delay, before);
    auto nominal = Backoff::kFirst * (1 << i);
    EXPECT_GE(*delay, nominal * 3 / 4);
    EXPECT_LE(*delay, nominal * 5 / 4);
    before = *delay;
  }
  EXPECT_FALSE(backoff.next(Millis(0)));
  EXPECT_TRUE(backoff.next(Backoff::kQuiet));  // it ran for a while
  EXPECT_EQ(backoff.restarts(), 1);
}

TEST(ServerLog, KeepsTheLastLines) {
  LogRing log;
  for (std::size_t i = 0; i < kLogLines + 10; ++i) log.add(WallTime{}, std::to_string(i));
  EXPECT_EQ(log.last(5'000).size(), kLogLines);
  EXPECT_EQ(log.last(5'000).front().text, "10");
  EXPECT_EQ(log.last(1)[0].text, "1009");
  log.add(WallTime{}, std::string(100'000, 'x') + "\xff");
  EXPECT_LE(log.last(1)[0].text.size(), LogRing::kMaxText + 3);  // and the mark that it was cut
  log.add(WallTime{}, "\x1b[31m");
  EXPECT_EQ(log.last(1)[0].text.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace brig::service
