// What is declared of a provider.
//
// Threads: plain values. Failure: none.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/names.hpp"
#include "policy/egress/credential.hpp"

namespace brig::image {

// The name under which the image that all others stand on is listed and built.
inline constexpr const char* kBase = "base";

// How sessions of one identity have a part of the configuration at the same time.
enum class Sharing {
  shared,     // all write to the same; for CLIs that lock, or write each file whole
  overlay,    // each sees its own copy-on-write view; `keep` goes back at the end
  exclusive,  // one session at a time, the others wait their turn
};
std::string_view to_string(Sharing sharing);

// A directory or file of a provider's configuration that outlives sandboxes.
struct ConfigMount {
  std::string path;
  bool read_only = true;
  bool file = false;    // `path` is a single file
  std::string initial;  // of such a file: its content before anybody wrote it
  Sharing sharing = Sharing::shared;
  std::vector<std::string> keep;  // with overlay: files, and directories ending in '/', relative to `path`
};

// Where a CLI's files say whether somebody is logged in, and who. Fields are written "a.b.c".
struct ProbeFile {
  std::string file;                    // JSON, relative to the configuration directory
  std::vector<std::string> logged_in;  // one of these holds text: somebody is
  std::vector<std::string> account;    // the first of these that holds text is who
  std::string token;                   // a JSON Web Token whose claims `account` names instead
};

// A single completion without tools.
struct OneShot {
  std::vector<std::string> args;
  bool prompt_on_stdin = true;  // else it is the last argument
};

// How the CLI is told of its mesh's services, in a session of a mesh. In each text {url} is where they are,
// and {file} the path of `file`, which is read-only and there for that session alone.
struct Mcp {
  std::vector<std::string> args;  // put after default_args
  std::map<std::string, std::string> env;
  std::string file;  // empty: none is needed
};

// What provider.toml declares; images/README.md has the schema. Data, never policy: nothing here grants
// anything.
struct Provider {
  ProviderId id;
  std::string title;
  std::string image;                      // tag or reference; empty: no sandbox was declared
  std::string binary;                     // the CLI's bare name, resolved by the image's PATH
  std::vector<std::string> default_args;  // always put before the caller's
  std::string default_args_reason;        // why (e.g. the CLI's own sandbox cannot work inside a container)
  std::vector<std::string> command_when_empty;  // run instead of `binary` when the caller gives no arguments
  bool args_are_command = false;  // shell: the caller's arguments, if any, are the command itself
  std::map<std::string, std::string> env;
  std::string profile;                 // of the policy; empty: "default"
  std::string profile_env;             // CLAUDE_CONFIG_DIR and the like; empty: none
  bool profile_env_is_parent = false;  // it names the directory that the configuration directory is in
  std::vector<ConfigMount> config;     // in order; where two overlap, the later wins
  std::string
      skills;  // the directory where the CLI looks for skills, beside /opt/brig/skills; empty: nowhere
  std::vector<ProbeFile> probe;
  std::vector<std::string> egress_hosts;  // what the CLI cannot work without
  std::vector<egress::Credential> credentials;
  std::optional<OneShot> one_shot;
  Mcp mcp;
  std::uint64_t needs_memory = 0;  // below these it does not work well; 0: not said
  std::uint64_t needs_disk = 0;
  bool builtin = true;  // else declared over the API: its image is not built here
};

}  // namespace brig::image
