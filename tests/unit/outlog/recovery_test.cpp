// Whatever a crash or a vandal did to the files: open() and readers give a prefix, say what is missing, and
// go on.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <fstream>
#include <random>
#include <set>

#include "log_dir.hpp"
#include "outlog/record.hpp"

namespace brig::outlog {
namespace {

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void spit(const std::filesystem::path& path, const std::string& content) {
  // A new file: ext4 writes one that was truncated and filled again to the disk at once, which takes long.
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary) << content;
}

std::string fill(OutputLog& log, int records) {
  std::string written;
  for (int i = 0; i < records; ++i) {
    std::string text(static_cast<std::size_t>(i * 13 % 60 + 1), static_cast<char>('a' + i % 26));
    EXPECT_TRUE(put(log, text, i % 3 == 0 ? Stream::err : Stream::out));
    written += text;
  }
  return written;
}

TEST(Recovery, CutAnywhereItKeepsTheWholeRecordsBefore) {
  LogDir dir;
  auto written = fill(**OutputLog::open(dir.path()), 40);
  auto whole = slurp(dir.segment(0));
  std::uint64_t previous = 0;
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    spit(dir.segment(0), whole.substr(0, cut));
    auto log = OutputLog::open(dir.path());
    ASSERT_TRUE(log) << log.error().message;
    auto end = (*log)->end();
    ASSERT_GE(end, previous);
    previous = end;
    ASSERT_EQ(std::filesystem::file_size(dir.segment(0)), (*log)->disk_bytes());
    ASSERT_TRUE(put(**log, "and on"));
    auto all = drain(**log, 0);
    ASSERT_EQ(all.both, written.substr(0, end) + "and on") << cut;
    ASSERT_TRUE(all.gaps.empty());
  }
  EXPECT_EQ(previous, written.size());
}

TEST(Recovery, ADamagedHeaderEndsIt) {
  LogDir dir;
  auto written = fill(**OutputLog::open(dir.path()), 20);
  auto whole = slurp(dir.segment(0));
  auto salt = decode_head(reinterpret_cast<const std::byte*>(whole.data()));
  ASSERT_TRUE(salt);
  std::size_t at_record = kHead;
  std::uint64_t offset = 0;
  while (at_record < whole.size()) {
    auto header = decode(reinterpret_cast<const std::byte*>(whole.data()) + at_record, {*salt, offset});
    ASSERT_TRUE(header);
    for (std::size_t i = 0; i < kHeader; ++i) {
      auto broken = whole;
      broken[at_record + i] = static_cast<char>(broken[at_record + i] ^ 0x10);
      spit(dir.segment(0), broken);
      auto log = OutputLog::open(dir.path());
      ASSERT_TRUE(log);
      ASSERT_EQ((*log)->end(), offset) << "record at " << at_record << ", byte " << i;
      ASSERT_EQ(drain(**log, 0).both, written.substr(0, offset));
    }
    at_record += kHeader + header->length;
    offset += header->length;
  }
}

TEST(Recovery, ZerosAfterAPowerCutAreNoRecords) {
  LogDir dir;
  auto written = fill(**OutputLog::open(dir.path()), 5);
  spit(dir.segment(0), slurp(dir.segment(0)) + std::string(5000, '\0'));
  EXPECT_EQ((*OutputLog::open(dir.path()))->end(), written.size());
}

TEST(Recovery, RubbishOnTheDiskNeverHurts) {
  std::minstd_rand random(12345);
  for (int round = 0; round < 400; ++round) {
    LogDir dir;
    std::string written;
    {
      auto log = *OutputLog::open(dir.path(), {4096, 1 << 20});
      for (int i = 0; i < 3; ++i) written += fill(*log, 60);
    }
    std::vector<std::filesystem::path> files;
    for (auto& entry : std::filesystem::directory_iterator(dir.path())) files.push_back(entry.path());
    ASSERT_GT(files.size(), 1u);
    for (int hit = 0; hit < 3; ++hit) {
      auto& file = files[random() % files.size()];
      auto content = slurp(file);
      if (content.empty()) continue;
      switch (random() % 4) {
        case 0:
          content[random() % content.size()] ^= static_cast<char>(1 << random() % 8);
          break;
        case 1:
          content.resize(random() % content.size());
          break;
        case 2:
          content.append(std::string(random() % 100, static_cast<char>(random() % 256)));
          break;
        case 3:
          content.insert(random() % content.size(), "vandal");
          break;
      }
      spit(file, content);
    }
    auto log = OutputLog::open(dir.path(), {4096, 1 << 20});
    ASSERT_TRUE(log) << log.error().message;
    auto end = (*log)->end();
    ASSERT_TRUE(put(**log, "after"));
    // Readers reach the end from anywhere; drain() sees to it that all they get is in order.
    for (std::uint64_t from : {std::uint64_t{0}, end / 3, end / 2, end}) {
      auto all = drain(**log, from, round % 2 ? kMinBuffer : 65536);
      ASSERT_EQ(all.next, (*log)->end());
    }
  }
}

// A log that fills fast writes over its oldest segment. What that held must not come back as records, even if
// the process wrote what records look like, and even if what killed us left the new ones torn.
TEST(Recovery, WhatASegmentHeldInAnEarlierLifeStaysGone) {
  LogDir dir;
  const Limits limits{8192, 16384};
  auto forged = [](std::uint64_t offset) {
    std::string record(kHeader + 8, 'F');
    encode({8, Stream::out, 0}, {0, offset}, reinterpret_cast<std::byte*>(record.data()));
    return record;
  };
  auto log = *OutputLog::open(dir.path(), limits);
  std::string written;
  std::set<ino_t> files;
  std::size_t segments = 0;
  while (segments < 8) {
    // Every place in the file could one day be the first after the last good record.
    auto text = forged(written.size() + 16384 - 8 * (written.size() % 5));
    auto before = std::filesystem::exists(dir.segment(written.size()));
    ASSERT_TRUE(put(*log, text));
    struct stat st {};
    if (!before && ::stat(dir.segment(written.size()).c_str(), &st) == 0) {
      files.insert(st.st_ino);
      ++segments;
    }
    written += text;
    ASSERT_LE(log->disk_bytes(), limits.total_bytes);
    std::uint64_t on_disk = 0;
    for (auto& entry : std::filesystem::directory_iterator(dir.path())) on_disk += entry.file_size();
    ASSERT_EQ(on_disk, log->disk_bytes());
    if (written.size() % 17 != 0) continue;
    // As a kill -9 now would leave it: another log on the same files.
    LogDir copy;
    std::filesystem::copy(dir.path(), copy.path());
    auto again = *OutputLog::open(copy.path(), limits);
    ASSERT_EQ(again->end(), written.size());
    ASSERT_EQ(again->begin(), log->begin());
    auto all = drain(*again, again->begin());
    ASSERT_TRUE(all.gaps.empty());
    ASSERT_EQ(all.both, written.substr(again->begin()));
  }
  EXPECT_LE(files.size(), 3u) << "files are used again";
}

TEST(Recovery, StrangersInTheDirectoryAreIgnored) {
  LogDir dir;
  fill(**OutputLog::open(dir.path()), 3);
  spit(dir.path() / "99999999999999999999.log", "no number this large");
  spit(dir.path() / "notes.txt", "x");
  std::filesystem::create_directory(dir.path() / "00000000000000009999.log");
  auto log = OutputLog::open(dir.path());
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_EQ((*log)->begin(), 0u);
}

TEST(Recovery, KilledInTheMiddleItKeepsAllThatWasAcknowledged) {
  LogDir dir;
  std::minstd_rand random(99);
  std::uint64_t known = 0;
  for (int round = 0; round < 30; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(ends[0]);
      auto log = OutputLog::open(dir.path(), {64 << 10, 256 << 10});
      if (!log) ::_exit(1);
      while (true) {
        // What the bytes are follows from where they stand, so that anyone can check them.
        std::string text(static_cast<std::size_t>((*log)->end() % 5000 + 1), 0);
        for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(((*log)->end() + i) % 253);
        if (!put(**log, text)) ::_exit(2);
        auto end = (*log)->end();
        if (::write(ends[1], &end, sizeof end) != sizeof end) ::_exit(3);
      }
    }
    ::close(ends[1]);
    std::uint64_t value = 0;
    auto acks = random() % 60 + 1;
    for (unsigned i = 0; i < acks && ::read(ends[0], &value, sizeof value) == sizeof value; ++i)
      known = value;
    ::kill(child, SIGKILL);
    while (::read(ends[0], &value, sizeof value) == sizeof value) known = value;
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));

    auto log = *OutputLog::open(dir.path(), {64 << 10, 256 << 10});
    ASSERT_GE(log->end(), known);
    auto from = log->begin();
    auto all = drain(*log, from);
    ASSERT_EQ(all.next, log->end());
    for (std::size_t i = 0; i < all.both.size(); ++i) {
      ASSERT_EQ(all.both[i], static_cast<char>((from + i) % 253)) << "offset " << from + i;
    }
  }
}

}  // namespace
}  // namespace brig::outlog
