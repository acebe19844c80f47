// The engine's multiplexed output: however the bytes are cut into pieces, the same comes out, and never more
// than went in. The first byte says how they are cut.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "docker/frames.hpp"

namespace {

using brig::docker::Chunk;

struct Taken {
  std::string out, err;
  bool failed = false;
  bool at_boundary = false;
};

Taken take(std::string_view bytes, std::size_t step) {
  Taken all;
  brig::docker::FrameDecoder decoder;
  while (!bytes.empty() && !all.failed) {
    // A copy of its own size, so that reading past a piece is seen.
    std::string piece(bytes.substr(0, step));
    bytes.remove_prefix(piece.size());
    decoder.feed(piece);
    while (true) {
      auto chunk = decoder.next();
      all.failed = !chunk;
      if (!chunk || !*chunk) break;
      if ((*chunk)->bytes.empty()) std::abort();
      auto& into = (*chunk)->channel == Chunk::Channel::out ? all.out : all.err;
      into.append(reinterpret_cast<const char*>((*chunk)->bytes.data()), (*chunk)->bytes.size());
    }
  }
  all.at_boundary = decoder.at_boundary();
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  Taken cut = take(bytes, std::size_t{data[0]} + 1);
  Taken whole = take(bytes, size);
  if (cut.out != whole.out || cut.err != whole.err || cut.failed != whole.failed) std::abort();
  if (!cut.failed && cut.at_boundary != whole.at_boundary) std::abort();
  if (whole.out.size() + whole.err.size() > bytes.size()) std::abort();
  return 0;
}
