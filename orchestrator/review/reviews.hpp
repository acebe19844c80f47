// What can be done with what a session changed, as the API sees it.
//
// Ownership: the service owns everything; results are copies. Threads: the loop's. Failure: as Result; a
// session that is not the caller's is `not_found`.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/task.hpp"
#include "review/apply.hpp"
#include "review/changes.hpp"
#include "review/patch.hpp"
#include "session/sessions.hpp"

namespace brig::review {

struct Summary {
  Changes changes;
  std::vector<LineCount> lines;  // one for each change, if they were asked for
};

// The patch of one change after the other.
class Patches {
 public:
  virtual ~Patches() = default;
  virtual net::Task<Result<std::optional<std::string>>> next() = 0;  // none: that was all
};

// What to take over; paths as names.hpp spells them.
struct ApplySpec {
  std::vector<std::string> paths;      // none: everything
  std::vector<std::string> overwrite;  // edits of the host's that may be lost
  std::vector<std::string> allow;      // what screening would refuse
  std::vector<std::string> skip;
  std::string digest;  // of the changes as they were shown; empty: whatever they are now
};

class Reviews {
 public:
  virtual ~Reviews() = default;
  // `paths`: as names.hpp spells them; none: everything.
  virtual net::Task<Result<Summary>> changes(session::Caller caller, std::string ref,
                                             std::vector<std::string> paths, bool count_lines) = 0;
  virtual net::Task<Result<std::shared_ptr<Patches>>> patch(session::Caller caller, std::string ref,
                                                            std::vector<std::string> paths) = 0;
  // A refusal is a Report too: it names every conflict and concern, and nothing was done.
  virtual net::Task<Result<Report>> apply(session::Caller caller, std::string ref, ApplySpec spec) = 0;
  // Takes the last apply back.
  virtual net::Task<Result<Report>> undo(session::Caller caller, std::string ref,
                                         std::vector<std::string> skip) = 0;
};

}  // namespace brig::review
