// Prepare hooks: a program of the operator's that says, before a session's sandbox is made, what to mount
// into it besides its configuration, and tidies up after it.
//
//   PROGRAM prepare   stdin {"sessionId","projectPath","provider","identity"}
//                     stdout {"extraMounts":[{"volumeName"|"content"|"contentBase64","containerPath",
//                             "readOnly"?,"mode"?}],"cleanup"?}
//   PROGRAM cleanup   stdin {"sessionId","projectPath","cleanup"}, once, after the sandbox is gone
//
// It runs as brigd, without its environment, for as long as the operator allows. That it was asked stands in
// the ledger before it is, and until it has been let to tidy up: a hook whose answer a crash swallowed is
// asked to clean up with "cleanup": null.
//
// Ownership: borrows the table. Threads: the loop's. Failure: as Result, with what the hook said on stderr;
// of a cleanup's own failure only the log hears.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/names.hpp"
#include "core/result.hpp"
#include "core/secret.hpp"
#include "net/task.hpp"
#include "store/providers.hpp"

namespace brig::provider {

struct HookSetting {
  std::filesystem::path program;
  Millis deadline{30'000};
};

// A volume or a file, and where it goes.
struct Extra {
  std::string volume;  // empty: `content`
  Secret content;
  std::string path;
  bool read_only = true;
  unsigned mode = 0600;
};

struct HookCall {
  SessionId session;
  std::string provider;
  std::string identity;  // its id
  std::string project;   // empty: none
};

class Hooks {
 public:
  Hooks(std::map<std::string, HookSetting> settings, store::HookTable& table)
      : settings_(std::move(settings)), table_(table) {}

  bool has(const std::string& provider) const { return settings_.contains(provider); }
  // Nothing if the provider has no hook. After an error there is nothing to clean up.
  net::Task<Result<std::vector<Extra>>> prepare(HookCall call);
  // No error if there is nothing to do.
  net::Task<Result<void>> cleanup(SessionId session);

 private:
  std::map<std::string, HookSetting> settings_;
  store::HookTable& table_;
};

// What a hook answered, read strictly.
struct HookAnswer {
  std::vector<Extra> extra;
  std::optional<std::string> cleanup;  // JSON
};
Result<HookAnswer> parse_answer(std::string_view text);

}  // namespace brig::provider
