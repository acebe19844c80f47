// Finds the keys in what a person types that are meant for brig, not for the process: "leave, but let it run"
// first of all.
//
// Written as "ctrl-p,ctrl-q" or "ctrl-p ctrl-q": control characters and single letters. Empty: none.
// Threads: one. Failure: Error{invalid} for keys that are not understood.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace brig::cli {

class DetachKeys {
 public:
  enum class Pressed { leave, take_over, questions };

  static Result<DetachKeys> parse(std::string_view text);

  // Beside the keys to leave, those that differ from them in the last key alone: ctrl-t to take over, ctrl-a
  // for questions. Where leaving takes one key, there are none.
  bool has(Pressed what) const;
  // "ctrl-p ctrl-t"; empty if there are none.
  std::string text_of(Pressed what) const;

  // Appends to `out` what belongs to the process, and stops behind the first keys that were pressed; `typed`
  // is what is left then. A beginning of keys is held back until the next byte decides.
  std::optional<Pressed> feed(std::string_view& typed, std::string& out);

 private:
  struct Sequence {
    std::string keys;
    Pressed means;
  };
  std::vector<Sequence> sequences_;
  std::string held_;
};

}  // namespace brig::cli
