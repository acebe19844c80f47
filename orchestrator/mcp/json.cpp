#include "mcp/json.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace brig::mcp::json {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Walks over values by the grammar. UTF-8 has been checked before.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::size_t at() const { return at_; }
  bool at_end() const { return at_ == text_.size(); }
  std::string_view since(std::size_t begin) const { return text_.substr(begin, at_ - begin); }

  void space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  bool take(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool value(int depth) {
    if (at_end()) return false;
    switch (text_[at_]) {
      case '{':
        return object(depth);
      case '[':
        return array(depth);
      case '"':
        return string();
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }

  bool string() {
    if (!take('"')) return false;
    while (at_ < text_.size()) {
      auto c = static_cast<unsigned char>(text_[at_++]);
      if (c == '"') return true;
      if (c < 0x20) break;
      if (c == '\\' && !escape()) return false;
    }
    --at_;
    return false;
  }

 private:
  bool escape() {
    if (at_end()) return false;
    char c = text_[at_++];
    if (c != 'u') return std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos;
    for (int i = 0; i < 4; ++i, ++at_) {
      if (at_end() || !is_hex(text_[at_])) return false;
    }
    return true;
  }

  bool word(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return false;
    at_ += expected.size();
    return true;
  }

  bool digits() {
    auto begin = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    return at_ > begin;
  }

  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      if (!digits()) return false;
    }
    return true;
  }

  bool object(int depth) {
    if (depth == 0) return false;
    take('{');
    space();
    if (take('}')) return true;
    while (true) {
      if (!string()) return false;
      space();
      if (!take(':')) return false;
      space();
      if (!value(depth - 1)) return false;
      space();
      if (take('}')) return true;
      if (!take(',')) return false;
      space();
    }
  }

  bool array(int depth) {
    if (depth == 0) return false;
    take('[');
    space();
    if (take(']')) return true;
    while (true) {
      if (!value(depth - 1)) return false;
      space();
      if (take(']')) return true;
      if (!take(',')) return false;
      space();
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// What one reader would take for another: Go's, for one, does not tell cases apart.
std::string folded(std::string_view key) {
  auto said = text(key);
  std::string out = said ? std::move(*said) : std::string(key);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// Calls `take(member)` for each member that is complete, until it gives false or the text is no object any
// more.
template <class F>
void each_member(std::string_view object, F take) {
  Scanner scanner(object);
  scanner.space();
  if (!scanner.take('{')) return;
  scanner.space();
  if (scanner.take('}')) return;
  for (bool more = true; more;) {
    Member member;
    auto begin = scanner.at();
    if (!scanner.string()) return;
    member.key = scanner.since(begin);
    scanner.space();
    if (!scanner.take(':')) return;
    scanner.space();
    begin = scanner.at();
    if (!scanner.value(kMaxDepth)) return;
    member.value = scanner.since(begin);
    scanner.space();
    more = scanner.take(',');
    if (!more && !scanner.take('}')) return;  // a number may go on where the text was cut
    if (!take(member)) return;
    scanner.space();
  }
}

}  // namespace

Result<void> check(std::string_view text) {
  if (!is_utf8(text)) return Error{Code::invalid, "this is not UTF-8", "json", false};
  Scanner scanner(text);
  scanner.space();
  if (scanner.value(kMaxDepth)) {
    scanner.space();
    if (scanner.at_end()) return {};
  }
  auto at = std::to_string(scanner.at());
  return Error{Code::invalid,
               "this is not JSON, or nested deeper than " + std::to_string(kMaxDepth) + ": see byte " + at,
               "json", false};
}

std::string_view trimmed(std::string_view value) {
  while (!value.empty() && is_space(value.front())) value.remove_prefix(1);
  while (!value.empty() && is_space(value.back())) value.remove_suffix(1);
  return value;
}

Type type_of(std::string_view value) {
  value = trimmed(value);
  switch (value.empty() ? 'n' : value.front()) {
    case '{':
      return Type::object;
    case '[':
      return Type::array;
    case '"':
      return Type::string;
    case 't':
    case 'f':
      return Type::boolean;
    case 'n':
      return Type::null;
    default:
      return Type::number;
  }
}

bool Member::is(std::string_view name) const {
  if (key.find('\\') == std::string_view::npos) return key.substr(1, key.size() - 2) == name;
  auto said = text(key);
  return said && *said == name;
}

Result<std::vector<Member>> members(std::string_view object, std::size_t max) {
  if (type_of(object) != Type::object) return Error{Code::invalid, "this is not an object", "json", false};
  std::vector<Member> out;
  std::vector<std::string> names;
  each_member(object, [&](const Member& member) {
    out.push_back(member);
    names.push_back(folded(member.key));
    return out.size() <= max;
  });
  if (out.size() > max) {
    return Error{Code::too_large, "an object has more than " + std::to_string(max) + " members", "json",
                 false};
  }
  std::sort(names.begin(), names.end());
  auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) {
    return Error{Code::invalid, "the member " + quoted(*twice) + " is there twice; give it once", "json",
                 false};
  }
  return out;
}

std::vector<Member> leading_members(std::string_view text, std::size_t max) {
  std::vector<Member> out;
  each_member(text, [&](const Member& member) {
    out.push_back(member);
    return out.size() < max;
  });
  return out;
}

Result<std::vector<std::string_view>> elements(std::string_view array, std::size_t max) {
  if (type_of(array) != Type::array) return Error{Code::invalid, "this is not an array", "json", false};
  std::vector<std::string_view> out;
  Scanner scanner(array);
  scanner.space();
  scanner.take('[');
  scanner.space();
  while (!scanner.at_end() && !scanner.take(']')) {
    auto begin = scanner.at();
    if (!scanner.value(kMaxDepth)) break;
    if (out.size() == max) {
      return Error{Code::too_large, "an array has more than " + std::to_string(max) + " elements", "json",
                   false};
    }
    out.push_back(scanner.since(begin));
    scanner.space();
    scanner.take(',');
    scanner.space();
  }
  return out;
}

std::optional<std::string_view> find(std::string_view object, std::string_view name) {
  std::optional<std::string_view> found;
  bool twice = false;
  each_member(object, [&](const Member& member) {
    if (!member.is(name)) return true;
    twice = found.has_value();
    found = member.value;
    return !twice;
  });
  if (twice) return std::nullopt;
  return found;
}

std::optional<std::string> find_text(std::string_view object, std::string_view name) {
  auto value = find(object, name);
  if (!value) return std::nullopt;
  return text(*value);
}

}  // namespace brig::mcp::json
