#include "events/log.hpp"

namespace brig::events {

net::Task<Result<Cursor::Batch>> Cursor::next() {
  store::EventQuery query;
  query.after = position_;
  query.owner = filter_.owner;
  query.mesh = filter_.mesh;
  query.session = filter_.session;
  query.kind = filter_.kind;
  Batch batch;
  BRIG_CO_TRY(auto page, co_await log_->table_.read(std::move(query)));
  // A place beyond the newest event is of another ledger: go on with what comes next in this one.
  position_ = std::min(position_, page.last);
  if (position_ + 1 < page.first) batch.missed = Missed{position_ + 1, page.first - 1};
  position_ = std::max(position_, std::min(page.searched_to, page.last));
  batch.records = std::move(page.rows);
  batch.end = position_ >= page.last;
  co_return batch;
}

net::Task<Result<Cursor::Batch>> Cursor::next_until(Deadline deadline) {
  while (true) {
    auto commits = log_->commits_;
    BRIG_CO_TRY(auto batch, co_await next());
    if (batch.missed || !batch.records.empty()) co_return batch;
    // A commit that was told while we looked may have come too late for the look.
    if (!batch.end || commits != log_->commits_) continue;
    bool told = co_await log_->committed_.wait_until(deadline);
    if (!told) co_return batch;
  }
}

}  // namespace brig::events
