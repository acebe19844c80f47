// The command tree as data: what parses the command line, prints help, writes the manual page and the shells'
// completions is all derived from this, so that none can say something else.
//
// Everything here is constant: no command costs anything before it is asked for.
// Threads: any. Failure: none.
#pragma once

#include <span>

#include "core/result.hpp"

namespace brig::cli {

class Arguments;
class Context;

struct OptionSpec {
  const char* flags;            // "-d,--detach"; what Arguments knows it by is the last, without dashes
  const char* value = nullptr;  // "DIR" in help; none: a switch
  const char* help = "";
  // "dir", "file", "session", "provider", "profile", "volume", "service", "key", or "a|b|c"
  const char* complete = nullptr;
  bool many = false;  // may be repeated, each adding a value
};

enum class Arity { one, optional, some, any };  // some: one or more; any: none or more

struct PositionalSpec {
  const char* name;  // "SESSION"
  const char* help;
  Arity arity = Arity::one;
  const char* complete = nullptr;
};

inline bool takes_many(const PositionalSpec& positional) {
  return positional.arity == Arity::some || positional.arity == Arity::any;
}
inline bool is_needed(const PositionalSpec& positional) {
  return positional.arity == Arity::one || positional.arity == Arity::some;
}

struct Example {
  const char* line;
  const char* says;
};

struct CommandSpec {
  const char* name;
  const char* summary;
  const char* description = "";
  std::span<const PositionalSpec> positionals = {};
  std::span<const OptionSpec> options = {};
  const char* rest = nullptr;  // what follows "--": "ARGS"
  const char* rest_help = "";
  std::span<const Example> examples = {};
  Result<int> (*run)(Context&, const Arguments&) = nullptr;  // none: a group of commands
  std::span<const CommandSpec* const> commands = {};
  bool hidden = false;
};

// The root: `brig` itself. Its options may be given with every command.
const CommandSpec& root_command();

}  // namespace brig::cli
