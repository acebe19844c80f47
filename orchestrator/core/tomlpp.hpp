// toml++, made safe for text that nobody has checked. Who parses TOML includes this and never toml++ itself:
// it must be configured alike in every file that sees it.
//
// toml++ 3.3 guards some of its steps by assertions alone, and bad text reaches them ("[[[" does): a debug
// build aborts there, an optimised one runs into undefined behaviour. Here a failed assertion is an
// exception, caught in parse_toml() together with the library's own.
//
// Heavy: only for .cpp files. Threads: any. Failure: Error{invalid} with file and line.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"
#include "core/text.hpp"

namespace brig::detail {
struct TomlAssertion {};
constexpr void toml_assert(bool holds) {
  if (!holds) throw TomlAssertion{};
}
}  // namespace brig::detail

#pragma push_macro("NDEBUG")
#undef NDEBUG
#define TOML_ASSERT(expr) ::brig::detail::toml_assert(static_cast<bool>(expr))
#define TOML_EXCEPTIONS 1
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")

namespace brig {

// `file` is named in refusals.
inline Result<::toml::table> parse_toml(std::string_view text, std::string_view file) {
  auto refuse = [&](std::string place, std::string_view why) {
    return Error{Code::invalid, std::string(file) + place + ": " + printable(why) + "; the file must be TOML",
                 "toml", false};
  };
  // toml++ reads a NUL as the end of some tokens; none has any business here.
  if (!is_utf8(text) || text.find('\0') != std::string_view::npos)
    return Error{Code::invalid, std::string(file) + " is not a text file in UTF-8; save it as UTF-8", "toml",
                 false};
  try {
    return ::toml::parse(text, file);
  } catch (const ::toml::parse_error& error) {
    return refuse(":" + std::to_string(error.source().begin.line), error.description());
  } catch (const detail::TomlAssertion&) {
    return refuse("", "a name in [brackets] or a key is malformed");
  }
}

}  // namespace brig
