// What can be seen of this machine.
//
// Threads: any; blocks, so run it on a worker; one at a time per state directory. Failure: as facts.
#pragma once

#include "doctor/facts.hpp"
#include "doctor/setup.hpp"
#include "workspace/mounter.hpp"

namespace brig::doctor {

// Where to find the engine on this machine; empty paths: it is elsewhere, or does not answer.
struct EngineOnHost {
  std::filesystem::path root;  // its data directory
  std::filesystem::path socket;
};

HostFacts look_at_host(const Setup& setup, const EngineOnHost& engine, workspace::Mounter& mounter);

}  // namespace brig::doctor
