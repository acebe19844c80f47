#include "review/line_diff.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <unordered_map>

namespace brig::review {
namespace {

using Index = std::int64_t;

// How many differences a search for the middle may come to before it settles for a good place to split.
constexpr Index kEffort = 256;

struct Box {
  Index a0, a1, b0, b1;
};

class Differ {
 public:
  Differ(std::vector<std::uint32_t> a, std::vector<std::uint32_t> b)
      : a_(std::move(a)), b_(std::move(b)), a_changed(a_.size()), b_changed(b_.size()) {
    // Diagonals go from -|b| to |a|, with a guard on either side.
    forward_.resize(a_.size() + b_.size() + 3);
    backward_.resize(forward_.size());
    zero_ = static_cast<Index>(b_.size()) + 1;
  }

  void run() {
    std::vector<Box> boxes = {{0, static_cast<Index>(a_.size()), 0, static_cast<Index>(b_.size())}};
    while (!boxes.empty()) {
      Box box = boxes.back();
      boxes.pop_back();
      while (box.a0 < box.a1 && box.b0 < box.b1 && a(box.a0) == b(box.b0)) ++box.a0, ++box.b0;
      while (box.a0 < box.a1 && box.b0 < box.b1 && a(box.a1 - 1) == b(box.b1 - 1)) --box.a1, --box.b1;
      if (box.a0 == box.a1 || box.b0 == box.b1) {
        std::fill(a_changed.begin() + box.a0, a_changed.begin() + box.a1, true);
        std::fill(b_changed.begin() + box.b0, b_changed.begin() + box.b1, true);
        continue;
      }
      auto [x, y] = middle(box);
      boxes.push_back({box.a0, x, box.b0, y});
      boxes.push_back({x, box.a1, y, box.b1});
    }
  }

 private:
  std::uint32_t a(Index i) const { return a_[static_cast<std::size_t>(i)]; }
  std::uint32_t b(Index i) const { return b_[static_cast<std::size_t>(i)]; }
  Index& forward(Index d) { return forward_[static_cast<std::size_t>(d + zero_)]; }
  Index& backward(Index d) { return backward_[static_cast<std::size_t>(d + zero_)]; }

  // A point on a shortest path through the box, from searching forward and backward until the two meet.
  std::pair<Index, Index> middle(const Box& box) {
    const Index lowest = box.a0 - box.b1, highest = box.a1 - box.b0;
    const Index from = box.a0 - box.b0, to = box.a1 - box.b1;
    const bool odd = ((from - to) & 1) != 0;
    constexpr Index kFar = std::numeric_limits<Index>::max() / 2;
    Index fmin = from, fmax = from, bmin = to, bmax = to;
    forward(from) = box.a0;
    backward(to) = box.a1;
    for (Index cost = 1;; ++cost) {
      if (fmin > lowest) {
        forward(--fmin - 1) = -1;
      } else {
        ++fmin;
      }
      if (fmax < highest) {
        forward(++fmax + 1) = -1;
      } else {
        --fmax;
      }
      for (Index d = fmax; d >= fmin; d -= 2) {
        Index below = forward(d - 1), above = forward(d + 1);
        Index x = below < above ? above : below + 1;
        while (x < box.a1 && x - d < box.b1 && a(x) == b(x - d)) ++x;
        forward(d) = x;
        if (odd && bmin <= d && d <= bmax && backward(d) <= x) return {x, x - d};
      }
      if (bmin > lowest) {
        backward(--bmin - 1) = kFar;
      } else {
        ++bmin;
      }
      if (bmax < highest) {
        backward(++bmax + 1) = kFar;
      } else {
        --bmax;
      }
      for (Index d = bmax; d >= bmin; d -= 2) {
        Index below = backward(d - 1), above = backward(d + 1);
        Index x = below < above ? below : above - 1;
        while (x > box.a0 && x - d > box.b0 && a(x - 1) == b(x - d - 1)) --x;
        backward(d) = x;
        if (!odd && fmin <= d && d <= fmax && x <= forward(d)) return {x, x - d};
      }
      if (cost >= kEffort) return furthest(box, fmin, fmax, bmin, bmax);
    }
  }

  std::pair<Index, Index> furthest(const Box& box, Index fmin, Index fmax, Index bmin, Index bmax) {
    Index best_forward = -1, fx = box.a0, best_backward = std::numeric_limits<Index>::max(), bx = box.a1;
    for (Index d = fmax; d >= fmin; d -= 2) {
      Index x = std::min({forward(d), box.a1, box.b1 + d});
      if (x + x - d > best_forward) best_forward = x + x - d, fx = x;
    }
    for (Index d = bmax; d >= bmin; d -= 2) {
      Index x = std::max({backward(d), box.a0, box.b0 + d});
      if (x + x - d < best_backward) best_backward = x + x - d, bx = x;
    }
    if (best_forward - (box.a0 + box.b0) > box.a1 + box.b1 - best_backward) return {fx, best_forward - fx};
    return {bx, best_backward - bx};
  }

  std::vector<std::uint32_t> a_, b_;
  std::vector<Index> forward_, backward_;  // per diagonal: how far along `a` it was come
  Index zero_ = 0;

 public:
  std::vector<bool> a_changed, b_changed;
};

std::vector<Edit> edits_of(const Differ& differ) {
  std::vector<Edit> edits;
  const auto& a = differ.a_changed;
  const auto& b = differ.b_changed;
  for (std::size_t i = 0, j = 0; i < a.size() || j < b.size();) {
    Edit edit{i, i, j, j};
    while (i < a.size() && a[i]) ++i;
    while (j < b.size() && b[j]) ++j;
    edit.a_end = i;
    edit.b_end = j;
    if (edit.a_begin != i || edit.b_begin != j) edits.push_back(edit);
    if (i < a.size()) ++i;
    if (j < b.size()) ++j;
  }
  return edits;
}

// An added block whose first line equals the line after it may as well begin one line later: people expect
// the closing brace of what was added, not of what stood before.
void slide_down(std::vector<Edit>& edits, const std::vector<std::uint32_t>& a,
                const std::vector<std::uint32_t>& b) {
  for (std::size_t k = 0; k < edits.size(); ++k) {
    auto& edit = edits[k];
    std::size_t limit_a = k + 1 < edits.size() ? edits[k + 1].a_begin : a.size();
    std::size_t limit_b = k + 1 < edits.size() ? edits[k + 1].b_begin : b.size();
    bool added = edit.a_begin == edit.a_end, removed = edit.b_begin == edit.b_end;
    if (added == removed) continue;
    const auto& lines = added ? b : a;
    // Stops a line short of the next edit, so that the two stay apart.
    while (edit.a_end + 1 < limit_a && edit.b_end + 1 < limit_b &&
           lines[added ? edit.b_begin : edit.a_begin] == lines[added ? edit.b_end : edit.a_end]) {
      ++edit.a_begin, ++edit.a_end, ++edit.b_begin, ++edit.b_end;
    }
  }
}

}  // namespace

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    auto end = text.find('\n');
    auto length = end == text.npos ? text.size() : end + 1;
    lines.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return lines;
}

std::vector<Edit> diff_lines(const std::vector<std::string_view>& a, const std::vector<std::string_view>& b) {
  std::unordered_map<std::string_view, std::uint32_t> numbers;
  auto number = [&](const std::vector<std::string_view>& lines) {
    std::vector<std::uint32_t> out;
    out.reserve(lines.size());
    for (auto line : lines) {
      out.push_back(numbers.emplace(line, static_cast<std::uint32_t>(numbers.size())).first->second);
    }
    return out;
  };
  auto numbered_a = number(a), numbered_b = number(b);
  Differ differ(numbered_a, numbered_b);
  differ.run();
  auto edits = edits_of(differ);
  slide_down(edits, numbered_a, numbered_b);
  return edits;
}

}  // namespace brig::review
