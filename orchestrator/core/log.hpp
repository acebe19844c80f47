// Structured logs: a sentence and fields. One JSON object a line, or text for a person at a terminal.
//
//   log::info("session started", {{"session", id.str()}, {"ms", 41}});
//
// Every string passes through printable(); a Secret does not convert, so it cannot be logged.
// Threads: any. Failure: none; a log that cannot be written is lost.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

#include "core/error.hpp"

namespace brig::log {

enum class Level { debug, info, warn, error };
enum class Format { text, json };

struct Field {
  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, bool v) : key(k), value(v) {}
  template <std::integral I>
  requires(!std::same_as<I, bool>) Field(std::string_view k, I v)
      : key(k), value(static_cast<std::int64_t>(v)) {}
  // The message; its code and place go beside it.
  Field(std::string_view k, const Error& v) : key(k), value(&v) {}

  std::string_view key;
  std::variant<std::string_view, bool, std::int64_t, const Error*> value;
};
using Fields = std::initializer_list<Field>;

// Call once at start; before it, warnings and errors go to stderr as text.
void configure(Level level, Format format);

void write(Level level, std::string_view message, Fields fields);
inline void debug(std::string_view message, Fields fields = {}) {
  write(Level::debug, message, fields);
}
inline void info(std::string_view message, Fields fields = {}) {
  write(Level::info, message, fields);
}
inline void warn(std::string_view message, Fields fields = {}) {
  write(Level::warn, message, fields);
}
inline void error(std::string_view message, Fields fields = {}) {
  write(Level::error, message, fields);
}

}  // namespace brig::log
