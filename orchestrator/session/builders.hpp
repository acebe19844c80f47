// Inside the module: sandboxes in which something is made, for a layer of their own.
//
// Threads: the loop's. Failure: none.
#pragma once

#include "policy/request.hpp"
#include "session/manager_state.hpp"

namespace brig::session {

// Gone with this, whoever goes away first.
struct Manager::Builder {
  explicit Builder(Manager& m) : manager(m) {}
  Builder(const Builder&) = delete;
  Builder& operator=(const Builder&) = delete;
  ~Builder() {
    if (!id.empty()) manager.scope_.spawn(manager.end_builder(std::move(id)));
  }
  Manager& manager;
  SessionId id;
};

// Whatever its profile and owner allow elsewhere: what was asked for, and what is denied.
void keep_asked(std::vector<store::EgressRow>& rows, const policy::Egress& asked);

}  // namespace brig::session
