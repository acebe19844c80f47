// Reviews of the sessions of this brigd.
//
// Ownership: borrows everything it is given. Threads: the loop's; the work is done on a worker of its own, so
// that a large diff does not keep a session from starting. Failure: as Result.
#pragma once

#include <vector>

#include "core/paths.hpp"
#include "net/worker.hpp"
#include "review/reviews.hpp"
#include "review/source.hpp"
#include "store/sessions.hpp"

namespace brig::review {

class Service final : public Reviews {
 public:
  Service(StatePaths paths, std::vector<workspace::Forbidden> forbidden, session::Sessions& sessions,
          store::SessionTable& rows)
      : paths_(std::move(paths)), forbidden_(std::move(forbidden)), sessions_(sessions), rows_(rows) {}

  net::Task<Result<Summary>> changes(session::Caller caller, std::string ref, std::vector<std::string> paths,
                                     bool count_lines) override;
  net::Task<Result<std::shared_ptr<Patches>>> patch(session::Caller caller, std::string ref,
                                                    std::vector<std::string> paths) override;

 private:
  net::Task<Result<std::shared_ptr<Source>>> open(session::Caller caller, std::string ref);

  StatePaths paths_;
  std::vector<workspace::Forbidden> forbidden_;
  session::Sessions& sessions_;
  store::SessionTable& rows_;
  net::Worker worker_{2};
};

}  // namespace brig::review
