// Any sequence of appending, skipping, reopening and losing the tail, against a model that is a plain vector.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <vector>

#include "outlog/output_log.hpp"

namespace brig::outlog {
namespace {

struct Directory {
  Directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "brig-outlog-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) std::abort();
    path = pattern;
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::filesystem::path path;
};

struct Byte {
  char value;
  Stream stream;
  bool operator==(const Byte&) const = default;
};
// By offset; none: skipped.
using Model = std::vector<std::optional<Byte>>;

int in_range(int from, int to) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(from, to));
}

constexpr Limits kLimits{4096, 16384};

std::shared_ptr<OutputLog> open(const Directory& directory) {
  auto log = OutputLog::open(directory.path, kLimits);
  RC_ASSERT(log.ok());
  return *log;
}

void append(OutputLog& log, Model& model) {
  auto size = static_cast<std::size_t>(in_range(0, 4) == 0 ? in_range(1, 6000) : in_range(1, 80));
  auto stream = in_range(0, 3) == 0 ? Stream::err : Stream::out;
  std::vector<std::byte> bytes(size);
  for (auto& byte : bytes) {
    auto value = static_cast<char>(model.size() * 37 % 251);
    byte = static_cast<std::byte>(value);
    model.push_back(Byte{value, stream});
  }
  RC_ASSERT(log.append(stream, WallTime{Millis{static_cast<int>(model.size())}}, bytes).ok());
}

// As a crash would: the last file loses its end, and the log is opened anew.
void lose_tail(const Directory& directory, std::shared_ptr<OutputLog>& log, Model& model) {
  log.reset();
  std::filesystem::path last;
  for (auto& entry : std::filesystem::directory_iterator(directory.path)) last = std::max(last, entry.path());
  if (!last.empty()) {
    auto size = std::filesystem::file_size(last);
    auto cut = std::min<std::uintmax_t>(size, static_cast<std::uintmax_t>(in_range(0, 300)));
    std::filesystem::resize_file(last, size - cut);
  }
  log = open(directory);
  RC_ASSERT(log->end() <= model.size());
  model.resize(log->end());
}

// Where nothing was lost, only a skip that nothing followed may be forgotten.
void reopen(const Directory& directory, std::shared_ptr<OutputLog>& log, Model& model) {
  auto begin = log->begin();
  log = open(directory);
  RC_ASSERT(log->end() <= model.size());
  for (auto at = log->end(); at < model.size(); ++at) RC_ASSERT(!model[at]);
  model.resize(log->end());
  RC_ASSERT(log->begin() == begin || log->begin() == log->end());
}

void read_all(OutputLog& log, const Model& model) {
  auto from = model.empty() ? 0 : static_cast<std::uint64_t>(in_range(0, static_cast<int>(model.size()) + 1));
  std::vector<std::byte> buffer(static_cast<std::size_t>(in_range(kMinBuffer, 9000)));
  auto reader = log.read(from);
  auto at = from;
  while (true) {
    auto batch = reader.next(buffer);
    RC_ASSERT(batch.ok());
    if (batch->at_end()) break;
    if (batch->gap) {
      RC_ASSERT(batch->gap->from == at && batch->gap->to > at);
      for (; at < batch->gap->to; ++at) RC_ASSERT(at < log.begin() || !model[at]);
    }
    for (auto& piece : batch->pieces) {
      RC_ASSERT(piece.offset == at);
      for (auto byte : piece.bytes) {
        RC_ASSERT(at < model.size());
        RC_ASSERT(model[at] == std::optional(Byte{static_cast<char>(byte), piece.stream}));
        ++at;
      }
    }
  }
  RC_ASSERT(at == model.size());
}

RC_GTEST_PROP(OutputLog, BehavesLikeAPlainVector, ()) {
  Directory directory;
  auto log = open(directory);
  Model model;
  for (int steps = in_range(1, 60); steps > 0; --steps) {
    switch (in_range(0, 10)) {
      case 0:
        reopen(directory, log, model);
        break;
      case 1:
        lose_tail(directory, log, model);
        break;
      case 2:
        log->release();
        break;
      case 3: {
        auto to = model.size() + static_cast<std::size_t>(in_range(0, 200));
        log->skip_to(to);
        model.resize(to);
        break;
      }
      case 4:
        read_all(*log, model);
        break;
      default:
        append(*log, model);
    }
    RC_ASSERT(log->end() == model.size());
    RC_ASSERT(log->begin() <= log->end());
    RC_ASSERT(log->disk_bytes() <= kLimits.total_bytes + kLimits.segment_bytes);
  }
  read_all(*log, model);
}

}  // namespace
}  // namespace brig::outlog
