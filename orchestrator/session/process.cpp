#include "session/process.hpp"

#include "core/log.hpp"

namespace brig::session {

Process::Process(net::asio::any_io_executor executor, About about, std::shared_ptr<outlog::OutputLog> log)
    : about_(std::move(about)), log_(std::move(log)), changed_(std::move(executor)) {}

ProcessView Process::view() const {
  return {about_.number, about_.argv, about_.terminal, about_.started,
          ended_,        outcome_,    log_->begin(),   log_->end()};
}

std::uint64_t Process::store(Output::Stream stream, std::uint64_t offset, WallTime now,
                             std::span<const std::byte> bytes) {
  // The link delivers in order from what we said we hold; less can only be a repetition.
  if (offset > log_->end()) skip_to(offset);
  auto known = log_->end() - offset;
  if (known >= bytes.size()) return may_acknowledge();
  auto fresh = bytes.subspan(static_cast<std::size_t>(known));
  auto stored =
      log_->append(stream == Output::Stream::err ? outlog::Stream::err : outlog::Stream::out, now, fresh);
  if (stored) {
    storing_failed_ = false;
    return may_acknowledge();
  }
  if (!storing_failed_) {
    log::error("output cannot be stored and is lost",
               {{"process", about_.number}, {"error", stored.error()}});
    storing_failed_ = true;  // once, not for every frame
  }
  skip_to(offset + bytes.size());
  return may_acknowledge();
}

void Process::skip_to(std::uint64_t offset) {
  if (offset <= log_->end()) return;
  log_->skip_to(offset);
  wake();
}

std::uint64_t Process::may_acknowledge() const {
  auto limit = log_->end();
  if (!paced_.empty()) limit = std::min(limit, *paced_.begin() + kPaceWindow);
  if (hold_) limit = std::min(limit, hold_->offset + kPaceWindow);
  return limit;
}

void Process::room_changed() {
  if (on_room) on_room(may_acknowledge());
}

std::unique_ptr<Process::Pace> Process::pace(std::uint64_t from) {
  auto pace = std::make_unique<Pace>(*this, from);
  hold_.reset();
  room_changed();
  return pace;
}

void Process::hold(std::uint64_t offset, SteadyTime until) {
  if (!outcome_) hold_ = Hold{offset, until};
}

bool Process::expire_hold(SteadyTime now) {
  if (hold_ && now >= hold_->until) {
    hold_.reset();
    room_changed();
  }
  return hold_.has_value();
}

void Process::set_stdin_consumed(std::uint64_t offset) {
  if (offset <= stdin_consumed_) return;
  stdin_consumed_ = offset;
  set_stdin_offset(offset);
  wake();
}

net::Task<Process::InputTurn> Process::take_input_turn() {
  while (input_taken_) co_await changed_.wait();
  co_return InputTurn(*this);
}

void Process::end(Outcome outcome, WallTime when) {
  if (outcome_) return;
  outcome_ = std::move(outcome);
  ended_ = when;
  hold_.reset();
  log_->release();
  wake();
}

Process::Pace::~Pace() {
  process_.paced_.erase(at_);
  process_.room_changed();
}

void Process::Pace::advance(std::uint64_t to) {
  if (to <= *at_) return;
  process_.paced_.erase(at_);
  at_ = process_.paced_.insert(to);
  process_.room_changed();
}

}  // namespace brig::session
