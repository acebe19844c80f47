// What is declared of a provider.
//
// Threads: plain values. Failure: none.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/names.hpp"

namespace brig::image {

// The name under which the image that all others stand on is listed and built.
inline constexpr const char* kBase = "base";

// A directory or file of a provider's configuration that outlives sandboxes.
struct ConfigMount {
  std::string volume;
  std::string path;
  bool read_only = true;
};

// A single completion without tools.
struct OneShot {
  std::vector<std::string> args;
  bool prompt_on_stdin = true;  // else it is the last argument
};

// What provider.toml declares; images/README.md has the schema. Data, never policy: nothing here grants
// anything.
struct Provider {
  ProviderId id;
  std::string title;
  std::string image;                      // tag
  std::string binary;                     // the CLI's bare name, resolved by the image's PATH
  std::vector<std::string> default_args;  // always put before the caller's
  std::string default_args_reason;        // why (e.g. the CLI's own sandbox cannot work inside a container)
  std::vector<std::string> command_when_empty;  // run instead of `binary` when the caller gives no arguments
  bool args_are_command = false;  // shell: the caller's arguments, if any, are the command itself
  std::map<std::string, std::string> env;
  std::string profile;                    // of the policy; empty: "default"
  std::string profile_env;                // CLAUDE_CONFIG_DIR and the like; empty: none
  std::vector<ConfigMount> config;        // in order; where two overlap, the later wins
  std::vector<std::string> egress_hosts;  // what the CLI cannot work without
  std::optional<OneShot> one_shot;
  std::uint64_t needs_memory = 0;  // below these it does not work well; 0: not said
  std::uint64_t needs_disk = 0;
  bool builtin = true;
};

}  // namespace brig::image
