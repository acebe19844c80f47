#include "core/secret.hpp"

#include <string.h>

namespace brig {

Secret::Secret(std::string_view value) {
  // Above the small-string size, so that a move hands over the only copy instead of leaving one behind.
  value_.reserve(value.size() < 64 ? 64 : value.size());
  value_.assign(value);
}

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) *this = Secret(other);
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    value_ = std::move(other.value_);
    other.wipe();
  }
  return *this;
}

bool Secret::equals(std::string_view other) const {
  if (other.size() != value_.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < other.size(); ++i) {
    difference |=
        static_cast<unsigned>(static_cast<unsigned char>(other[i]) ^ static_cast<unsigned char>(value_[i]));
  }
  return difference == 0;
}

void Secret::wipe() noexcept {
  if (value_.capacity() > 0) explicit_bzero(value_.data(), value_.capacity());
  value_.clear();
}

}  // namespace brig
