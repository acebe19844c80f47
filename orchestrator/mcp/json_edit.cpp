// Strings read and written, and objects changed in one member.
#include <algorithm>
#include <cstdint>

#include "core/text.hpp"
#include "mcp/json.hpp"

namespace brig::mcp::json {
namespace {

std::uint32_t hex4(std::string_view digits) {
  std::uint32_t out = 0;
  for (char c : digits.substr(0, 4)) {
    auto digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    out = out << 4 | static_cast<std::uint32_t>(digit);
  }
  return out;
}

void append_utf8(std::string& out, std::uint32_t point) {
  auto byte = [&out](std::uint32_t value) { out += static_cast<char>(value); };
  if (point < 0x80) return byte(point);
  if (point < 0x800) {
    byte(0xc0 | point >> 6);
  } else {
    if (point < 0x10000) {
      byte(0xe0 | point >> 12);
    } else {
      byte(0xf0 | point >> 18);
      byte(0x80 | (point >> 12 & 0x3f));
    }
    byte(0x80 | (point >> 6 & 0x3f));
  }
  byte(0x80 | (point & 0x3f));
}

char unescaped(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;
  }
}

constexpr char kHex[] = "0123456789abcdef";

}  // namespace

std::optional<std::string> text(std::string_view value) {
  value = trimmed(value);
  if (value.size() < 2 || value.front() != '"') return std::nullopt;
  value = value.substr(1, value.size() - 2);
  if (value.find('\\') == std::string_view::npos) return std::string(value);
  std::string out;
  out.reserve(value.size());
  for (std::size_t i = 0; i < value.size();) {
    if (value[i] != '\\') {
      out += value[i++];
      continue;
    }
    char c = value[i + 1];
    i += 2;
    if (c != 'u') {
      out += unescaped(c);
      continue;
    }
    auto point = hex4(value.substr(i));
    i += 4;
    if (point >= 0xdc00 && point < 0xe000) return std::nullopt;
    if (point >= 0xd800 && point < 0xdc00) {
      auto rest = value.substr(i);
      if (rest.size() < 6 || !rest.starts_with("\\u")) return std::nullopt;
      auto low = hex4(rest.substr(2));
      if (low < 0xdc00 || low >= 0xe000) return std::nullopt;
      point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
      i += 6;
    }
    append_utf8(out, point);
  }
  return out;
}

std::string literal(std::string_view text) {
  std::string mended;
  if (!is_utf8(text)) {
    // printable() would write \xNN, which here would pass for content.
    for (char c : text) {
      if (static_cast<unsigned char>(c) < 0x80)
        mended += c;
      else if (!mended.ends_with("\uFFFD"))
        mended += "\uFFFD";
    }
    text = mended;
  }
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out += '"';
}

std::string one_line(std::string value) {
  std::replace_if(
      value.begin(), value.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return value;
}

std::string with_member(std::string_view object, std::string_view name, std::string_view value) {
  std::string out;
  if (auto old = find(object, name)) {
    auto begin = static_cast<std::size_t>(old->data() - object.data());
    out.append(object.substr(0, begin)).append(value).append(object.substr(begin + old->size()));
    return out;
  }
  auto rest = trimmed(object).substr(1);
  out.append("{").append(literal(name)).append(":").append(value);
  if (!trimmed(rest).starts_with('}')) out += ',';
  return out.append(rest);
}

std::string without_member(std::string_view object, std::string_view name) {
  std::string out = "{";
  for (const auto& member : leading_members(object, object.size())) {
    if (member.is(name)) continue;
    if (out.size() > 1) out += ',';
    out.append(member.key).append(":").append(member.value);
  }
  return out += '}';
}

}  // namespace brig::mcp::json
