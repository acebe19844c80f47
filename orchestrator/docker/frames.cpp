#include "docker/frames.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace brig::docker {
namespace {

constexpr unsigned char kOut = 1, kEngineError = 3;  // 2 is err
constexpr std::size_t kMaxComplaint = 1024;

}  // namespace

Result<std::optional<Chunk>> FrameDecoder::next() {
  while (!input_.empty()) {
    if (left_ == 0) {
      std::size_t n = std::min(sizeof header_ - header_size_, input_.size());
      std::copy_n(input_.data(), n, header_ + header_size_);
      header_size_ += n;
      input_.remove_prefix(n);
      if (header_size_ < sizeof header_) break;
      if (header_[0] < kOut || header_[0] > kEngineError || header_[1] != 0 || header_[2] != 0 ||
          header_[3] != 0) {
        return Error{Code::protocol, "the Docker engine's output stream is not made of frames",
                     "docker: frames", false};
      }
      left_ = std::uint32_t{header_[4]} << 24 | std::uint32_t{header_[5]} << 16 |
              std::uint32_t{header_[6]} << 8 | header_[7];
      if (left_ == 0) header_size_ = 0;
      continue;
    }
    auto bytes = input_.substr(0, left_);
    input_.remove_prefix(bytes.size());
    left_ -= static_cast<std::uint32_t>(bytes.size());
    if (left_ == 0) header_size_ = 0;
    if (header_[0] != kEngineError) {
      auto channel = header_[0] == kOut ? Chunk::Channel::out : Chunk::Channel::err;
      return std::optional(Chunk{channel, std::as_bytes(std::span(bytes))});
    }
    complaint_ += bytes.substr(0, kMaxComplaint - complaint_.size());
    if (left_ == 0) {
      return Error{
          Code::internal,
          "the Docker engine could not go on with the output: " + printable(complaint_, kMaxComplaint),
          "docker: frames", false};
    }
  }
  return std::optional<Chunk>();
}

}  // namespace brig::docker
