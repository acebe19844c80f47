// compile(effective, facts): the body of POST /containers/create. A pure function.
//
// Nothing of an image shapes the container: entrypoint, user, working directory, health check and stop signal
// are always set; an image that declares volumes or carries labels of ours is refused.
//
// Threads: any. Failure: Error{unsupported} where the engine lacks the runtime, Error{denied} for an image or
// a path that must not be, Error{invalid} for facts that make no sense.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/names.hpp"
#include "core/result.hpp"
#include "policy/effective.hpp"

namespace brig::policy {

inline constexpr const char* kLabelInstallation = "brig.installation";
inline constexpr const char* kLabelSession = "brig.session";
inline constexpr const char* kLabelOwner = "brig.owner";
inline constexpr const char* kLabelGeneration = "brig.generation";
inline constexpr const char* kLabelPolicy = "brig.policy";
inline constexpr unsigned kAgentUid = 1000;

// A config volume, a session's view of one, or a file generated for it.
struct FactMount {
  std::string
      source;  // in the state directory: volumes/NAME/data, sessions/ID/config or sessions/ID/overlays
  std::string target;
  bool writable = false;
};

// The files of a skill, read-only.
struct FactBundle {
  std::string source;  // in the state directory: layers/LAYER/files
  std::string target;  // a directory within one called "skills"
};

// What the policy does not decide. All host paths are absolute and real: the caller has resolved symbolic
// links.
struct Facts {
  std::string container_name;
  std::string installation;
  SessionId session;
  std::string owner;
  std::uint64_t generation = 0;
  std::string hostname;

  ImageId image;                              // "sha256:…", never a name
  std::vector<std::string> image_volumes;     // Config.Volumes of the image
  std::vector<std::string> image_label_keys;  // Config.Labels of the image

  std::string link_dir;       // → /run/brig, read-only
  std::string workspace_dir;  // → /workspace
  std::string state_dir;      // Brig's own; nothing else of it may be mounted
  // → /etc/hosts, read-only, with hosts_text() in it. Where it is given, the engine is told to leave the
  // network alone: the sandbox gets an empty network namespace of its own from the runtime instead, in a
  // third of the time. Where it is "", the engine sets one up (NetworkMode none) and writes its own hosts
  // file.
  std::string hosts_file;
  // → /etc/resolv.conf, read-only, with kResolvText in it; "": the engine's or the image's stays.
  std::string resolv_file;
  std::vector<FactMount> config;  // in the order of declaration: where two overlap, the later one wins
  // Beside that; one where something of `config` or a granted mount is, is left out.
  std::vector<FactBundle> bundles;
  std::vector<std::string> engine_sockets;       // unix sockets of engines known to the caller
  std::map<std::string, std::string> real_path;  // GrantMount::source → where it really is

  std::map<Runtime, std::string> runtime_names;  // how the engine calls each; same word where absent
  std::vector<std::string> engine_runtimes;      // what /info lists
  unsigned engine_cgroup = 1;                    // 1 or 2, from /info
};

struct CreateRequest {
  std::string name;  // for ?name=
  std::string body;  // JSON
};

// What the hosts file of a sandbox of that name says.
std::string hosts_text(std::string_view hostname);
// What its resolv.conf says: the supervisor answers, from loopback.
inline constexpr const char* kResolvText = "nameserver 127.0.0.1\n";

Result<CreateRequest> compile(const Effective& effective, const Facts& facts);

}  // namespace brig::policy
