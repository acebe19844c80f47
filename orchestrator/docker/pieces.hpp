// The pieces that streams are made of: plain values, known to what decodes them and needs no loop.
//
// Threads: plain values. Failure: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace brig::docker {

// A piece of a container's output.
struct Chunk {
  enum class Channel : std::uint8_t { out = 1, err = 2 };  // with a terminal, all is `out`
  Channel channel = Channel::out;
  std::span<const std::byte> bytes;  // never empty; valid until the next call of next()
};

// One step of a pull, import or build, as the engine tells it. All text is printable and bounded.
struct Progress {
  std::string id;      // the layer, or ""
  std::string status;  // "Downloading", "Step 2/5 : RUN …" — one line
  std::string text;    // what the builder's command wrote; may hold line ends
  std::uint64_t current = 0;
  std::uint64_t total = 0;  // 0: not known
};
using ProgressSink = std::function<void(const Progress&)>;

}  // namespace brig::docker
