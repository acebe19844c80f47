// What several commands say and do alike.
//
// Threads: one. Failure: as Result.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cli/arguments.hpp"
#include "cli/attach/attach.hpp"
#include "cli/context.hpp"
#include "cli/output.hpp"
#include "cli/spec.hpp"

namespace brig::cli {

inline constexpr OptionSpec kJsonOption = {.flags = "--json", .help = "print JSON"};
inline constexpr OptionSpec kEnvOption = {
    .flags = "-e,--env",
    .value = "NAME[=VALUE]",
    .help = "set a variable inside; without a value it is taken from your own environment",
    .many = true};
inline constexpr OptionSpec kDetachKeysOption = {
    .flags = "--detach-keys",
    .value = "KEYS",
    .help = "what to type to leave it running (default ctrl-p,ctrl-q; empty for none)"};
inline constexpr OptionSpec kAllowOption = {
    .flags = "--allow",
    .value = "RULE",
    .help = "let it reach api.example.com, *.example.org:443, tcp://db.internal:5432, 10.1.2.3:8080",
    .many = true};
inline constexpr OptionSpec kDenyOption = {
    .flags = "--deny", .value = "RULE", .help = "never let it reach that, whatever allows it", .many = true};
inline constexpr OptionSpec kPresetOption = {
    .flags = "--preset",
    .value = "PRESET",
    .help = "let it reach this host's package registries (npm, pip, apt), or the provider's own hosts",
    .complete = "npm|pip|apt|provider",
    .many = true};
inline constexpr OptionSpec kAskOption = {.flags = "--ask",
                                          .help =
                                              "what no rule decides waits for an answer: at your terminal "
                                              "(the bell rings, ctrl-p ctrl-a asks), or by "
                                              "'brig egress show' and 'answer'"};
inline constexpr OptionSpec kTerminalOption = {.flags = "-t,--tty",
                                               .help = "give it a terminal even if we have none"};
inline constexpr OptionSpec kNoTerminalOption = {.flags = "-T,--no-tty",
                                                 .help = "give it pipes even on a terminal"};

// Strings out of answers; "" for what is not there or no string.
std::string text_of(const nlohmann::json& json, const char* key);
std::uint64_t number_of(const nlohmann::json& json, const char* key);  // 0 likewise
// The array under `key`; empty if there is none.
const nlohmann::json& list_of(const nlohmann::json& json, const char* key);
// A line "name  value" of what is shown of one thing; none without a value.
void add_fact(std::string& out, const Style& style, std::string name, const std::string& value,
              Colour colour = Colour::plain);
std::string session_path(std::string_view ref);

// {"NAME": "value"} of the -e options.
Result<nlohmann::json> environment_of(const Context& context, const Arguments& arguments);
// {"key": "value"} of the --label options.
Result<nlohmann::json> labels_of(const std::vector<std::string>& labels, const char* option);
// The policy request of --runtime, --memory, --cpus, --pids, --disk and the egress options; null if none is
// given.
Result<nlohmann::json> policy_of(const Arguments& arguments);

// What a credential does, in a line.
std::string credential_text(const nlohmann::json& credential);

// Shall the process have a terminal, and is ours one?
struct Console {
  bool process_terminal = false;
  bool raw = false;
  nlohmann::json size;  // {"rows":…,"cols":…}; null without a terminal
};
Result<Console> console_of(const Arguments& arguments);

Result<DetachKeys> detach_keys_of(const Arguments& arguments);

// Attaches and turns what came of it into an exit code, saying what needs to be said.
Result<int> attach_and_exit(Context& context, AttachRequest request, const std::string& shown);

// "exited 0", "killed by SIGKILL", "out of memory"; "" without an outcome.
std::string outcome_text(const nlohmann::json& outcome);

}  // namespace brig::cli
