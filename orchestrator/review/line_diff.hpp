// Which lines of two texts differ: Myers's algorithm in linear space.
//
// The texts are hostile: beyond a bounded effort the result is correct but no longer the shortest.
//
// Threads: any. Failure: none.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace brig::review {

// Lines [a_begin, a_end) of the one text became [b_begin, b_end) of the other; one of them may be empty.
struct Edit {
  std::size_t a_begin, a_end, b_begin, b_end;
  bool operator==(const Edit&) const = default;
};

// With their line ends; the last may have none.
std::vector<std::string_view> lines_of(std::string_view text);

std::vector<Edit> diff_lines(const std::vector<std::string_view>& a, const std::vector<std::string_view>& b);

}  // namespace brig::review
