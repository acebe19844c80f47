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
#include "image/provider.hpp"
#include "net/task.hpp"

namespace brig::image {

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
  std::vector<std::string> label_keys;     // likewise, where they are Brig's own
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
  // The image of `provider`, or the one referred to `instead` of it, if it stands; `not_found` with the
  // remedy if it has to be built or pulled first, `unsupported` if the provider declares none. One call to
  // the engine.
  virtual net::Task<Result<Ready>> ready(std::string provider, std::string instead) = 0;
  // A provider whose image is pulled, not built. Replaces what was declared under its id.
  virtual Result<void> declare(Provider provider) = 0;
  virtual void withdraw(const std::string& id) = 0;
};

}  // namespace brig::image
