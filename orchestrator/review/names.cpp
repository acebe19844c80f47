#include "review/names.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace brig::review {
namespace {

constexpr char kHex[] = "0123456789abcdef";

// How many bytes of valid UTF-8 begin here that no terminal acts upon; 0 if none.
std::size_t clean(std::string_view text) {
  auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x20 || first == 0x7f) return 0;
  if (first < 0x80) return 1;
  for (std::size_t n = 2; n <= 4 && n <= text.size(); ++n) {
    auto character = text.substr(0, n);
    if (!is_utf8(character)) continue;
    // printable() knows which characters are controls, or turn the direction of writing.
    return printable(character, 64) == character ? n : 0;
  }
  return 0;
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Error refuse(std::string_view text, std::string why) {
  return Error{Code::invalid, "the path " + brig::quoted(text, 200) + " " + std::move(why), "review: path",
               false};
}

}  // namespace

std::string spelled(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    if (bytes[0] == '\\') {
      out += "\\\\";
      bytes.remove_prefix(1);
    } else if (auto n = clean(bytes)) {
      out += bytes.substr(0, n);
      bytes.remove_prefix(n);
    } else {
      auto c = static_cast<unsigned char>(bytes[0]);
      out += {'\\', 'x', kHex[c >> 4], kHex[c & 15]};
      bytes.remove_prefix(1);
    }
  }
  return out;
}

Result<std::string> unspelled(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (i + 1 < text.size() && text[i + 1] == '\\') {
      out += '\\';
      ++i;
      continue;
    }
    int high = i + 3 < text.size() && text[i + 1] == 'x' ? digit(text[i + 2]) : -1;
    int low = high >= 0 ? digit(text[i + 3]) : -1;
    if (low < 0 || (high == 0 && low == 0))
      return refuse(text, "has a backslash that begins neither '\\\\' nor '\\xNN'");
    out += static_cast<char>(high * 16 + low);
    i += 3;
  }
  return out;
}

std::string quoted_by_git(std::string_view bytes) {
  std::string out;
  bool plain = true;
  for (char c : bytes) {
    auto u = static_cast<unsigned char>(c);
    constexpr std::string_view kLetters = "abtnvfr";  // from 7 on
    if (c == '"' || c == '\\') {
      out += {'\\', c};
      plain = false;
    } else if (u >= 7 && u <= 13) {
      out += {'\\', kLetters[u - 7u]};
      plain = false;
    } else if (u < 0x20 || u >= 0x7f) {
      out += {'\\', static_cast<char>('0' + (u >> 6)), static_cast<char>('0' + ((u >> 3) & 7)),
              static_cast<char>('0' + (u & 7))};
      plain = false;
    } else {
      out += c;
    }
  }
  return plain ? out : "\"" + out + "\"";
}

Result<std::string> parse_path(std::string_view text) {
  BRIG_TRY(std::string bytes, unspelled(text));
  if (bytes.find('\0') != std::string::npos) return refuse(text, "holds a NUL byte");
  if (bytes.starts_with('/')) return refuse(text, "is absolute; write it as it is within the project");
  if (bytes.size() > 4095) return refuse(text, "is longer than 4095 bytes");
  std::string out;
  for (auto part : split(bytes, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") return refuse(text, "has a '..'; write it as it is within the project");
    out = joined(out, part);
  }
  return out;
}

Selection::Selection(std::vector<std::string> paths) : paths_(std::move(paths)) {
  if (std::find(paths_.begin(), paths_.end(), "") != paths_.end()) paths_.clear();
}

Result<Selection> Selection::parse(std::span<const std::string> texts) {
  std::vector<std::string> paths;
  for (const auto& text : texts) {
    BRIG_TRY(std::string path, parse_path(text));
    paths.push_back(std::move(path));
  }
  return Selection(std::move(paths));
}

bool Selection::contains(std::string_view path) const {
  return paths_.empty() || std::any_of(paths_.begin(), paths_.end(),
                                       [&](const auto& wanted) { return is_below(path, wanted); });
}

bool Selection::leads_to(std::string_view directory) const {
  return contains(directory) || std::any_of(paths_.begin(), paths_.end(),
                                            [&](const auto& wanted) { return is_below(wanted, directory); });
}

std::string joined(std::string_view directory, std::string_view name) {
  std::string out(directory);
  if (!out.empty()) out += '/';
  return out += name;
}

bool is_below(std::string_view path, std::string_view directory) {
  return directory.empty() ||
         (path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/'));
}

std::string_view parent_of(std::string_view path) {
  auto slash = path.rfind('/');
  return slash == path.npos ? std::string_view() : path.substr(0, slash);
}

std::string_view name_of(std::string_view path) {
  auto slash = path.rfind('/');
  return slash == path.npos ? path : path.substr(slash + 1);
}

}  // namespace brig::review
