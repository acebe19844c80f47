// Reviews of the sessions of this brigd.
//
// Ownership: borrows everything it is given. Threads: the loop's; the work is done on a worker of its own, so
// that a large diff does not keep a session from starting. Failure: as Result.
#pragma once

#include <set>
#include <vector>

#include "core/paths.hpp"
#include "net/worker.hpp"
#include "review/reviews.hpp"
#include "review/settler.hpp"
#include "review/source.hpp"
#include "store/sessions.hpp"

namespace brig::review {

class Service final : public Reviews {
 public:
  Service(StatePaths paths, std::vector<workspace::Forbidden> forbidden, session::Sessions& sessions,
          Settler::Parts parts)
      : paths_(std::move(paths)),
        forbidden_(std::move(forbidden)),
        sessions_(sessions),
        rows_(parts.sessions),
        settler_(paths_, std::move(parts), worker_) {}

  net::Task<Result<Summary>> changes(session::Caller caller, std::string ref, std::vector<std::string> paths,
                                     bool count_lines) override;
  net::Task<Result<std::shared_ptr<Patches>>> patch(session::Caller caller, std::string ref,
                                                    std::vector<std::string> paths) override;
  net::Task<Result<Report>> apply(session::Caller caller, std::string ref, ApplySpec spec) override;
  net::Task<Result<Report>> undo(session::Caller caller, std::string ref,
                                 std::vector<std::string> skip) override;

  // Finishes what an earlier brigd was killed in, before anybody is served; what cannot be finished now is
  // logged, and tried again by the next apply of its session.
  void recover();
  // Drops the journals of sessions that are gone, now and then, for as long as it is awaited.
  net::Task<void> run();

 private:
  class Busy;
  net::Task<Result<session::View>> find(session::Caller caller, std::string ref);
  net::Task<Result<std::shared_ptr<Source>>> open(session::Caller caller, session::View view);
  net::Task<Result<Report>> carry_out(session::View view, std::shared_ptr<Prepared> prepared,
                                      workspace::Identity owner);
  net::Task<Result<void>> sweep();

  StatePaths paths_;
  std::vector<workspace::Forbidden> forbidden_;
  session::Sessions& sessions_;
  store::SessionTable& rows_;
  std::set<SessionId> busy_;  // being applied or undone
  net::Worker worker_{2};
  Settler settler_;
};

}  // namespace brig::review
