#include "outlog/output_log.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>

#include "log_dir.hpp"

namespace brig::outlog {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

std::string counted(std::size_t size, std::uint64_t from = 0) {
  std::string text(size, 0);
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((from + i) * 31 % 251);
  return text;
}

std::size_t open_files() {
  std::size_t n = 0;
  for ([[maybe_unused]] auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++n;
  return n;
}

TEST(OutputLog, KeepsStreamsApartAndInOrder) {
  LogDir dir;
  auto log = OutputLog::open(dir.path());
  ASSERT_TRUE(log) << log.error().message;
  ASSERT_TRUE(put(**log, "one "));
  ASSERT_TRUE(put(**log, "oops ", Stream::err));
  ASSERT_TRUE(put(**log, "two"));
  ASSERT_TRUE(put(**log, ""));
  EXPECT_EQ((*log)->begin(), 0u);
  EXPECT_EQ((*log)->end(), 12u);
  auto all = drain(**log, 0);
  EXPECT_EQ(all.both, "one oops two");
  EXPECT_EQ(all.out, "one two");
  EXPECT_EQ(all.err, "oops ");
  auto tail = drain(**log, 6);
  EXPECT_EQ(tail.both, "ps two");
  EXPECT_EQ(tail.err, "ps ");
}

TEST(OutputLog, SmallNeighboursAreJoinedAndCarryTheTimeOfTheFirst) {
  LogDir dir;
  auto log = *OutputLog::open(dir.path());
  ASSERT_TRUE(log->append(Stream::out, at(7), bytes("a")));
  ASSERT_TRUE(log->append(Stream::out, at(8), bytes("b")));
  ASSERT_TRUE(log->append(Stream::err, at(9), bytes("c")));
  auto reader = log->read(0);
  std::vector<std::byte> buffer(kMinBuffer);
  auto batch = reader.next(buffer);
  ASSERT_TRUE(batch);
  ASSERT_EQ(batch->pieces.size(), 2u);
  EXPECT_EQ(batch->pieces[0].bytes.size(), 2u);
  EXPECT_EQ(batch->pieces[0].time, at(7));
  EXPECT_EQ(batch->pieces[1].offset, 2u);
  EXPECT_EQ(batch->pieces[1].time, at(9));
  std::vector<std::byte> tiny(kMinBuffer - 1);
  EXPECT_FALSE(reader.next(tiny));
}

TEST(OutputLog, AReaderFollowsTheWriter) {
  LogDir dir;
  auto log = *OutputLog::open(dir.path(), {8192, 1 << 20});
  auto reader = log->read(0);
  std::string written, read;
  for (int i = 0; i < 300; ++i) {
    auto text = counted(static_cast<std::size_t>(i) * 7 % 1000 + 1, written.size());
    ASSERT_TRUE(put(*log, text));
    written += text;
    if (i % 3 == 0) read += drain(reader).both;
  }
  read += drain(reader).both;
  EXPECT_EQ(read, written);
  EXPECT_TRUE(drain(reader).both.empty());
}

TEST(OutputLog, EveryOffsetCanBeReadFrom) {
  LogDir dir;
  auto log = *OutputLog::open(dir.path(), {4096, 1 << 20});
  std::string written;
  for (int i = 0; i < 40; ++i) {
    auto text = counted(static_cast<std::size_t>(i * 37 % 400 + 1), written.size());
    ASSERT_TRUE(put(*log, text, i % 4 == 3 ? Stream::err : Stream::out));
    written += text;
  }
  for (std::uint64_t from = 0; from <= written.size(); ++from) {
    ASSERT_EQ(drain(*log, from, kMinBuffer).both, written.substr(from)) << from;
  }
  auto beyond = log->read(written.size() + 100);
  EXPECT_EQ(beyond.position(), written.size());
}

TEST(OutputLog, StaysWithinItsBoundAndTellsOfGaps) {
  LogDir dir;
  Limits limits{4096, 16384};
  auto log = *OutputLog::open(dir.path(), limits);
  auto late = log->read(0);
  std::string written;
  for (int i = 0; i < 200; ++i) {
    auto text = counted(500, written.size());
    ASSERT_TRUE(put(*log, text));
    written += text;
    ASSERT_LE(log->disk_bytes(), limits.total_bytes);
  }
  EXPECT_GT(log->begin(), 0u);
  EXPECT_GE(log->end() - log->begin(), 10'000u);
  auto all = drain(late);
  EXPECT_THAT(all.gaps, ElementsAre(Pair(0, log->begin())));
  EXPECT_EQ(all.both, written.substr(log->begin()));
  std::uint64_t on_disk = 0;
  for (auto& entry : std::filesystem::directory_iterator(dir.path())) on_disk += entry.file_size();
  EXPECT_EQ(on_disk, log->disk_bytes());
}

TEST(OutputLog, AReaderOvertakenInTheMiddleIsToldOnce) {
  LogDir dir;
  auto log = *OutputLog::open(dir.path(), {4096, 8192});
  ASSERT_TRUE(put(*log, counted(3000)));
  auto reader = log->read(0);
  std::vector<std::byte> buffer(1000);
  ASSERT_TRUE(reader.next(buffer));
  auto stood_at = reader.position();
  std::string written = counted(3000);
  for (int i = 0; i < 20; ++i) {
    auto text = counted(1000, written.size());
    ASSERT_TRUE(put(*log, text));
    written += text;
  }
  auto rest = drain(reader);
  EXPECT_THAT(rest.gaps, ElementsAre(Pair(stood_at, log->begin())));
  EXPECT_EQ(rest.both, written.substr(log->begin()));
}

TEST(OutputLog, WhatNeverCameIsAGapAlsoAfterAReopen) {
  LogDir dir;
  {
    auto log = *OutputLog::open(dir.path());
    log->skip_to(5);
    EXPECT_EQ(log->end(), 5u);
    ASSERT_TRUE(put(*log, "abc"));
    log->skip_to(20);
    log->skip_to(10);  // never back
    ASSERT_TRUE(put(*log, "xyz"));
    EXPECT_EQ(log->end(), 23u);
  }
  auto log = *OutputLog::open(dir.path());
  EXPECT_EQ(log->begin(), 5u);
  EXPECT_EQ(log->end(), 23u);
  auto reader = log->read(0);
  std::vector<std::byte> buffer(kMinBuffer);
  auto first = reader.next(buffer);
  ASSERT_TRUE(first && first->gap);
  EXPECT_EQ(first->gap->to, 5u);
  ASSERT_EQ(reader.next(buffer)->pieces.size(), 1u);
  EXPECT_EQ(reader.position(), 8u);
  auto second = reader.next(buffer);
  ASSERT_TRUE(second && second->gap);
  EXPECT_EQ(second->gap->from, 8u);
  EXPECT_EQ(second->gap->to, 20u);
  auto last = reader.next(buffer);
  ASSERT_TRUE(last);
  ASSERT_EQ(last->pieces.size(), 1u);
  EXPECT_EQ(last->pieces[0].offset, 20u);
  EXPECT_TRUE(reader.next(buffer)->at_end());
}

TEST(OutputLog, ComesBackAsItWas) {
  LogDir dir;
  std::string written;
  std::uint64_t begin = 0;
  {
    auto log = *OutputLog::open(dir.path(), {4096, 16384});
    for (int i = 0; i < 100; ++i) {
      auto text = counted(333, written.size());
      ASSERT_TRUE(put(*log, text));
      written += text;
    }
    begin = log->begin();
  }
  auto log = *OutputLog::open(dir.path(), {4096, 16384});
  EXPECT_EQ(log->begin(), begin);
  EXPECT_EQ(log->end(), written.size());
  ASSERT_TRUE(put(*log, "more"));
  EXPECT_EQ(drain(*log, begin).both, written.substr(begin) + "more");
}

TEST(OutputLog, ReleasedLogsHoldNoFile) {
  LogDir dir;
  auto before = open_files();
  auto log = *OutputLog::open(dir.path(), {4096, 16384});
  EXPECT_EQ(open_files(), before) << "nothing is open before the first byte";
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(put(*log, counted(500)));
  auto reader = log->read(log->begin());
  drain(reader);
  EXPECT_LE(open_files(), before + 2) << "a reader leaves no trail of open files";
  log->release();
  EXPECT_EQ(open_files(), before);
  ASSERT_TRUE(put(*log, "again"));
  EXPECT_EQ(drain(reader).both, "again");
}

TEST(OutputLog, WhatIsTooLargeIsRefused) {
  LogDir dir;
  auto log = *OutputLog::open(dir.path());
  auto large = put(*log, std::string(kMaxAppend + 1, 'x'));
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, Code::too_large);
  EXPECT_TRUE(put(*log, std::string(kMaxAppend, 'x')));
}

// A file size limit cuts a write short just as a full disk does; in a child, since the limit is the
// process's.
TEST(OutputLog, AFailedAppendLeavesNothingBehind) {
  LogDir dir;
  pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    auto log = *OutputLog::open(dir.path());
    bool ok = put(*log, counted(1000)).ok();
    rlimit limit{2000, 2000};
    rlimit old{};
    ::getrlimit(RLIMIT_FSIZE, &old);
    limit.rlim_max = old.rlim_max;
    ok &= ::setrlimit(RLIMIT_FSIZE, &limit) == 0;
    ok &= !put(*log, counted(5000)).ok();
    ok &= log->end() == 1000;
    ok &= std::filesystem::file_size(dir.segment(0)) == 1032;
    ok &= ::setrlimit(RLIMIT_FSIZE, &old) == 0;
    ok &= put(*log, "goes on").ok();
    ok &= drain(*log, 0).both == counted(1000) + "goes on";
    ::_exit(ok ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace brig::outlog
