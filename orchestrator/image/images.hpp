// Provider images and what is declared of providers, as the API and the sessions see them.
//
// A provider is a folder (Dockerfile, provider.toml); its image is built by the engine from that folder plus
// what the host knows of registries and certificates, under a tag of this installation.
//
// Threads: the loop's. Failure: as Result; an unknown provider is `not_found` and names the nearest known
// one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/names.hpp"
#include "core/result.hpp"
#include "net/task.hpp"

namespace brig::image {

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

// The name under which the image that all others stand on is listed and built.
inline constexpr const char* kBase = "base";

struct ImageInfo {
  ProviderId provider;
  std::string tag;
  bool built = false;
  ImageId id;  // when built
  std::uint64_t size = 0;
  std::optional<WallTime> created;
  bool stale = false;  // built from other sources or pins than the present ones
};

struct Outdated {
  std::string package;
  std::string pinned;
  std::string latest;
};

struct Progress {
  std::string step;  // one line for a person: "Step 3/9: npm install"
  std::string log;   // raw builder output, printable; may be empty
  std::optional<double> fraction;
};
using ProgressSink = std::function<void(const Progress&)>;

// An image a sandbox can be made of.
struct Ready {
  ImageId id;
  std::string tag;
  std::vector<std::string> volumes;        // declared by the image: refused by the policy
  std::map<std::string, std::string> env;  // the image's; PATH is what commands are looked up in
};

class Images {
 public:
  virtual ~Images() = default;
  virtual std::vector<Provider> providers() const = 0;
  virtual Result<Provider> provider(const std::string& id) const = 0;
  virtual net::Task<Result<std::vector<ImageInfo>>> list() = 0;
  virtual net::Task<Result<ImageInfo>> build(std::string provider, bool no_cache, ProgressSink progress) = 0;
  virtual net::Task<Result<void>> remove(std::string provider) = 0;
  // Compares the pins with what the host's own npm registry has now.
  virtual net::Task<Result<std::vector<Outdated>>> outdated() = 0;
  // The image of `provider` if it stands; `not_found` with the remedy if it has to be built first.
  // One call to the engine.
  virtual net::Task<Result<Ready>> ready(std::string provider) = 0;
};

}  // namespace brig::image
