// A patch on its way to a terminal: coloured as git does it, and harmless. What stands in it was written by
// the agent, and a terminal obeys what it is sent.
//
// Threads: one. Failure: none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/output.hpp"

namespace brig::cli {

class PatchView {
 public:
  explicit PatchView(const Style& style) : style_(style) {}

  // What can be shown after this piece; the rest waits for the next.
  std::string feed(std::string_view piece);
  std::string finish();

 private:
  std::string line(std::string_view text);

  const Style& style_;
  std::string held_;
  std::uint64_t old_left_ = 0, new_left_ = 0;  // of the hunk
};

}  // namespace brig::cli
