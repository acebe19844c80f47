// What the parts of Manager share. Included by its sources alone.
#pragma once

#include "session/manager.hpp"

namespace brig::session {

// A session this process looks after.
struct Manager::Live {
  Live(net::asio::any_io_executor executor, store::SessionRow r)
      : row(std::move(r)), changed(std::move(executor)) {}

  store::SessionRow row;  // as it was when we took it over; phases are in the ledger
  std::shared_ptr<Sandbox> sandbox;
  std::shared_ptr<ContainerId> container = std::make_shared<ContainerId>();
  std::shared_ptr<pid_t> supervisor_pid = std::make_shared<pid_t>(0);  // on the host; 0: not known
  bool again = false;                                                  // it ends to begin again
  std::optional<Outcome> stopping;  // it was told to end; how that will be called
  bool paused = false;
  bool freezing = false;  // somebody pauses or resumes it
  bool ending = false;
  bool ended = false;
  bool engine_knows = false;  // that it runs; its supervisor may be there before
  net::Event changed;         // link, freezing, ending, ended

  // For one whose life is bounded (keeper.cpp).
  std::optional<store::LifeRow> life;
  WallTime looked_at{};
  std::uint64_t traffic = 0;  // bytes in and out at the last look
  bool looking = false;
  int attached = 0;
};

// What a session is made from when it goes on from another, or from itself.
struct Manager::Origin {
  CreateSpec spec;
  std::vector<std::string> argv;           // of the main process, whole
  std::optional<store::SessionRow> again;  // the session itself
};

// A fork in the making: the layers it goes on from are kept by a checkpoint without a name until its own row
// refers to them, or nobody waits for it any more.
struct Manager::Branch {
  Branch(Manager& m, SessionId from, Hold h) : manager(m), id(std::move(from)), hold(std::move(h)) {}
  Branch(const Branch&) = delete;
  Branch& operator=(const Branch&) = delete;
  ~Branch() {
    if (hidden) manager.scope_.spawn(manager.end_branch(id, std::move(hold)));
  }

  Manager& manager;
  SessionId id;
  Hold hold;
  bool hidden = false;  // there is such a checkpoint
};

struct Manager::Prepared {
  store::SessionRow row;
  std::optional<store::LifeRow> life;
  Quotas::Claim claim;  // until the row is committed
  image::Provider provider;
  image::Ready image;
  policy::Effective policy;
  policy::Facts facts;
  policy::CreateRequest request;         // compiled anew once it is furnished
  std::vector<store::EgressRow> egress;  // the rules it begins with
  std::vector<egress::Entrusted> credentials;
  provider::Identity identity;                  // none where the provider keeps no configuration
  std::vector<volume::Wanted> volumes;          // of its configuration, and its owner's, in order
  std::vector<Overlay> overlays;                // until they are written
  std::string hosts;                            // what /etc/hosts says inside
  std::string mesh_file;                        // what its CLI reads of its mesh's endpoint; empty: nothing
  std::shared_ptr<workspace::Project> project;  // none: empty workspace
  uid_t uid = 1000;                             // owner outside of an empty workspace
  gid_t gid = 1000;
  ProcessSpec process;
  Secret last_argument;  // of the process; not in the ledger
};

struct Manager::Launch {
  Launch(net::asio::any_io_executor executor, Prepared p)
      : prepared(std::move(p)), changed(std::move(executor)) {}

  Prepared prepared;
  std::shared_ptr<Live> live;
  bool mounting = false;
  Result<void> mount_result;
  bool starting = false;
  Result<void> start_result;  // good until the engine says otherwise
  std::optional<Result<void>> result;
  bool abandoned = false;  // the caller went away before the answer
  net::Event changed;
};

// A process that is being started, whether or not whoever asked still waits.
struct Manager::Exec {
  Exec(net::asio::any_io_executor executor, std::shared_ptr<Live> l, ProcessSpec s)
      : live(std::move(l)), spec(std::move(s)), changed(std::move(executor)) {}

  std::shared_ptr<Live> live;
  ProcessSpec spec;
  std::uint32_t number = 0;
  std::optional<Result<ProcessView>> result;
  bool abandoned = false;
  net::Event changed;
};

// A caller's claim to an answer: if it unwinds before it took it, what was made is nobody's.
struct Claim {
  std::function<void()> abandon;
  bool taken = false;
  ~Claim() {
    if (!taken) abandon();
  }
};

Error not_running(const store::SessionRow& row);
bool is_one_shot(const store::SessionRow& row);

}  // namespace brig::session
