// The services of all meshes: deployed, built, started, watched, called.
//
// The ledger's row says what is wanted before anything is made for it, and what came of it after. Whatever a
// restart of brigd finds, resume() brings to what the rows say: servers that run are taken up again,
// sandboxes that no row knows go.
//
// Ownership: borrows everything in Parts. close() before destroying it; servers run on. Threads: the loop's.
// Failure: as Result.
#pragma once

#include <set>

#include "audit/journal.hpp"
#include "net/scope.hpp"
#include "service/backoff.hpp"
#include "service/builds.hpp"
#include "service/permissions.hpp"
#include "service/rates.hpp"
#include "service/server.hpp"
#include "service/uploads.hpp"
#include "session/skills.hpp"
#include "session/volumes.hpp"
#include "store/services.hpp"
#include "store/tool_gates.hpp"
#include "vault/vault.hpp"

namespace brig::service {

struct Options {
  Millis start_within{30'000};  // to answer `initialize` and list its tools
  Millis ping_every{30'000};
  Millis ping_within{5'000};
  int pings_missed = 3;
  Millis grace{10'000};         // between SIGTERM and SIGKILL
  Millis last_answers{30'000};  // of a server that has been replaced, to the calls it has
  Meshes meshes;
};

class Manager final : public Services {
 public:
  struct Parts {
    const Clock& clock;
    store::ServiceTable& table;
    store::ToolGateTable& gates;
    session::Hosting& hosting;
    session::Volumes& volumes;
    vault::Vault& vault;
    Builds& builds;
    Uploads& uploads;
    const Permissions& permissions;
    audit::Journal& journal;
    mcp::Gateway& gateway;
  };
  Manager(net::asio::any_io_executor executor, Options options, Parts parts);
  ~Manager() override;

  // Before anybody asks: what the ledger has.
  net::Task<Result<void>> load();
  // Once sessions are looked after.
  net::Task<void> resume();
  // Takes no more calls, and returns when those in flight have been answered, or at the deadline.
  net::Task<void> drain(Deadline deadline);
  net::Task<void> close();

  Result<void> check(const session::Caller& caller, const std::string& mesh, const DeploySpec& spec) override;
  Result<void> check_update(const session::Caller& caller, const std::string& mesh,
                            const std::string& name) override;
  Millis wait_to_deploy(const session::Caller& caller, const std::string& mesh) const override;
  Millis wait_to_call(const session::Caller& caller, const std::string& mesh) const override;
  net::Task<Result<std::unique_ptr<Upload>>> upload(session::Caller caller, std::string mesh) override;
  net::Task<Result<View>> deploy(session::Caller caller, std::string mesh, DeploySpec spec,
                                 Progress progress) override;
  net::Task<Result<View>> update(session::Caller caller, std::string mesh, std::string name,
                                 Progress progress) override;
  Result<void> check_rollback(const session::Caller& caller, const std::string& mesh, const std::string& name,
                              std::optional<std::uint64_t> number) override;
  Result<void> check_restart(const session::Caller& caller, const std::string& mesh,
                             const std::string& name) override;
  net::Task<Result<View>> rollback(session::Caller caller, std::string mesh, std::string name,
                                   std::optional<std::uint64_t> number, Progress progress) override;
  net::Task<Result<View>> restart(session::Caller caller, std::string mesh, std::string name) override;
  net::Task<Result<View>> stop(session::Caller caller, std::string mesh, std::string name) override;
  net::Task<Result<View>> pause(session::Caller caller, std::string mesh, std::string name) override;
  net::Task<Result<View>> set_scope(session::Caller caller, std::string mesh, std::string name,
                                    Scope scope) override;
  net::Task<Result<void>> remove(session::Caller caller, std::string mesh, std::string name) override;
  Result<std::vector<View>> list(const session::Caller& caller, const std::string& mesh) override;
  Result<View> get(const session::Caller& caller, const std::string& mesh, const std::string& name) override;
  Result<std::vector<Tool>> tools(const session::Caller& caller, const std::string& mesh,
                                  const std::string& name) override;
  net::Task<Result<ToolReport>> tool_report(session::Caller caller, std::string mesh,
                                            std::string name) override;
  net::Task<Result<ToolReport>> set_tool_lists(session::Caller caller, std::string mesh, std::string name,
                                               ToolLists lists) override;
  net::Task<Result<ToolReport>> approve_tools(session::Caller caller, std::string mesh, std::string name,
                                              std::vector<Approval> approvals) override;
  net::Task<Result<std::vector<BundleFile>>> files(session::Caller caller, std::string mesh,
                                                   std::string name) override;
  net::Task<Result<std::unique_ptr<FileReader>>> open_file(session::Caller caller, std::string mesh,
                                                           std::string name, std::string path) override;
  // What session::ManagerOptions asks for.
  std::vector<session::Skill> skills_for(const session::Caller& caller, const std::string& mesh) const;
  Result<std::vector<LogLine>> logs(const session::Caller& caller, const std::string& mesh,
                                    const std::string& name, std::size_t count) override;
  Result<std::unique_ptr<LogReader>> follow_logs(const session::Caller& caller, const std::string& mesh,
                                                 const std::string& name, std::size_t count) override;
  net::Task<Result<mcp::Answer>> call(session::Caller caller, std::string mesh, std::string name,
                                      std::string tool, std::string arguments, Deadline deadline) override;
  Result<std::unique_ptr<mcp::Backends>> backends(const session::Caller& caller,
                                                  const std::string& mesh) override;

 private:
  class Behind;
  class Reader;
  struct Unit;
  class Turn;
  using UnitRef = std::shared_ptr<Unit>;
  using Key = std::pair<std::string, std::string>;  // mesh and name

  // manager.cpp
  // The one way to a service: for somebody who means to do this with it.
  Result<UnitRef> find(Operation operation, const session::Caller& caller, const std::string& mesh,
                       const std::string& name) const;
  // An error for one that is damaged.
  static Result<void> must_read(const Unit& unit);
  bool may_inspect(const Unit& unit, const session::Caller& caller) const;
  View view_of(const Unit& unit, const session::Caller& caller) const;
  // Its server, if it runs; for a caller who may call it.
  Result<std::shared_ptr<Server>> server_for(const session::Caller& caller, const Unit& unit) const;
  net::Task<Turn> take_turn(UnitRef unit);
  net::Task<Result<void>> save(UnitRef unit);
  net::Task<Result<void>> change_scope(UnitRef unit, Scope scope);
  net::Task<void> set_state(UnitRef unit, State state, std::string reason);

  // skills.cpp
  // An error for a skill.
  static Result<void> must_run(const Unit& unit);
  // The layer of one that is ready, for a caller who may see it.
  Result<LayerId> bundle_of(const session::Caller& caller, const std::string& mesh,
                            const std::string& name) const;
  net::Task<Result<void>> install_skill(UnitRef unit, store::ServiceRow row);

  // deploy.cpp
  static Result<void> may_update(const Unit& unit);
  Result<void> check_room(const std::string& mesh, const std::string& name) const;
  Result<void> check_registry(const std::string& mesh, const ImageSource& image) const;
  Result<void> vet(const session::Caller& caller, const std::string& mesh, const DeploySpec& wish) const;
  Result<void> may_deploy(const session::Caller& caller, const std::string& mesh,
                          const std::string& name) const;
  net::Task<Result<void>> check_vault(vault::Scope scope, const DeploySpec& wish);
  // Without a spec: what it has, anew.
  net::Task<Result<void>> deploy_steps(UnitRef unit, std::optional<Spec> spec, std::vector<unsigned char> env,
                                       Progress progress);
  net::Task<Result<void>> build_and_install(UnitRef unit, Spec spec, std::vector<unsigned char> env,
                                            Progress progress);
  net::Task<Result<Product>> make(UnitRef unit, Spec spec, Progress progress);
  net::Task<Result<store::ServiceRow>> build(UnitRef unit, Spec spec, std::vector<unsigned char> env,
                                             Progress progress);
  net::Task<Result<View>> change(session::Caller caller, std::string mesh, std::string name,
                                 net::Task<Result<void>> (Manager::*steps)(UnitRef));
  net::Task<Result<void>> restart_steps(UnitRef unit);
  net::Task<Result<void>> stop_steps(UnitRef unit);
  net::Task<Result<void>> remove_steps(UnitRef unit);

  // versions.cpp
  net::Task<Result<void>> load_versions(UnitRef unit);
  store::ServiceRow row_with(const Unit& unit, store::VersionRow version);
  net::Task<Result<void>> adopt(UnitRef unit, store::ServiceRow row);
  net::Task<Result<void>> commit(UnitRef unit, store::ServiceRow row);
  net::Task<Result<void>> install(UnitRef unit, store::ServiceRow row);
  net::Task<Result<void>> install_beside(UnitRef unit, store::ServiceRow row);
  net::Task<void> retire(UnitRef unit, std::shared_ptr<Server> server, SessionId session);
  net::Task<void> dismiss_leaving(UnitRef unit, SessionId session);
  static Result<std::uint64_t> version_before(const Unit& unit, std::optional<std::uint64_t> number);
  net::Task<Result<void>> rollback_steps(UnitRef unit, std::optional<std::uint64_t> number,
                                         Progress progress);

  // run.cpp
  // A server that answered, and what it said.
  struct Met {
    std::shared_ptr<Server> server;
    std::string server_json;
    std::vector<ListedTool> tools;
  };
  net::Task<Result<void>> start(UnitRef unit);
  net::Task<void> drop(std::shared_ptr<Server> server);
  net::Task<Result<void>> start_server(UnitRef unit);
  net::Task<Result<void>> bring_up(UnitRef unit);
  net::Task<Result<void>> let_go(UnitRef unit);
  net::Task<Result<SessionId>> host(UnitRef unit, store::ServiceRow row);
  net::Task<Result<Met>> meet(UnitRef unit, SessionId session, bool again);
  net::Task<void> put_to_work(UnitRef unit, Met met);
  net::Task<Result<std::string>> home_of(UnitRef unit, bool make);
  net::Task<Result<std::vector<session::EnvVar>>> environment(UnitRef unit, Runtime runtime,
                                                              std::vector<unsigned char> sealed);
  // A value of the vault, for this service; its use is written down.
  net::Task<Result<Secret>> open_key(UnitRef unit, std::string key);
  net::Task<Result<void>> need_image(UnitRef unit, ImageSource source, EntryImage image);
  net::Task<Result<Met>> greet(std::shared_ptr<Server> server, bool again);
  net::Task<Result<std::vector<ListedTool>>> list_tools(std::shared_ptr<Server> server, Deadline deadline);
  net::Task<void> watch(UnitRef unit, std::shared_ptr<Server> server);
  // `epoch`: what it was when the server ended.
  net::Task<void> revive(UnitRef unit, Error why, Millis ran, std::uint64_t epoch);

  // gate.cpp
  void sift(Unit& unit);
  net::Task<void> admit(UnitRef unit, std::vector<ListedTool> listed);
  net::Task<void> pin_first(UnitRef unit);
  net::Task<void> pin_anew(UnitRef unit);
  net::Task<Result<void>> pin(UnitRef unit, std::vector<store::ToolPin> pins);
  void tell_held(Unit& unit);
  std::size_t waiting(const Unit& unit) const;
  net::Task<Result<void>> change_lists(UnitRef unit, ToolLists lists);
  Result<std::vector<store::ToolPin>> check_approval(const Unit& unit,
                                                     const std::vector<Approval>& approvals) const;
  net::Task<Result<void>> approve_steps(UnitRef unit, std::vector<store::ToolPin> pins);

  // idle.cpp
  net::Task<Result<void>> pause_steps(UnitRef unit);
  Deadline next_look(const Unit& unit, const Server& server) const;
  net::Task<bool> rest(UnitRef unit, std::shared_ptr<Server> server);

  // resume.cpp
  static Result<void> read_row(Unit& unit);
  struct Resuming;
  net::Task<void> resume_one(UnitRef unit, bool live, std::shared_ptr<Resuming> all);
  net::Task<void> clear_up(std::shared_ptr<Resuming> all, std::vector<SessionId> strays);

  net::asio::any_io_executor executor_;
  Options options_;
  Parts parts_;
  Rates rates_{options_.meshes};
  std::map<Key, UnitRef> units_;
  std::set<std::shared_ptr<Server>> servers_;  // until each is closed
  net::Scope scope_;
};

}  // namespace brig::service
