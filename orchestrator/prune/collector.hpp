// Sees what has piled up, and carries out what was agreed to.
//
// Of what is there only these can go: sessions and checkpoints by the way they are always removed, which
// refuses where somebody works on one; images by the engine, which refuses where a container has one, if no
// service can go back to one; files that are made anew when they are wanted. So what changes between the plan
// and the act costs nothing.
//
// Ownership: borrows everything. Threads: the loop's; the disk is looked at on a thread of its own.
// Failure: gc.hpp says it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/metrics.hpp"
#include "core/paths.hpp"
#include "docker/engine.hpp"
#include "events/log.hpp"
#include "image/images.hpp"
#include "net/worker.hpp"
#include "prune/gc.hpp"
#include "session/workspaces.hpp"
#include "store/checkpoints.hpp"
#include "store/services.hpp"
#include "store/sessions.hpp"
#include "store/volumes.hpp"

namespace brig::prune {

class Collector final : public Gc {
 public:
  struct Parts {
    StatePaths paths;
    std::string installation;
    std::string image_prefix;  // of the names of providers' images
    docker::Engine& engine;
    image::Images& images;
    session::Sessions& sessions;
    session::Workspaces& workspaces;
    store::SessionTable& session_table;
    store::CheckpointTable& checkpoints;
    store::ServiceTable& services;
    store::VolumeTable& volumes;
    events::Log& events;
    const Clock& clock;
    metrics::Registry& metrics;
  };
  explicit Collector(Parts parts) : parts_(std::move(parts)) {}

  net::Task<Result<GcPlan>> plan(GcRules rules) override;
  net::Task<Result<GcReport>> collect(session::Caller caller, GcRules rules,
                                      std::set<GcAgreed> agreed) override;

 private:
  net::Task<Result<void>> see_sessions(std::vector<Thing>* out, std::set<std::string>* images);
  net::Task<Result<void>> see_images(std::vector<Thing>* out, std::set<std::string> kept);
  net::Task<Result<std::map<std::string, std::string>>> versions_of_services();
  net::Task<Result<void>> see_files(std::vector<Thing>* out);
  net::Task<Result<void>> remove(session::Caller caller, Thing thing);

  Parts parts_;
  net::Worker looking_{1};
  bool running_ = false;
};

}  // namespace brig::prune
