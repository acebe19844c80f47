// Finds the keys that mean "leave, but let it run" in what a person types.
//
// Written as "ctrl-p,ctrl-q" or "ctrl-p ctrl-q": control characters and single letters. Empty: none.
// Threads: one. Failure: Error{invalid} for keys that are not understood.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"

namespace brig::cli {

class DetachKeys {
 public:
  static Result<DetachKeys> parse(std::string_view text);

  // Appends to `out` what belongs to the process. True: the keys were pressed; what follows them is dropped.
  // A beginning of the keys is held back until the next byte decides.
  bool feed(std::string_view typed, std::string& out);

 private:
  std::string keys_;
  std::size_t matched_ = 0;
};

}  // namespace brig::cli
