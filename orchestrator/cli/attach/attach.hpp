// Carries one process's output, input, signals and window size between brigd and our own descriptors, across
// any number of lost connections.
//
// Threads: one; blocks until the process ended or the person left. Failure: as Result; `lost` when the
// connection could not be had again in time.
#pragma once

#include <optional>
#include <string>

#include "cli/attach/detach_keys.hpp"
#include "cli/client/http.hpp"

namespace brig::cli {

struct AttachRequest {
  std::string session;  // id or name
  std::uint32_t process = 1;
  std::string from = "start";          // "start", "end" or an offset
  std::optional<std::uint64_t> until;  // leave when this offset is reached
  bool write = true;                   // takes part: input, signals, sizes
  bool watch = false;                  // with write: begins without the pen
  bool take_over = false;              // with write: has the pen also if somebody else had it
  bool terminal = false;               // ours is one, and becomes raw
  bool read_stdin = true;
  bool answer_questions = false;    // of egress, where we have a terminal
  bool signal_when_unread = false;  // our reader went away: tell the process, as a pipe would
  DetachKeys detach_keys;
  Millis reconnect{60'000};
  bool tell_outcome = true;    // exit with the process's code, and say why it ended
  bool started_by_us = false;  // a lost first connection is tried again too
};

struct Outcome {
  std::string kind;  // as the API says it; "lost" also when it makes no sense
  int exit_code = 125;
  std::string detail;
};

struct AttachEnd {
  enum class Kind {
    ended,        // `outcome`
    detached,     // by its keys, or the terminal hung up
    complete,     // `until` was reached
    unread,       // nobody reads our output
    interrupted,  // by `signal`, when it could not be passed on
  };
  Kind kind = Kind::ended;
  Outcome outcome;
  int signal = 0;
};

Result<AttachEnd> attach(Client& client, AttachRequest request);

// BRIG_RECONNECT, in seconds.
Millis reconnect_limit(const Environment& environment);

Outcome outcome_from_json(const nlohmann::json& json);

}  // namespace brig::cli
