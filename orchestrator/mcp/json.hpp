// JSON as text: checked strictly, looked into, and passed on byte for byte.
//
// A parser that builds values and writes them anew would change what it passes on: 1e400, 64-bit integers,
// the order of members, lone surrogates. Here a value stays the text it came as; check() walks it once,
// everything else looks into text that check() has passed. Strict: RFC 8259 in UTF-8, no NaN, no trailing
// comma, nothing after the value.
//
// Threads: any; plain functions. Views point into the text given. Failure: as Result, naming the byte.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace brig::mcp::json {

// Deeper than any schema in use, and shallow enough for every parser behind us.
inline constexpr int kMaxDepth = 128;

enum class Type { object, array, string, number, boolean, null };

// The text is one value, with nothing but white space around it.
Result<void> check(std::string_view text);

// All below take a value that check() has passed (or part of one).
Type type_of(std::string_view value);
// The value without the white space around it.
std::string_view trimmed(std::string_view value);

struct Member {
  std::string_view key;  // as written, with its quotes
  std::string_view value;

  bool is(std::string_view name) const;
};

// The members of an object, in order. Refused: more than `max`, and two keys that some reader would take for
// one another (equal, or equal but for the case of ASCII letters), for then a check made here could look at
// one and the server at the other.
Result<std::vector<Member>> members(std::string_view object, std::size_t max = 1'000);
Result<std::vector<std::string_view>> elements(std::string_view array, std::size_t max);

// Of text that check() did not pass: the members that are complete before it goes wrong or is cut.
std::vector<Member> leading_members(std::string_view text, std::size_t max = 64);

// The member's value; none if there is no such member, more than one, or this is no object.
std::optional<std::string_view> find(std::string_view object, std::string_view name);
// What a string says; none if it is no string or has half a surrogate pair.
std::optional<std::string> text(std::string_view value);
std::optional<std::string> find_text(std::string_view object, std::string_view name);

// A string literal. What is not UTF-8 becomes U+FFFD.
std::string literal(std::string_view text);
// The same value without line ends, which check() lets stand only between tokens.
std::string one_line(std::string value);
// The object with the member's value replaced, or the member added at the front; the rest byte for byte.
std::string with_member(std::string_view object, std::string_view name, std::string_view value);
// The object without the member.
std::string without_member(std::string_view object, std::string_view name);

}  // namespace brig::mcp::json
