// A child process with pipes, for tests that start programs (brigd, brig, helpers).
//
// Ownership: the destructor kills and reaps it; the kernel kills it when the test dies. Threads: one at a
// time. The parent-death signal comes from the death of the *thread* that spawned it: spawn from one that
// stays. Failure: as Result; waiting is bounded.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/result.hpp"
#include "core/unique_fd.hpp"

namespace brig::harness {

struct SpawnOptions {
  std::vector<std::pair<std::string, std::string>> env;  // added to ours
  std::string cwd;                                       // empty: ours
  bool pipe_in = false;                                  // else /dev/null
  bool pipe_out = false;                                 // else ours
  bool pipe_err = false;                                 // else ours
};

class Child {
 public:
  static Result<Child> spawn(const std::vector<std::string>& argv, SpawnOptions options = {});

  Child(Child&& other) noexcept
      : in(std::move(other.in)),
        out(std::move(other.out)),
        err(std::move(other.err)),
        pid_(std::exchange(other.pid_, -1)),
        status_(other.status_) {}
  Child& operator=(Child&& other) noexcept;
  ~Child();

  pid_t pid() const { return pid_; }
  void kill(int signal) const;
  // The exit code, or 128 + signal. An error if it has not ended in time.
  Result<int> wait(std::chrono::milliseconds limit = std::chrono::seconds(60));
  bool running();

  UniqueFd in, out, err;  // our ends

 private:
  explicit Child(pid_t pid) : pid_(pid) {}

  pid_t pid_ = -1;
  std::optional<int> status_;
};

struct Finished {
  int code = 0;
  std::string out;
  std::string err;
};
// Runs to the end, with `input` on stdin; keeps at most 16 MiB of each stream.
Result<Finished> run(const std::vector<std::string>& argv, std::string_view input = {},
                     SpawnOptions options = {}, std::chrono::milliseconds limit = std::chrono::seconds(120));

}  // namespace brig::harness
