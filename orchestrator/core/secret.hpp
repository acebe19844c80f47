// A value that is never printed, logged or serialised by accident, and is wiped when it goes.
//
// There is no operator<<, no to_string and no comparison that leaks time; who needs the bytes says reveal().
// Threads: one owner at a time. Failure: none.
#pragma once

#include <string>
#include <string_view>

namespace brig {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view value);
  Secret(const Secret& other) : Secret(other.reveal()) {}
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.wipe(); }
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { wipe(); }

  std::string_view reveal() const { return value_; }
  bool empty() const { return value_.empty(); }
  // In constant time for equal lengths.
  bool equals(std::string_view other) const;

 private:
  void wipe() noexcept;
  std::string value_;
};

}  // namespace brig
