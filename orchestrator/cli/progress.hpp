// How a long job goes: one line that is rewritten on a terminal, a plain line per step elsewhere. On standard
// error, so that results stay clean.
//
// Threads: one. Failure: none.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/output.hpp"

namespace brig::cli {

class ProgressLine {
 public:
  explicit ProgressLine(const Style& style);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void update(std::string_view step, std::optional<double> fraction);
  // Lines that stay: the builder's own words.
  void log(std::string_view text);
  // Takes the line away.
  void finish();

 private:
  void draw();

  Style style_;
  bool terminal_;
  std::string step_;
  std::optional<double> fraction_;
  bool drawn_ = false;
};

}  // namespace brig::cli
