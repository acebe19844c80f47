// What can be seen of this machine.
//
// Threads: any; blocks, so run it on a worker; one at a time per state directory. Failure: as facts.
#pragma once

#include "doctor/facts.hpp"
#include "doctor/setup.hpp"
#include "workspace/mounter.hpp"

namespace brig::doctor {

// `engine_root`: the engine's data directory if it is on this machine, else empty.
HostFacts look_at_host(const Setup& setup, const std::filesystem::path& engine_root,
                       workspace::Mounter& mounter);

}  // namespace brig::doctor
