// What flows to and from an engine piece by piece: tar archives up and down, output, lines of progress.
//
// Everything is pulled, so a slow reader slows the sender and memory stays bounded.
//
// Ownership: a Source or Sink handed to a call is used until that call returns (also when it is cancelled);
// destroying a stream ends its request. A stream must not outlive the Engine it came from.
// Threads: the loop's. Failure: as Result; after an error or the end, a stream stays there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "core/result.hpp"
#include "docker/pieces.hpp"
#include "net/task.hpp"

namespace brig::docker {

// What goes up. Fills some of `into` (never empty) and says how much; 0 is the end.
class Source {
 public:
  virtual ~Source() = default;
  virtual net::Task<Result<std::size_t>> read(std::span<std::byte> into) = 0;
};

// What comes down. The bytes are valid until write() returns.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual net::Task<Result<void>> write(std::span<const std::byte> bytes) = 0;
};

// A Source over bytes in memory, for small archives.
class StringSource final : public Source {
 public:
  explicit StringSource(std::string bytes) : bytes_(std::move(bytes)) {}
  net::Task<Result<std::size_t>> read(std::span<std::byte> into) override;

 private:
  std::string bytes_;
  std::size_t at_ = 0;
};

// Things that come one after the other; none at the end. One reader at a time.
template <class T>
class Stream {
 public:
  virtual ~Stream() = default;
  virtual net::Task<Result<std::optional<T>>> next() = 0;
};

}  // namespace brig::docker
