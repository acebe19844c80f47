// Images of an engine: the groups /images and /build of the Engine API.
//
// `ref` is an id ("sha256:…") or a name with a tag.
//
// Threads: the loop's; a ProgressSink is called on it and must not wait. Failure: as Result; what the builder
// or a registry says went wrong is `invalid` (the build's own fault) or the code that fits, with its message.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/names.hpp"
#include "core/result.hpp"
#include "core/secret.hpp"
#include "docker/containers.hpp"
#include "docker/streams.hpp"

namespace brig::docker {

struct ImageConfig {
  std::string user = {};
  std::string working_dir = {};
  std::string stop_signal = {};
  std::vector<std::string> env = {};  // "NAME=value"
  std::vector<std::string> entrypoint = {};
  std::vector<std::string> cmd = {};
  std::vector<std::string> volumes = {};        // paths
  std::vector<std::string> exposed_ports = {};  // "80/tcp"
  bool has_healthcheck = false;
  std::map<std::string, std::string> labels = {};
};

struct ImageInfo {
  ImageId id;
  std::vector<std::string> tags = {};
  std::vector<std::string> digests = {};
  std::string os = {};
  std::string architecture = {};
  std::uint64_t size = 0;
  std::optional<WallTime> created = {};
  ImageConfig config;
  std::string raw = {};  // the whole answer, JSON as the engine sent it
};

struct ImageSummary {
  ImageId id;
  std::vector<std::string> tags = {};
  std::uint64_t size = 0;
  std::optional<WallTime> created = {};
  std::map<std::string, std::string> labels = {};
};

struct ImageFilter {
  bool all = false;                          // also layers in between
  std::vector<std::string> labels = {};      // "key" or "key=value"; all must match
  std::vector<std::string> references = {};  // patterns of names; any may match
  std::optional<bool> dangling = {};
};

struct RegistryAuth {
  std::string server = {};  // "registry.example.com"
  std::string user = {};
  Secret password;
  Secret identity_token;  // instead of user and password
};

struct PullOptions {
  std::string image = {};  // name with a tag or digest; without either, "latest" is meant
  std::string platform = {};
  std::optional<RegistryAuth> auth = {};
};

struct ImportOptions {
  std::string repository = {};  // may be empty: an image without a name
  std::string tag = "latest";
  std::string message = {};
  std::vector<std::string> changes = {};  // Dockerfile instructions: CMD, ENV, LABEL, …
  std::string platform = {};
};

struct BuildOptions {
  std::vector<std::string> tags = {};
  std::string dockerfile = "Dockerfile";  // within the archive
  std::string target = {};                // stage
  std::string network_mode = {};          // "none", "host", "bridge"; empty: the engine's default
  std::string platform = {};
  std::map<std::string, std::string> args = {};  // kept in the image's history: no secrets
  std::map<std::string, std::string> labels = {};
  std::vector<std::string> extra_hosts = {};  // "name:address"
  bool pull = false;                          // look for newer base images
  bool no_cache = false;
  std::uint64_t memory = 0;                       // bytes a step may use; 0: no limit
  std::map<std::string, RegistryAuth> auth = {};  // by registry
};

struct ImageRemoved {
  std::vector<std::string> untagged = {};
  std::vector<std::string> deleted = {};
};

class Images {
 public:
  virtual ~Images() = default;

  virtual net::Task<Result<ImageInfo>> inspect(std::string ref, Deadline deadline = default_deadline()) = 0;
  virtual net::Task<Result<std::vector<ImageSummary>>> list(ImageFilter filter,
                                                            Deadline deadline = default_deadline()) = 0;
  virtual net::Task<Result<void>> pull(PullOptions options, ProgressSink progress, Deadline deadline) = 0;
  // A root file system as a tar archive becomes an image of one layer.
  virtual net::Task<Result<ImageId>> import(ImportOptions options, Source& tar, ProgressSink progress,
                                            Deadline deadline) = 0;
  // A Dockerfile with its context as a tar archive, by the engine's own builder. A step that fails is
  // `invalid`, with the builder's message and the last lines of its output.
  virtual net::Task<Result<ImageId>> build(BuildOptions options, Source& tar, ProgressSink progress,
                                           Deadline deadline) = 0;
  virtual net::Task<Result<void>> tag(std::string ref, std::string repository, std::string tag,
                                      Deadline deadline = default_deadline()) = 0;
  struct RemoveOptions {
    bool force = false;
    bool prune_parents = true;
  };
  virtual net::Task<Result<ImageRemoved>> remove(std::string ref, RemoveOptions options,
                                                 Deadline deadline = default_deadline()) = 0;
};

}  // namespace brig::docker
