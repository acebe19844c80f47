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

class Reviews {
 public:
  virtual ~Reviews() = default;
  // `paths`: as names.hpp spells them; none: everything.
  virtual net::Task<Result<Summary>> changes(session::Caller caller, std::string ref,
                                             std::vector<std::string> paths, bool count_lines) = 0;
  virtual net::Task<Result<std::shared_ptr<Patches>>> patch(session::Caller caller, std::string ref,
                                                            std::vector<std::string> paths) = 0;
};

}  // namespace brig::review
