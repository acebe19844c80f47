// The engine's multiplexed output: frames of {channel, 0, 0, 0, length (big endian)} and bytes.
//
// Payload is given out as it comes, whole frame or not, so a length is only ever counted down, never
// allocated.
//
// Ownership: fed bytes are borrowed until next() has given them all out. Threads: one owner.
// Failure: Error{protocol} for what is no frame; what the engine says on its channel for errors is an Error
// too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "docker/pieces.hpp"

namespace brig::docker {

class FrameDecoder {
 public:
  // Only after next() gave nothing.
  void feed(std::string_view bytes) { input_ = bytes; }
  Result<std::optional<Chunk>> next();
  // False in the middle of a frame: the stream was cut off.
  bool at_boundary() const { return header_size_ == 0 && left_ == 0; }

 private:
  std::string_view input_;
  unsigned char header_[8] = {};
  std::size_t header_size_ = 0;
  std::uint32_t left_ = 0;  // bytes of this frame still to come
  std::string complaint_;   // on the engine's channel for errors
};

}  // namespace brig::docker
