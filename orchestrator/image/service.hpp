// Images of an engine, made from the folders in one directory.
//
// Builds of one image at a time: who asks for one that is being built joins it, and a build that nobody waits
// for any longer is cancelled. What a build leaves on the host's disk while it runs is in a directory of its
// own and goes with it; what a crash left goes at the next start.
//
// Ownership: borrows engine and worker. close() before destroying it. Threads: the loop's. Failure: as
// Result.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "core/clock.hpp"
#include "docker/engine.hpp"
#include "image/images.hpp"
#include "net/worker.hpp"

namespace brig::image {

struct Options {
  std::filesystem::path images_dir;  // a folder per provider, base/ and versions.lock
  std::filesystem::path work_dir;    // ours alone: made, and emptied, by open()
  std::string installation;          // a label of what is built
  std::string prefix = "brig";       // what "brig/" in a provider's image becomes
  std::string base;                  // what is pulled as the base; empty: never
  std::string build_network = "default";
  std::filesystem::path ca_bundle;  // for builds; empty: the host's own
  bool no_authorities = false;      // builds get none at all
  Millis build_deadline = std::chrono::hours(1);
  std::map<std::string, std::string> instead = {};  // a provider's id → the image it is to have
};

class EngineImages final : public Images {
 public:
  // Reads the folders; a provider.toml that does not parse is refused with its line.
  static Result<std::unique_ptr<EngineImages>> open(Options options, docker::Engine& engine,
                                                    net::Worker& blocking,
                                                    net::asio::any_io_executor executor);
  ~EngineImages() override;
  // Cancels builds and waits until they have gone.
  net::Task<void> close();

  std::vector<Provider> providers() const override;
  Result<Provider> provider(const std::string& id) const override;
  net::Task<Result<std::vector<ImageInfo>>> list() override;
  net::Task<Result<ImageInfo>> build(std::string provider, bool no_cache, ProgressSink progress) override;
  net::Task<Result<void>> remove(std::string provider) override;
  net::Task<Result<std::vector<Outdated>>> outdated() override;
  net::Task<Result<Ready>> ready(std::string provider, std::string instead) override;
  Result<void> declare(Provider provider) override;
  void withdraw(const std::string& id) override;

 private:
  struct State;
  explicit EngineImages(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace brig::image
