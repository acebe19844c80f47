// Images that somebody names, which are no provider's: fetched, and how they begin by their own account.
//
// Theirs is that account: bounded here, never more than words for a command line.
//
// Ownership: borrows the engine. Threads: the loop's. Failure: as Result; what its registry does not have is
// `not_found`, what it does not give to this caller `denied`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "docker/engine.hpp"
#include "image/images.hpp"

namespace brig::image {

struct Named {
  ImageId id;
  std::string digest;  // "NAME@sha256:…", by which a registry gives it again; empty: none does
  std::vector<std::string> entrypoint;  // the words that arguments are put after
  std::vector<std::string> arguments;   // unless others are given
  std::string directory;                // where it begins; absolute
};

class NamedImages {
 public:
  explicit NamedImages(docker::Engine& engine) : engine_(engine) {}

  // To the engine, what its registry has under that name now.
  net::Task<Result<void>> pull(std::string reference, std::optional<docker::RegistryAuth> auth,
                               ProgressSink progress);
  // As it is at the engine.
  net::Task<Result<Named>> look(std::string reference);

 private:
  docker::Engine& engine_;
};

}  // namespace brig::image
