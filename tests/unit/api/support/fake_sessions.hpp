// Stand-ins for sessions, their processes and their workspaces; as those in fakes.hpp.
#pragma once

#include <deque>
#include <map>
#include <optional>

#include "net/event.hpp"
#include "session/sessions.hpp"
#include "session/usage.hpp"
#include "session/workspaces.hpp"

namespace brig::api::test {

// What a fake process prints and is told.
struct Script {
  explicit Script(const boost::asio::any_io_executor& executor) : changed(executor) {}

  struct Step {
    enum class Kind { output, gap, ack, pen, refused, end, error, finished } kind = Kind::output;
    std::string bytes;
    session::Output::Stream stream = session::Output::Stream::out;
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    session::Outcome outcome;
    Error error;
  };

  net::Event changed;
  std::deque<Step> steps;
  std::uint64_t offset = 0;  // of the next output
  std::uint64_t stdin_offset = 0;
  bool terminal = false;
  std::uint64_t flood = 0;  // this many bytes first, in pieces of 256 KiB

  bool pen_taken = false;  // another has it
  int take_overs = 0;
  int refusals = 0;
  int goodbyes = 0;

  std::string input;
  bool take_input = true;  // false: write() waits
  Result<void> input_result;
  std::optional<std::uint64_t> eof;
  std::vector<session::TerminalSize> sizes;
  std::vector<int> signals;
  session::AttachSpec spec;
  std::uint64_t pulled = 0;  // output bytes handed out
  int attached = 0;          // now

  void print(std::string bytes, session::Output::Stream stream = session::Output::Stream::out);
  void end(session::Outcome outcome);
  void push(Step step);
};

class FakeSessions final : public session::Sessions, public session::Usages {
 public:
  net::Task<Result<session::View>> create(session::Caller caller, session::CreateSpec spec) override;
  net::Task<Result<std::vector<session::View>>> list(session::Caller caller,
                                                     session::ListFilter filter) override;
  net::Task<Result<session::View>> get(session::Caller caller, std::string ref) override;
  net::Task<Result<session::View>> stop(session::Caller caller, std::string ref, Millis grace) override;
  net::Task<Result<session::View>> pause(session::Caller caller, std::string ref) override;
  net::Task<Result<session::View>> resume(session::Caller caller, std::string ref) override;
  Millis start_wait(const session::Caller&) const override { return Millis{1500}; }
  net::Task<Result<void>> remove(session::Caller caller, std::string ref, bool force) override;
  net::Task<Result<session::ProcessView>> exec(session::Caller caller, std::string ref,
                                               session::ProcessSpec spec) override;
  net::Task<Result<std::unique_ptr<session::Attachment>>> attach(session::Caller caller, std::string ref,
                                                                 session::AttachSpec spec) override;
  net::Task<Result<void>> signal(session::Caller caller, std::string ref, std::uint32_t process,
                                 int number) override;
  net::Task<Result<std::vector<session::Usage>>> usage(session::Caller caller,
                                                       session::ListFilter filter) override;

  std::map<std::string, session::View> views;
  std::map<std::uint32_t, std::shared_ptr<Script>> scripts;  // by process
  std::vector<session::Usage> used;
  std::optional<session::Caller> caller;  // of the last call
  std::optional<session::CreateSpec> created;
  std::optional<session::ProcessSpec> executed;
  session::ListFilter filter;
  Millis grace{};
  int signalled = 0;
  std::optional<Error> failure;       // what every call answers, if set
  Millis delay{};                     // before create() answers
  std::vector<std::string> given_up;  // by name, of those that create() was to answer
};

class FakeWorkspaces final : public session::Workspaces {
 public:
  explicit FakeWorkspaces(FakeSessions& sessions) : sessions_(sessions) {}
  net::Task<Result<session::CheckpointView>> checkpoint(session::Caller caller, std::string ref,
                                                        std::string name) override;
  net::Task<Result<std::vector<session::CheckpointView>>> checkpoints(session::Caller caller,
                                                                      std::string ref) override;
  net::Task<Result<void>> remove_checkpoint(session::Caller caller, std::string ref,
                                            std::string name) override;
  net::Task<Result<session::View>> restore(session::Caller caller, std::string ref,
                                           session::RestoreSpec spec) override;
  net::Task<Result<session::View>> fork(session::Caller caller, std::string ref,
                                        session::ForkSpec spec) override;
  net::Task<Result<session::View>> discard(session::Caller caller, std::string ref) override;

  std::vector<session::CheckpointView> kept;
  std::optional<session::RestoreSpec> restored;
  std::optional<session::ForkSpec> forked;
  bool discarded = false;

 private:
  FakeSessions& sessions_;
};

session::View a_view(std::string id, std::string name);

}  // namespace brig::api::test
