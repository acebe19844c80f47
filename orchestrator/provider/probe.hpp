// Is somebody logged in, and who? Read from a CLI's own files, as its provider declares them.
//
// The files were written in sandboxes: they are read within bounds, through no link, and what is shown of
// them is one printable line that is no credential. Nothing is asked of the network.
//
// Threads: any; blocks. Failure: none; what cannot be read or understood is not known.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "image/provider.hpp"

namespace brig::provider {

struct Probe {
  bool exists = false;                // there is a configuration
  std::optional<bool> authenticated;  // none: the provider does not say how to tell
  std::string account;                // empty: not known
};

// `config` is a configuration directory on this host.
Probe probe(const std::filesystem::path& config, const std::vector<image::ProbeFile>& files);

}  // namespace brig::provider
