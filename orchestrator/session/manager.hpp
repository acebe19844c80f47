// Sessions, from request to rest.
//
// Crash-only: the intent is committed before anything is made, the observation after. Whatever dies at
// whatever line, the ledger's phase says what has to happen next, and reconcile (which calls the functions
// below the line) does it. What was never acknowledged to the caller is taken back whole.
//
// Ownership: borrows everything in Parts. close() before destroying it; sandboxes run on.
// Threads: the loop's. Failure: as Result.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/metrics.hpp"
#include "core/paths.hpp"
#include "egress/doors.hpp"
#include "events/log.hpp"
#include "image/images.hpp"
#include "net/scope.hpp"
#include "net/worker.hpp"
#include "provider/hooks.hpp"
#include "provider/identities.hpp"
#include "session/containers.hpp"
#include "session/hold.hpp"
#include "session/hosting.hpp"
#include "session/one_shot.hpp"
#include "session/policy_book.hpp"
#include "session/quota.hpp"
#include "session/reach.hpp"
#include "session/sandbox.hpp"
#include "session/sessions.hpp"
#include "session/skills.hpp"
#include "session/usage.hpp"
#include "session/workspaces.hpp"
#include "store/checkpoints.hpp"
#include "store/sessions.hpp"
#include "volume/volumes.hpp"
#include "workspace/mounter.hpp"

namespace brig::session {

struct ManagerOptions {
  std::string installation;
  StatePaths paths;
  outlog::Limits output;
  std::size_t max_sessions = 1000;
  Quotas::Options quotas;
  std::vector<workspace::Forbidden> forbidden;  // places that can't be a project
  std::vector<std::string> engine_sockets;
  std::map<std::string, std::string> extra_env;  // of every process: certificates
  std::string ca_bundle;  // file of the state directory to appear as /run/brig/ca.crt; empty: none
  // For sessions with credentials, which trust an authority of their own beside the others: where those are
  // (PEM), and the variables that point programs at /run/brig/ca.crt.
  std::string trusted;
  std::map<std::string, std::string> trust_env;
  // Answers an agent, at the endpoint of its mesh, on this connection.
  std::function<void(UniqueFd, Caller)> meet_agent = {};
  SkillsFor skills_for = {};  // none: meshes have none
};

class Manager final : public Sessions,
                      public Workspaces,
                      public Reach,
                      public OneShots,
                      public Usages,
                      public Hosting,
                      private Sandbox::Owner {
 public:
  struct Parts {
    const Clock& clock;
    metrics::Registry& metrics;
    events::Log& events;
    store::SessionTable& sessions;
    store::ProcessTable& processes;
    store::CheckpointTable& checkpoints;
    store::LifeTable& lives;
    Containers& containers;
    image::Images& images;
    const PolicyBook& policies;
    volume::Volumes& volumes;
    provider::LedgerIdentities& identities;
    provider::Hooks& hooks;
    workspace::Mounter& mounter;
    net::Worker& blocking;
    egress::Doors& doors;
  };

  Manager(net::asio::any_io_executor executor, ManagerOptions options, Parts parts);
  ~Manager() override;
  // Waits for what is being launched or ended; running sandboxes are let go of, not stopped.
  net::Task<void> close();

  net::Task<Result<View>> create(Caller caller, CreateSpec spec) override;
  Millis start_wait(const Caller& caller) const override { return quotas_.wait(caller.owner); }
  net::Task<Result<std::vector<View>>> list(Caller caller, ListFilter filter) override;
  net::Task<Result<View>> get(Caller caller, std::string ref) override;
  net::Task<Result<View>> stop(Caller caller, std::string ref, Millis grace) override;
  net::Task<Result<View>> pause(Caller caller, std::string ref) override;
  net::Task<Result<View>> resume(Caller caller, std::string ref) override;
  net::Task<Result<void>> remove(Caller caller, std::string ref, bool force) override;
  net::Task<Result<ProcessView>> exec(Caller caller, std::string ref, ProcessSpec spec) override;
  net::Task<Result<std::unique_ptr<Attachment>>> attach(Caller caller, std::string ref,
                                                        AttachSpec spec) override;
  net::Task<Result<void>> signal(Caller caller, std::string ref, std::uint32_t process, int number) override;

  net::Task<Result<CheckpointView>> checkpoint(Caller caller, std::string ref, std::string name) override;
  net::Task<Result<std::vector<CheckpointView>>> checkpoints(Caller caller, std::string ref) override;
  net::Task<Result<void>> remove_checkpoint(Caller caller, std::string ref, std::string name) override;
  net::Task<Result<View>> restore(Caller caller, std::string ref, RestoreSpec spec) override;
  net::Task<Result<View>> fork(Caller caller, std::string ref, ForkSpec spec) override;
  net::Task<Result<View>> discard(Caller caller, std::string ref) override;
  net::Task<Result<std::unique_ptr<Download>>> download(Caller caller, std::string ref,
                                                        std::string path) override;
  net::Task<Result<std::unique_ptr<Upload>>> upload(Caller caller, std::string ref, UploadSpec spec) override;
  net::Task<Result<std::unique_ptr<supervisor::Channel>>> connect(Caller caller, std::string ref,
                                                                  std::uint16_t port) override;
  net::Task<Result<std::unique_ptr<Answer>>> ask(Caller caller, AskSpec spec) override;
  net::Task<Result<std::vector<Usage>>> usage(Caller caller, ListFilter filter) override;
  net::Task<Result<std::unique_ptr<Built>>> build(Caller caller, HostSpec spec,
                                                  std::function<void()> began) override;
  net::Task<Result<SessionId>> host(Caller caller, HostSpec spec) override;
  net::Task<Result<std::vector<Hosted>>> hosted() override;
  net::Task<Result<void>> pause(SessionId id, bool paused) override;
  net::Task<Result<std::unique_ptr<Attachment>>> attend(SessionId id, AttachSpec spec) override;
  net::Task<Result<void>> dismiss(SessionId id, Millis grace) override;
  net::Task<Result<void>> drop_stray_layers() override;
  // Ends sessions whose time is over; until cancelled.
  net::Task<void> keep();
  // Nobody else changes what the session consists of for as long as it is held.
  Result<Hold> hold(const store::SessionRow& row, std::string doing) {
    return Hold::take(holds_, row.id, row.name, std::move(doing));
  }
  // Somebody uses this session in a way that its processes do not show, a connection of its own for one.
  void touch(const SessionId& id);

  // --- for reconcile --------------------------------------------------------------------------------------
  bool is_live(const SessionId& id) const { return live_.contains(id); }
  bool is_launching(const SessionId& id) const { return launching_.contains(id); }
  // A one-shot whose answer is still being read.
  bool is_asked(const SessionId& id) const { return asked_.contains(id); }
  // A sandbox that somebody keeps, from before this brigd: see hosting.hpp.
  bool is_left_behind(const SessionId& id) const { return left_behind_.contains(id); }
  // Before the first look at what there is.
  net::Task<Result<void>> find_left_behind();
  std::size_t live_count() const { return live_.size(); }
  net::Task<Result<void>> adopt(SessionId id, ContainerId container);
  // Its sandbox is gone, or must go; `outcome` unless one is recorded already.
  net::Task<Result<void>> conclude(SessionId id);
  // Its container was not among those that run: concludes it, unless it runs after all.
  net::Task<Result<void>> look_for(SessionId id);
  // Its container is frozen and should not be, or the other way round.
  net::Task<Result<void>> settle(SessionId id);
  net::Task<Result<void>> sweep(SessionId id);
  // Takes back every trace, the row last.
  net::Task<Result<void>> forget(SessionId id);
  net::Task<Result<void>> drop_remains(SessionId id);
  net::Task<Result<void>> drop_layer(LayerId id);
  // What an earlier brigd was keeping when it went. Once, before anything is looked after.
  net::Task<void> clear_unmade_checkpoints();
  // Likewise, sandboxes in which it was cloning or building something.
  net::Task<void> clear_builders();

 private:
  struct Live;
  struct Launch;
  struct Prepared;
  struct Exec;
  struct Origin;
  struct Branch;
  class Asked;
  struct Builder;
  class Made;

  // manager.cpp
  Result<void> may_change(const Caller& caller) const;
  net::Task<Result<store::SessionRow>> find_row(Caller caller, std::string ref, bool to_change);
  net::Task<Result<store::SessionRow>> look_up(Caller caller, std::string ref);
  net::Task<Result<View>> full_view(store::SessionRow row);
  net::Task<Result<View>> read_view(SessionId id);
  void add_process(View& view, ProcessView process) const;
  std::shared_ptr<Live> find_live(const SessionId& id) const;
  void process_exited(const SessionId& id, std::uint32_t number, supervisor::Exit exit) override;
  void process_never_ran(const SessionId& id, std::uint32_t number) override;
  void link_changed(const SessionId& id, bool connected) override;

  // reach.cpp
  net::Task<Result<std::shared_ptr<Sandbox>>> reach(Caller caller, std::string ref);

  // prepare.cpp
  net::Task<Result<Prepared>> prepare(Caller caller, CreateSpec spec, const Origin* origin = nullptr);
  net::Task<Result<View>> launch(Prepared prepared);
  net::Task<Result<void>> await_launch(std::shared_ptr<Launch> launch);
  net::Task<Result<Quotas::Claim>> claim(std::string owner, Quotas::Ask ask);
  std::vector<EnvVar> environment(const std::map<std::string, std::string>& provider,
                                  std::vector<EnvVar> caller, const SessionId& id, bool terminal) const;

  // skills.cpp: those that the caller sees, or that the session `again` had.
  Result<void> lend_skills(const Caller& caller, Prepared& prepared,
                           const store::SessionRow* again = nullptr);

  // clone.cpp
  net::Task<Result<View>> create_from_git(Caller caller, CreateSpec spec);
  net::Task<Result<store::SessionRow>> clone(Caller caller, const CreateSpec& target, GitSource git,
                                             SessionId& builder);
  net::Task<void> end_builder(SessionId id);

  // hosting.cpp
  static std::string kept_for(const store::SessionRow& row);
  net::Task<Result<Prepared>> prepare_hosted(Caller caller, HostSpec spec, std::string_view label);
  net::Task<void> feed_builder(SessionId id, std::shared_ptr<const UniqueFd> input);
  net::Task<Result<std::optional<std::string>>> run_builder(Caller caller, Prepared prepared,
                                                            SessionId& builder, std::function<void()> began);
  net::Task<std::string> last_words(Caller caller, SessionId id);

  // exec.cpp
  net::Task<void> run_exec(std::shared_ptr<Exec> exec);
  net::Task<Result<ProcessView>> exec_steps(std::shared_ptr<Exec> exec);
  // furnish.cpp
  net::Task<Result<std::map<std::string, std::string>>> choose_identity(std::string holder,
                                                                        const CreateSpec& spec,
                                                                        Prepared& out);
  net::Task<Result<void>> choose_volumes(const store::SessionRow& row, const std::vector<SharedMount>& mounts,
                                         Prepared& out);
  net::Task<Result<void>> furnish(std::shared_ptr<Launch> launch);
  net::Task<Result<void>> equip(vault::Scope scope, std::vector<egress::Credential> asked, Prepared& out,
                                std::map<std::string, std::string>& env);
  Result<void> trust_authority(const SessionId& id, const std::string& authority) const;
  net::Task<Result<void>> release(SessionId id);
  net::Task<void> say_why(SessionId id, std::string reason);

  // launch.cpp
  net::Task<void> run_launch(std::shared_ptr<Launch> launch);
  net::Task<Result<void>> launch_steps(std::shared_ptr<Launch> launch);
  net::Task<void> mount_workspace(std::shared_ptr<Launch> launch);
  net::Task<void> start_container(std::shared_ptr<Launch> launch);
  net::Task<void> take_back(SessionId id);
  std::shared_ptr<Live> make_live(const store::SessionRow& row);
  egress::Facts door_of(const Live& live) const;
  std::function<void(UniqueFd)> endpoint_for(const store::SessionRow& row) const;

  // life.cpp
  class FreezeTurn;
  net::Task<FreezeTurn> freeze_turn(std::shared_ptr<Live> live);
  net::Task<Result<void>> freeze(std::shared_ptr<Live> live, bool paused, std::string reason);
  net::Task<Result<void>> freeze_hosted(SessionId id, bool paused);
  net::Task<Result<View>> set_paused(Caller caller, std::string ref, bool paused);
  net::Task<Result<void>> wind_down(std::shared_ptr<Live> live, Millis grace, Outcome why);

  // keeper.cpp
  std::uint64_t traffic(const Live& live) const;
  net::Task<void> take_up_life(std::shared_ptr<Live> live);
  net::Task<void> look_at(std::shared_ptr<Live> live);
  net::Task<void> expire(std::shared_ptr<Live> live);

  // ending.cpp
  std::filesystem::path limited_disk(const Live& live) const;  // what has a disk limit; empty: nothing
  std::string said_if_full(const SessionId& id) const;
  net::Task<void> main_exited(std::shared_ptr<Live> live, supervisor::Exit exit);
  net::Task<void> other_exited(std::shared_ptr<Live> live, std::uint32_t number, supervisor::Exit exit);
  net::Task<void> other_ended(std::shared_ptr<Live> live, std::uint32_t number, Outcome outcome);
  net::Task<Result<void>> end(std::shared_ptr<Live> live, Outcome outcome);
  // Every outcome of a session passes here once.
  net::Task<Result<void>> record_outcome(SessionId id, const Outcome& outcome);
  void tell_process(const store::SessionRow& row, std::string kind, const ProcessView& process);
  net::Task<void> kill_strays(ContainerId container);
  net::Task<Result<void>> tear_down(SessionId id, std::string container_name);
  net::Task<Result<void>> end_processes(SessionId id, Outcome outcome, std::shared_ptr<Live> live);

  // checkpoints.cpp
  Result<void> check_has_layers(const store::SessionRow& row) const;
  net::Task<Result<CheckpointView>> checkpoint_steps(Caller caller, std::string ref, std::string name);
  net::Task<Result<store::CheckpointRow>> take_checkpoint(store::SessionRow row, std::string name,
                                                          Hold& hold);
  net::Task<Result<store::SessionRow>> settled(SessionId id);
  void tell_checkpoint(const store::SessionRow& row, std::string kind, const std::string& name);

  // branching.cpp
  Result<policy::Request> stored_policy(const store::SessionRow& row) const;
  net::Task<Result<Origin>> origin_of(store::SessionRow row, std::vector<EnvVar> env);
  net::Task<Result<std::unique_ptr<Answer>>> ask_steps(Caller caller, AskSpec spec, image::Provider provider);
  net::Task<Result<View>> restore_steps(Caller caller, std::string ref, RestoreSpec spec);
  net::Task<Result<void>> fail_again(const store::SessionRow& row, Error why);
  net::Task<Result<Prepared>> fork_steps(Caller caller, SessionId id, ForkSpec spec,
                                         std::shared_ptr<Branch> branch);
  net::Task<void> end_branch(SessionId id, Hold hold);

  net::asio::any_io_executor executor_;
  ManagerOptions options_;
  Parts parts_;
  Quotas quotas_;
  std::map<SessionId, std::shared_ptr<Live>> live_;
  std::set<SessionId> launching_;
  std::set<SessionId> left_behind_;
  std::set<SessionId> asked_;
  Holds holds_;
  std::optional<net::Worker> copying_;  // layers; made when first needed
  net::Scope scope_;
};

}  // namespace brig::session
