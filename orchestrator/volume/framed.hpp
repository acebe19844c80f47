// How what people carry about is packed: zstd frames of 1 MiB, each with a checksum of its own, and at the
// end one over all, so that a flipped bit, a frame that is missing, twice or in another place, and an end
// that is missing are found.
//
//   frames of zstd
//   a frame that zstd passes over: "BRIGSUM1" and BLAKE2b of all that stands before it (32 bytes)
//
// Threads: one. Failure: as Result; `corrupt` names the byte where it is damaged.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "core/result.hpp"
#include "tar/entry.hpp"

namespace brig::volume {

class FrameWriter final : public tar::Sink {
 public:
  // False: it takes no more.
  using Out = std::function<bool(std::string_view)>;
  explicit FrameWriter(Out out);
  ~FrameWriter();

  bool write(const char* bytes, std::size_t size) override;
  bool finish();

 private:
  struct State;
  bool flush();
  std::unique_ptr<State> state_;
};

class FrameReader {
 public:
  // What was packed, piece by piece; its error ends the reading. Nothing of it may be believed before
  // finish().
  using Take = std::function<Result<void>(std::string_view)>;
  explicit FrameReader(Take take);
  ~FrameReader();

  Result<void> feed(std::string_view bytes);
  // No more comes: it was whole, and its sum is right.
  Result<void> finish();
  Error damaged(const std::string& why) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace brig::volume
