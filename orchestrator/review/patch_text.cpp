#include "review/patch_text.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "review/line_diff.hpp"
#include "review/names.hpp"

namespace brig::review {
namespace {

constexpr std::size_t kContext = 3;
constexpr std::size_t kLookForNul = 8000;  // as git does

std::string octal(mode_t mode) {
  std::array<char, 16> text;
  auto n = std::snprintf(text.data(), text.size(), "%06o", static_cast<unsigned>(mode));
  return std::string(text.data(), static_cast<std::size_t>(n));
}

// "12,3", "12" for one line, "11,0" for none after line 11.
std::string range(std::size_t begin, std::size_t end) {
  auto count = end - begin;
  auto first = std::to_string(count == 0 ? begin : begin + 1);
  return count == 1 ? first : first + "," + std::to_string(count);
}

void put_lines(std::string& out, char mark, const std::vector<std::string_view>& lines, std::size_t begin,
               std::size_t end) {
  for (auto i = begin; i < end; ++i) {
    out += mark;
    out += lines[i];
    if (!lines[i].ends_with('\n')) out += "\n\\ No newline at end of file\n";
  }
}

void put_hunks(FilePatch& patch, std::string_view before, std::string_view after) {
  auto a = lines_of(before), b = lines_of(after);
  auto edits = diff_lines(a, b);
  for (std::size_t first = 0; first < edits.size();) {
    auto last = first + 1;
    while (last < edits.size() && edits[last].a_begin - edits[last - 1].a_end <= 2 * kContext) ++last;
    auto lead = std::min(kContext, edits[first].a_begin);
    auto tail = std::min(kContext, a.size() - edits[last - 1].a_end);
    auto a_begin = edits[first].a_begin - lead, b_begin = edits[first].b_begin - lead;
    auto a_end = edits[last - 1].a_end + tail, b_end = edits[last - 1].b_end + tail;
    patch.text += "@@ -" + range(a_begin, a_end) + " +" + range(b_begin, b_end) + " @@\n";
    for (auto at = a_begin; first < last; ++first) {
      const auto& edit = edits[first];
      put_lines(patch.text, ' ', a, at, edit.a_begin);
      put_lines(patch.text, '-', a, edit.a_begin, edit.a_end);
      put_lines(patch.text, '+', b, edit.b_begin, edit.b_end);
      patch.lines.deleted += edit.a_end - edit.a_begin;
      patch.lines.added += edit.b_end - edit.b_begin;
      at = edit.a_end;
    }
    put_lines(patch.text, ' ', a, a_end - tail, a_end);
  }
}

// After "--- " and "+++ ": git ends a name that holds a space with a tab.
std::string header_name(const char* prefix, const std::string& path, bool exists) {
  if (!exists) return "/dev/null";
  auto name = quoted_by_git(prefix + path);
  return name.find(' ') == name.npos || name[0] == '"' ? name : name + "\t";
}

}  // namespace

bool looks_binary(std::string_view bytes) {
  return bytes.substr(0, kLookForNul).find('\0') != bytes.npos;
}

FilePatch patch_between(const std::string& from, const Blob& before, const std::string& path,
                        const Blob& after) {
  FilePatch patch;
  if (before.mode == 0 && after.mode == 0) return patch;
  // A link that became a file, or the other way round, is one deleted and another created.
  if (before.mode != 0 && after.mode != 0 && ((before.mode ^ after.mode) & S_IFMT) != 0) {
    patch = patch_between(from, before, from, Blob{});
    auto second = patch_between(path, Blob{}, path, after);
    patch.text += second.text;
    patch.lines.added += second.lines.added;
    patch.lines.binary = patch.lines.binary || second.lines.binary;
    return patch;
  }
  bool same =
      !before.binary && !after.binary && before.bytes == after.bytes && before.mode != 0 && after.mode != 0;
  if (same && before.mode == after.mode && from == path) return patch;
  patch.text = "diff --git " + quoted_by_git("a/" + from) + " " + quoted_by_git("b/" + path) + "\n";
  if (before.mode == 0) {
    patch.text += "new file mode " + octal(after.mode) + "\n";
  } else if (after.mode == 0) {
    patch.text += "deleted file mode " + octal(before.mode) + "\n";
  } else if (before.mode != after.mode) {
    patch.text += "old mode " + octal(before.mode) + "\nnew mode " + octal(after.mode) + "\n";
  }
  if (from != path) {
    patch.text += "similarity index 100%\nrename from " + quoted_by_git(from) + "\nrename to " +
                  quoted_by_git(path) + "\n";
    return patch;
  }
  if (same) return patch;
  auto old_name = header_name("a/", from, before.mode != 0),
       new_name = header_name("b/", path, after.mode != 0);
  if (before.binary || after.binary || looks_binary(before.bytes) || looks_binary(after.bytes)) {
    patch.lines.binary = true;
    auto plain = [](std::string name) {
      if (name.ends_with('\t')) name.pop_back();
      return name;
    };
    patch.text += "Binary files " + plain(old_name) + " and " + plain(new_name) + " differ\n";
    return patch;
  }
  if (before.bytes.empty() && after.bytes.empty()) return patch;
  patch.text += "--- " + old_name + "\n+++ " + new_name + "\n";
  put_hunks(patch, before.bytes, after.bytes);
  return patch;
}

}  // namespace brig::review
