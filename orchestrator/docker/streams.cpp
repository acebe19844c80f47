#include "docker/streams.hpp"

#include <algorithm>
#include <cstring>

namespace brig::docker {

net::Task<Result<std::size_t>> StringSource::read(std::span<std::byte> into) {
  std::size_t n = std::min(into.size(), bytes_.size() - at_);
  std::memcpy(into.data(), bytes_.data() + at_, n);
  at_ += n;
  co_return n;
}

}  // namespace brig::docker
