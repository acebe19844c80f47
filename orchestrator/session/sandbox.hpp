// A running sandbox as brigd holds it: the link to its supervisor and the processes in it.
//
// Knows neither engine nor ledger: what has to be decided or recorded goes to the Owner.
//
// Ownership: the session manager owns it and calls close() before letting go. Threads: the loop's.
// Failure: as Result; a lost link is a state, not an error: processes run on and their output is kept inside
// until the link is back.
#pragma once

#include <map>
#include <memory>

#include "core/paths.hpp"
#include "net/scope.hpp"
#include "outlog/output_log.hpp"
#include "session/helper.hpp"
#include "session/process.hpp"
#include "supervisor/link.hpp"

namespace brig::session {

class Sandbox final : private supervisor::LinkObserver, public std::enable_shared_from_this<Sandbox> {
 public:
  // Told on the loop, never from inside a call into the sandbox.
  class Owner {
   public:
    virtual ~Owner() = default;
    // A process ended; `exit` is the kernel's word. The owner decides the outcome and calls Process::end().
    virtual void process_exited(const SessionId& id, std::uint32_t number, supervisor::Exit exit) = 0;
    // It was recorded, but we were killed before it was started, or before we knew that it cannot be.
    virtual void process_never_ran(const SessionId& id, std::uint32_t number) = 0;
    virtual void link_changed(const SessionId& id, bool connected) = 0;
  };

  struct Options {
    SessionId id;
    StatePaths paths;
    outlog::Limits output;
    supervisor::LinkState link;
    supervisor::PeerCheck check;
    const Clock* clock = nullptr;
  };

  Sandbox(net::asio::any_io_executor executor, Options options, Owner& owner);
  ~Sandbox() override;

  // Listens for the supervisor. After a restart of ours, add the known processes first.
  Result<void> start();
  net::Task<void> close();

  supervisor::Link& link() { return link_; }

  // A process that is about to be spawned, or (`recovered`) was before a restart of ours.
  Result<std::shared_ptr<Process>> add(Process::About about, bool recovered);
  // One that was added and will not be spawned: as if it had never been.
  void drop(std::uint32_t number);
  std::shared_ptr<Process> find(std::uint32_t number) const;
  const std::map<std::uint32_t, std::shared_ptr<Process>>& processes() const { return processes_; }
  std::uint32_t next_number() const { return processes_.empty() ? 1 : processes_.rbegin()->first + 1; }

  net::Task<Result<supervisor::SpawnOutcome>> spawn(std::uint32_t number, ProcessSpec spec,
                                                    Deadline deadline);

  // Input goes on although its writer goes away: what was accepted is promised.
  net::Task<Result<void>> write_input(std::shared_ptr<Process> process, std::vector<std::byte> bytes);

  // Starts brig-init with these arguments as an ordinary process (images/init/copy.hpp).
  net::Task<Result<std::unique_ptr<Helper>>> start_helper(std::vector<std::string> arguments, bool input);
  std::size_t helper_count() const { return helpers_.size(); }
  void abandon(std::shared_ptr<HelperState> helper);  // for ~Helper() alone

  // A pacing reader of `number` vanished at `offset`: hold the process for it for a while.
  void hold(std::uint32_t number, std::uint64_t offset);

 private:
  std::uint64_t output_held(std::uint32_t process) override;
  void on_connected(std::span<const supervisor::KnownProcess> processes) override;
  std::uint64_t on_output(std::uint32_t process, supervisor::Stream stream, std::uint64_t offset,
                          std::span<const std::byte> bytes) override;
  void on_batch_end() override;
  void on_gap(std::uint32_t process, std::uint64_t from, std::uint64_t to) override;
  void on_exited(std::uint32_t process, supervisor::Exit exit, std::uint64_t offset) override;
  void on_output_end(std::uint32_t process, std::uint64_t offset) override;
  void on_stdin_ack(std::uint32_t process, std::uint64_t offset, bool gone) override;
  void on_disconnected(const Error& why) override;
  void on_finished() override;

  net::Task<void> watch_holds();
  using Done = std::shared_ptr<std::optional<Result<void>>>;
  net::Task<void> write_steps(std::shared_ptr<Process> process, std::vector<std::byte> bytes, Done done);
  net::Task<void> end_helper(std::shared_ptr<HelperState> helper);
  std::shared_ptr<HelperState> find_helper(std::uint32_t id) const;

  Options options_;
  Owner& owner_;
  std::map<std::uint32_t, std::shared_ptr<Process>> processes_;
  std::set<std::uint32_t> recovered_;  // added as such, and not heard of yet
  std::map<std::uint32_t, std::shared_ptr<HelperState>> helpers_;
  std::uint32_t next_helper_;        // far from the numbers of processes, and from those before a restart
  std::set<std::uint32_t> touched_;  // had output in this batch
  net::Scope scope_;
  bool watching_holds_ = false;
  bool closed_ = false;
  supervisor::Link link_;
};

}  // namespace brig::session
