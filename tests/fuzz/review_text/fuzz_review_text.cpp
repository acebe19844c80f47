// An agent's names and contents as a reviewer gets to see them: a spelling goes both ways and steers no
// terminal, a path never leads out, and a patch makes of the one text the other. The input is a name and two
// texts, with 0xff between them.
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/text.hpp"
#include "review/line_diff.hpp"
#include "review/names.hpp"
#include "review/patch_text.hpp"

namespace {

using namespace brig::review;

void check(bool holds) {
  if (!holds) std::abort();
}

bool is_control(char c) {
  auto byte = static_cast<unsigned char>(c);
  return byte < ' ' || byte == 0x7f;
}

void check_name(const std::string& bytes) {
  if (bytes.find('\0') != std::string::npos) return;  // no file has such a name
  auto text = spelled(bytes);
  check(brig::is_utf8(text));
  for (char c : text) check(!is_control(c));
  auto back = unspelled(text);
  check(back && *back == bytes);
  auto git = quoted_by_git(bytes);
  for (char c : git) check(!is_control(c));

  // And as a path that somebody writes.
  auto path = parse_path(bytes);
  if (!path) return;
  check(path->empty() || path->front() != '/');
  for (auto part : brig::split(*path, '/'))
    check(path->empty() || (!part.empty() && part != "." && part != ".."));
  auto again = parse_path(spelled(*path));
  check(again && *again == *path);
  Selection selection({*path});
  check(selection.contains(*path) && selection.leads_to(parent_of(*path)));
}

std::size_t number(std::string_view& text) {
  std::size_t out = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  check(ec == std::errc());
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return out;
}

// As `patch` would: what its hunks make of `before`.
std::string patched(std::string_view before, std::string_view patch) {
  auto old = lines_of(before);
  std::string out;
  std::size_t at = 0;
  auto lines = lines_of(patch);
  std::size_t i = 0;
  while (i < lines.size() && !lines[i].starts_with("@@ -")) ++i;
  check(i < lines.size());
  while (i < lines.size()) {
    auto head = lines[i++];
    check(head.starts_with("@@ -"));
    head.remove_prefix(4);
    auto first = number(head);
    std::size_t count = 1;
    if (head.starts_with(',')) {
      head.remove_prefix(1);
      count = number(head);
    }
    auto begin = count == 0 ? first : first - 1;
    check(begin >= at && begin <= old.size());
    for (; at < begin; ++at) out += old[at];
    for (; i < lines.size() && !lines[i].starts_with("@@ -"); ++i) {
      auto line = lines[i];
      std::string text(line.substr(1));
      if (i + 1 < lines.size() && lines[i + 1].starts_with("\\ No newline")) text.pop_back();
      switch (line[0]) {
        case ' ':
          check(at < old.size() && old[at] == text);
          ++at;
          out += text;
          break;
        case '-':
          check(at < old.size() && old[at] == text);
          ++at;
          break;
        case '+':
          out += text;
          break;
        case '\\':
          break;
        default:
          std::abort();
      }
    }
  }
  for (; at < old.size(); ++at) out += old[at];
  return out;
}

void check_patch(const std::string& name, std::string before, std::string after) {
  Blob a{0100644, std::move(before), false}, b{0100755, std::move(after), false};
  auto patch = patch_between(name, a, name, b);
  check(patch.text.starts_with("diff --git "));
  if (patch.lines.binary) {
    check(looks_binary(a.bytes) || looks_binary(b.bytes));
    return;
  }
  if (a.bytes == b.bytes) return;
  auto hunks = patch.text.find("\n@@ -");
  check(hunks != std::string::npos);
  check(patched(a.bytes, std::string_view(patch.text).substr(hunks + 1)) == b.bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  auto first = input.substr(0, input.find('\xff'));
  input.remove_prefix(std::min(input.size(), first.size() + 1));
  auto second = input.substr(0, input.find('\xff'));
  input.remove_prefix(std::min(input.size(), second.size() + 1));
  check_name(std::string(first));
  check_name(std::string(input));
  if (!first.empty()) check_patch(std::string(first), std::string(second), std::string(input));
  return 0;
}
