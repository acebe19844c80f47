// Programs of the host, run without a shell.
//
//   BRIG_CO_TRY(auto npm, co_await process::run({.program = "/usr/bin/npm", .args = {"config", "get",
//   "registry"}})); if (!npm.ok()) co_return process::failure("npm", npm);
//
// A program runs in a process group of its own, with the environment it is given and nothing else, no
// descriptor but its three, and the signals' usual meaning. When it exits, or its deadline passes, or nobody
// wants it any longer, the whole group is killed; a `contained` one takes with it whatever it started or
// mounted. Its children are reaped by pidfd, never by waiting for just any child.
//
// Threads: the loop's. Failure: as Result: a program that can't be started, its deadline, output beyond the
// bound. An exit code other than 0 is no error here. Cancelling a wait for it kills the program.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "net/task.hpp"

namespace brig::process {

inline constexpr std::size_t kMaxInput = 16 << 20;

struct Command {
  std::filesystem::path program;  // absolute
  std::vector<std::string> args;  // after the program's name
  std::map<std::string, std::string> env = {};
  std::filesystem::path cwd = "/";
  std::string input = {};
  std::size_t max_output = 1 << 20;                      // of run(); more is too_large
  std::size_t max_errors = 16 << 10;                     // the last bytes of stderr that are kept
  std::function<void(std::string_view)> on_errors = {};  // is shown stderr as it comes; must not wait
  Deadline deadline = Deadline::in(std::chrono::minutes(1));
  bool contained = false;  // in pid and mount namespaces of its own; needs root
};

struct Finished {
  std::optional<int> code;  // of an exit; else
  int signal = 0;           // what killed it
  std::string output;
  std::string errors;  // the end of stderr

  bool ok() const { return code == 0; }
};

class Process {
 public:
  static Result<std::unique_ptr<Process>> start(net::asio::any_io_executor executor, Command command);
  // Kills what still runs.
  ~Process();

  // Some of its output; 0 at the end. Nobody reading stops the program, not brigd.
  net::Task<Result<std::size_t>> read(std::span<std::byte> into);
  // Waits for its exit; output not read by then is lost. `output` is empty.
  net::Task<Result<Finished>> finish();

 private:
  struct State;
  explicit Process(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

// Start, read all, finish.
net::Task<Result<Finished>> run(Command command);

// "npm failed with exit code 1: the end of what it said on stderr"; `invalid`.
Error failure(std::string_view name, const Finished& finished);

// The program's path if PATH has it. `path` is PATH's value; empty: the usual one.
std::optional<std::filesystem::path> find_program(std::string_view name, std::string_view path = {});

}  // namespace brig::process
