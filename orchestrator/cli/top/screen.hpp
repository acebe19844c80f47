// The picture that `brig top` draws: a pure function of what is known and how large the terminal is.
//
// Threads: any. Failure: none; what does not fit is cut, and text of strangers is made printable.
#pragma once

#include <string>
#include <vector>

#include "cli/output.hpp"
#include "cli/terminal.hpp"
#include "cli/top/usage.hpp"

namespace brig::cli {

struct Screen {
  std::vector<SessionUsage> sessions;  // those that are shown, in their order
  std::size_t hidden = 0;              // by the filter
  std::string selected;                // the id of one of them
  std::size_t first = 0;               // the one at the top
  UsageOrder order = UsageOrder::name;
  bool turned = false;
  std::string filter;
  bool typing = false;   // the filter
  std::string notice;    // a question, or what became of something
  bool trouble = false;  // the notice is an error
  std::string time;

  std::size_t index() const;  // of the selected one; 0 if it is gone
};

// Keeps the selected one in sight.
void scroll(Screen& screen, WindowSize size);
// Exactly size.rows lines, none wider than size.cols.
std::vector<std::string> draw(const Screen& screen, WindowSize size, const Style& style);

}  // namespace brig::cli
