// Another `brig`, started by this one: on the person's terminal, or beside it.
//
// Ownership: an Errand that still runs is left to end by itself. Threads: one. Failure: as Result.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "core/unique_fd.hpp"

namespace brig::cli {

// Has our standard streams; returns its exit code when it has ended.
Result<int> run_brig(std::vector<std::string> words);

// Runs while we go on; says nothing but what went wrong.
class Errand {
 public:
  struct Done {
    bool well = false;
    std::string said;  // a line
  };
  // `what` for the person: "stopping fix".
  static Result<Errand> start(std::string what, std::vector<std::string> words);

  const std::string& what() const { return what_; }
  // None while it runs.
  std::optional<Done> done();

 private:
  std::string what_;
  pid_t child_ = -1;
  UniqueFd errors_;
};

}  // namespace brig::cli
