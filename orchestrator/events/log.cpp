#include "events/log.hpp"

#include <nlohmann/json.hpp>

#include "core/log.hpp"

namespace brig::events {
namespace {

constexpr Millis kRetry{1'000};
constexpr Millis kTrimEvery{60'000};
constexpr std::uint64_t kTrimAfter = 1'000;  // events: what the bound on rows may be exceeded by
constexpr std::size_t kAtOnce = 512;

// Only what reads back as an object, and is not too long, may stand in the stream.
std::string checked(std::string detail) {
  if (detail.size() > Log::kMaxDetail) {
    return R"({"omitted":"its detail had )" + std::to_string(detail.size()) + R"( bytes"})";
  }
  if (!nlohmann::json::parse(detail, nullptr, false).is_object())
    return R"({"omitted":"its detail was no JSON"})";
  return detail;
}

}  // namespace

Log::Log(net::asio::any_io_executor executor, Options options, store::EventTable& table, const Clock& clock,
         metrics::Registry& metrics)
    : options_(options),
      table_(table),
      clock_(clock),
      added_(executor),
      committed_(executor),
      recorded_(metrics.counter("brig_events_total", "Events recorded beside those of sessions' phases")),
      lost_(metrics.counter("brig_events_lost_total", "Events that the ledger would not take")) {}

void Log::add(Event event) {
  if (queued_.size() >= kMaxQueued) {
    ++dropped_;
    lost_.add();
    return;
  }
  store::EventRow row;
  row.at = clock_.wall();
  row.kind = std::move(event.kind);
  row.session = event.session.str();
  row.owner = std::move(event.owner);
  row.mesh = std::move(event.mesh);
  row.detail_json = checked(std::move(event.detail));
  queued_.push_back(std::move(row));
  added_.notify_all();
}

net::Task<Result<void>> Log::flush() {
  while (!queued_.empty()) {
    auto count = std::min(queued_.size(), kAtOnce);
    auto end = queued_.begin() + static_cast<std::ptrdiff_t>(count);
    std::vector<store::EventRow> rows(queued_.begin(), end);
    if (auto dropped = std::exchange(dropped_, 0)) {
      store::EventRow row;
      row.at = clock_.wall();
      row.kind = "events.lost";
      row.detail_json = R"({"count":)" + std::to_string(dropped) + "}";
      rows.push_back(std::move(row));
    }
    // Taken out before the wait, so that two flushes never write the same.
    queued_.erase(queued_.begin(), end);
    auto kept = rows;
    auto done = co_await table_.add(std::move(rows));
    if (!done) {
      queued_.insert(queued_.begin(), kept.begin(), kept.end());
      co_return done;
    }
    recorded_.add(count);
    wake(count);
  }
  co_return Result<void>();
}

net::Task<Result<void>> Log::trim() {
  trimmed_at_ = commits_;
  BRIG_CO_TRY(auto gone, co_await table_.trim(options_.rows, clock_.wall() - options_.age));
  if (gone > 0) log::debug("forgot old events", {{"count", gone}});
  co_return Result<void>();
}

net::Task<void> Log::run() {
  auto next_trim = Deadline::in(Millis(0));
  while (true) {
    if (queued_.empty()) co_await added_.wait_until(next_trim);
    auto done = co_await flush();
    if (done && (next_trim.passed() || commits_ - trimmed_at_ > kTrimAfter)) {
      done = co_await trim();
      next_trim = Deadline::in(kTrimEvery);
    }
    if (!done && !failing_) log::error("the ledger does not take events", {{"error", done.error()}});
    failing_ = !done.ok();
    if (failing_) co_await net::sleep_for(kRetry);
  }
}

net::Task<Result<Cursor>> Log::open(Filter filter, std::optional<std::uint64_t> after) {
  std::uint64_t position = 0;
  if (after) {
    position = *after;
  } else {
    store::EventQuery nothing;
    nothing.after = ~std::uint64_t{0};
    BRIG_CO_TRY(auto page, co_await table_.read(std::move(nothing)));
    position = page.last;
  }
  Cursor cursor(*this, std::move(filter), position);
  co_return cursor;
}

}  // namespace brig::events
