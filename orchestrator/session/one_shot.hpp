// A single completion: a prompt in, text out, the sandbox gone. No tools, no project, nobody attached.
//
// It runs as a session of its own, so that quotas, tenancy, policy, accounts and the cleaning up after a
// crash are those of sessions; the ledger knows it by the label `brig.one-shot`. The prompt is never in an
// argument list, a container's configuration or the ledger (a provider that takes it as an argument gets it
// over the supervisor's link).
//
// Ownership: whoever asked owns the Answer; destroying it ends the one-shot. All Answers go before the
// service's close() returns. Threads: the loop's. Failure: as Result; what the command itself comes to is the
// Outcome of the last event.
#pragma once

#include <memory>

#include "session/sessions.hpp"

namespace brig::session {

inline constexpr std::string_view kOneShotLabel = "brig.one-shot";

struct AskSpec {
  static constexpr std::size_t kMaxPrompt = 768 * 1024;
  static constexpr std::uint64_t kMaxOutput = 16 << 20;

  std::string provider;
  Secret prompt;
  std::string identity;  // as for sessions, these five
  std::string image;
  std::string profile;
  policy::Request request;
  std::string mesh;
  std::vector<EnvVar> env;
  Millis limit{120'000};               // from now, start and all; then it is ended, as `expired`
  std::uint64_t max_output = 1 << 20;  // both streams; beyond it is ended, as `stopped` with code 74
};

class Answer {
 public:
  virtual ~Answer() = default;
  // Output as it comes, at last Ended; none after that.
  virtual net::Task<Result<std::optional<AttachEvent>>> next() = 0;
};

class OneShots {
 public:
  virtual ~OneShots() = default;
  // Returns once the command runs, or its time is over.
  virtual net::Task<Result<std::unique_ptr<Answer>>> ask(Caller caller, AskSpec spec) = 0;
};

}  // namespace brig::session
