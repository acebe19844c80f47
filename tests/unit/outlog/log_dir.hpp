// A directory for an output log, gone with the test; and how tests write and read logs.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "outlog/output_log.hpp"

namespace brig::outlog {

class LogDir {
 public:
  LogDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "brig-outlog-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) std::abort();
    root_ = pattern;
  }
  ~LogDir() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  std::filesystem::path path() const { return root_ / "log"; }
  std::filesystem::path segment(std::uint64_t base) const {
    auto digits = std::to_string(base);
    return path() / (std::string(20 - digits.size(), '0') + digits + ".log");
  }

 private:
  std::filesystem::path root_;
};

inline std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

inline WallTime at(std::int64_t ms) {
  return WallTime{Millis{ms}};
}

inline Result<void> put(OutputLog& log, std::string_view text, Stream stream = Stream::out) {
  return log.append(stream, at(1000), bytes(text));
}

struct Read {
  std::string out, err, both;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> gaps;
  std::uint64_t next = 0;  // where the reader came to
  bool in_order = true;    // every piece began where the one before ended
};

// Reads to the end; gives up after more batches than any test has.
inline Read drain(Reader& reader, std::size_t buffer_size = 64 * 1024) {
  Read all;
  std::vector<std::byte> buffer(buffer_size);
  all.next = reader.position();
  for (int i = 0; i < 1'000'000; ++i) {
    auto batch = reader.next(buffer);
    EXPECT_TRUE(batch) << batch.error().message;
    if (!batch || batch->at_end()) break;
    if (batch->gap) {
      all.in_order &=
          batch->gap->from == all.next && batch->gap->to > batch->gap->from && batch->pieces.empty();
      all.gaps.emplace_back(batch->gap->from, batch->gap->to);
      all.next = batch->gap->to;
    }
    for (auto& piece : batch->pieces) {
      all.in_order &= piece.offset == all.next && !piece.bytes.empty();
      all.next = piece.offset + piece.bytes.size();
      std::string text(reinterpret_cast<const char*>(piece.bytes.data()), piece.bytes.size());
      (piece.stream == Stream::out ? all.out : all.err) += text;
      all.both += text;
    }
    EXPECT_EQ(all.next, reader.position());
  }
  EXPECT_TRUE(all.in_order);
  return all;
}

inline Read drain(OutputLog& log, std::uint64_t from, std::size_t buffer_size = 64 * 1024) {
  auto reader = log.read(from);
  return drain(reader, buffer_size);
}

}  // namespace brig::outlog
