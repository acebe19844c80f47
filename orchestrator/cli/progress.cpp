#include "cli/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

constexpr std::size_t kBar = 24;

void put(const std::string& text) {
  [[maybe_unused]] auto n = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

ProgressLine::ProgressLine(const Style& style) : style_(style), terminal_(::isatty(STDERR_FILENO)) {}

ProgressLine::~ProgressLine() {
  finish();
}

void ProgressLine::update(std::string_view step, std::optional<double> fraction) {
  std::string clean = printable(step, 200);
  bool same = clean == step_;
  step_ = std::move(clean);
  fraction_ = fraction;
  if (terminal_)
    draw();
  else if (!same && !step_.empty())
    put(step_ + "\n");
}

void ProgressLine::draw() {
  std::string line = "\r\x1b[K";
  std::size_t columns = window_size(STDERR_FILENO).value_or(WindowSize{}).cols;
  if (fraction_) {
    double f = std::clamp(*fraction_, 0.0, 1.0);
    auto full = static_cast<std::size_t>(f * kBar);
    std::string bar;
    for (std::size_t i = 0; i < kBar; ++i) bar += i < full ? "█" : "░";
    char percent[8];
    std::snprintf(percent, sizeof percent, " %3.0f%% ", f * 100);
    line += style_.paint(Colour::blue, bar) + percent;
    columns -= std::min(columns, kBar + 6);
  }
  std::string step = step_;
  while (!step.empty() && display_width(step) + 1 > columns) {
    do step.pop_back();
    while (!is_utf8(step));
  }
  put(line + step);
  drawn_ = true;
}

void ProgressLine::log(std::string_view text) {
  std::string lines;
  for (auto line : split(text, '\n')) {
    if (!line.empty()) lines += printable(line, 2000) + "\n";
  }
  if (lines.empty()) return;
  finish();
  put(lines);
}

void ProgressLine::finish() {
  if (drawn_) put("\r\x1b[K");
  drawn_ = false;
}

}  // namespace brig::cli
