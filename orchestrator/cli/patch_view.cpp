#include "cli/patch_view.hpp"

#include <charconv>
#include <limits>

#include "core/text.hpp"

namespace brig::cli {
namespace {

// The count of "-12,3" or "+12" (which is 1), from the text after the sign.
std::uint64_t count_of(std::string_view range) {
  std::uint64_t first = 0, count = 1;
  auto end = range.data() + range.size();
  auto [at, ec] = std::from_chars(range.data(), end, first);
  if (ec == std::errc() && at != end && *at == ',') std::from_chars(at + 1, end, count);
  return count;
}

// Tabs stay: indentation is content.
std::string harmless(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    auto tab = text.find('\t');
    out += printable(text.substr(0, tab), std::numeric_limits<std::size_t>::max());
    if (tab == text.npos) break;
    out += '\t';
    text.remove_prefix(tab + 1);
  }
  return out;
}

}  // namespace

std::string PatchView::line(std::string_view text) {
  auto shown = harmless(text);
  if (old_left_ > 0 || new_left_ > 0) {
    char mark = text.empty() ? ' ' : text[0];
    if (mark != '+' && old_left_ > 0) --old_left_;
    if (mark != '-' && new_left_ > 0) --new_left_;
    if (mark == '\\') ++old_left_, ++new_left_;
    return style_.paint(mark == '+'   ? Colour::green
                        : mark == '-' ? Colour::red
                                      : Colour::plain,
                        shown) +
           "\n";
  }
  if (text.starts_with("@@ -")) {
    auto plus = text.find(" +");
    auto end = text.find(" @@", 4);
    if (plus != text.npos && end != text.npos && plus < end) {
      old_left_ = count_of(text.substr(4, plus - 4));
      new_left_ = count_of(text.substr(plus + 2, end - plus - 2));
    }
    return style_.paint(Colour::blue, shown) + "\n";
  }
  if (text.starts_with("\\ ")) return shown + "\n";
  return style_.paint(text.starts_with("# ") ? Colour::yellow : Colour::bold, shown) + "\n";
}

std::string PatchView::feed(std::string_view piece) {
  std::string out;
  while (!piece.empty()) {
    auto end = piece.find('\n');
    held_ += piece.substr(0, end);
    if (end == piece.npos) break;
    out += line(held_);
    held_.clear();
    piece.remove_prefix(end + 1);
  }
  return out;
}

std::string PatchView::finish() {
  auto out = held_.empty() ? std::string() : line(held_);
  held_.clear();
  return out;
}

}  // namespace brig::cli
