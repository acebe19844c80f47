// A string that names one kind of thing and cannot be mistaken for another.
//
//   using SessionId = StrongId<struct SessionIdTag>;
//
// Threads: plain values. Failure: none; validity is checked where the string enters (core/names.hpp).
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <utility>

namespace brig {

template <class Tag>
class StrongId {
 public:
  StrongId() = default;
  explicit StrongId(std::string value) : value_(std::move(value)) {}

  const std::string& str() const { return value_; }
  bool empty() const { return value_.empty(); }
  auto operator<=>(const StrongId&) const = default;

 private:
  std::string value_;
};

}  // namespace brig

template <class Tag>
struct std::hash<brig::StrongId<Tag>> {
  std::size_t operator()(const brig::StrongId<Tag>& id) const { return std::hash<std::string>{}(id.str()); }
};
