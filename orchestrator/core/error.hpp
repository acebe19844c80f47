// Errors as values.
//
// One type for everything that can go wrong; its Code is mapped once to an HTTP status (api) and once to an
// exit code (cli). `message` is one sentence for a person: what was wrong (naming field and value) and what
// to do about it. It never holds a secret and is always valid UTF-8. `where` names the place that refused
// ("docker: create container"), for logs. The fate of a sandbox is not an Error but an outcome.
//
// Threads: plain values. Failure: none.
#pragma once

#include <string>
#include <string_view>

namespace brig {

enum class Code {
  invalid,          // the caller's input is wrong
  not_found,        // no such thing, or not the caller's
  conflict,         // exists already, or is in the wrong state
  denied,           // the policy or the caller's role says no
  unauthenticated,  // no or bad credentials
  too_large,        // over a bound of ours
  rate_limited,     // come again later
  exhausted,        // disk, memory, descriptors, quota
  unavailable,      // the engine or a peer is not there
  timeout,          // a deadline passed
  cancelled,        // the caller went away, or we are shutting down
  unsupported,      // this engine, kernel or image can't
  protocol,         // a peer spoke nonsense
  corrupt,          // stored data does not add up
  internal,         // a fault of ours
};

std::string_view to_string(Code code);

struct Error {
  Code code = Code::internal;
  std::string message;
  std::string where;
  bool retryable = false;
};

// "text: strerror(err)", with the code that fits the errno.
Error errno_error(int err, std::string_view text, std::string_view where = {});

}  // namespace brig
