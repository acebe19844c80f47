// The log of a service, read as it comes.
#include <algorithm>

#include "service/unit.hpp"

namespace brig::service {

class Manager::Reader final : public LogReader {
 public:
  Reader(Manager& manager, session::Caller caller, UnitRef unit, std::size_t count)
      : manager_(manager), caller_(std::move(caller)), unit_(std::move(unit)) {
    auto all = unit_->log.count();
    position_ = all - std::min<std::uint64_t>(count, all);
  }

  net::Task<Result<std::vector<LogLine>>> next() override {
    while (!unit_->gone && unit_->log.count() == position_) co_await unit_->logged.wait();
    if (unit_->gone) co_return std::vector<LogLine>();
    // Who may read it may have changed meanwhile.
    BRIG_CO_TRY(auto still, manager_.find(Operation::inspect, caller_, unit_->row.mesh, unit_->row.name));
    if (still != unit_) co_return std::vector<LogLine>();
    auto missed = unit_->log.count() - position_;
    auto lines = unit_->log.last(static_cast<std::size_t>(std::min<std::uint64_t>(missed, kLogLines)));
    position_ = unit_->log.count();
    if (missed > lines.size() && began_)
      lines.insert(lines.begin(), {lines.front().at, "brig: " + std::to_string(missed - lines.size()) +
                                                         " lines were lost here"});
    began_ = true;
    co_return lines;
  }

 private:
  Manager& manager_;
  session::Caller caller_;
  UnitRef unit_;
  std::uint64_t position_ = 0;  // how many lines it has been given, or were there before
  bool began_ = false;
};

Result<std::unique_ptr<LogReader>> Manager::follow_logs(const session::Caller& caller,
                                                        const std::string& mesh, const std::string& name,
                                                        std::size_t count) {
  BRIG_TRY(auto unit, find(Operation::inspect, caller, mesh, name));
  BRIG_CHECK(must_run(*unit));
  return std::unique_ptr<LogReader>(std::make_unique<Reader>(*this, caller, std::move(unit), count));
}

}  // namespace brig::service
