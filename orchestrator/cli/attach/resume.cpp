#include "cli/attach/resume.hpp"

#include <algorithm>

namespace brig::cli {

std::uint64_t OutputCursor::hello(std::uint64_t offset) {
  std::uint64_t lost = next_ && offset > *next_ ? offset - *next_ : 0;
  // Further back than asked for is fine: take() drops what was seen.
  if (!next_ || offset > *next_) next_ = offset;
  return lost;
}

std::uint64_t OutputCursor::gap(std::uint64_t from, std::uint64_t to) {
  std::uint64_t seen = std::max(next_.value_or(from), from);
  if (to <= seen) return 0;
  next_ = to;
  return to - seen;
}

Result<void> OutputCursor::begin(std::uint64_t offset) {
  if (!next_) next_ = offset;
  if (offset > *next_) {
    return Error{Code::protocol,
                 "brigd skipped " + std::to_string(offset - *next_) + " bytes of output without saying so",
                 "client", false};
  }
  at_ = offset;
  return {};
}

std::string_view OutputCursor::take(std::string_view bytes) {
  std::uint64_t old = std::min<std::uint64_t>(*next_ - std::min(*next_, at_), bytes.size());
  at_ += bytes.size();
  bytes.remove_prefix(static_cast<std::size_t>(old));
  *next_ += bytes.size();
  return bytes;
}

void InputWindow::append(std::string_view bytes) {
  buffer_.append(bytes);
}

Result<void> InputWindow::hello(std::uint64_t offset) {
  if (known_ && offset < base_ && acked_) {
    return Error{Code::protocol, "brigd wants input again from before what it had acknowledged", "client",
                 false};
  }
  if (!known_ || offset < base_) base_ = offset;
  known_ = true;
  if (offset > end()) begin_at(offset);
  sent_ = offset;
  ready_ = true;
  eof_sent_ = false;
  return {};
}

void InputWindow::begin_at(std::uint64_t offset) {
  drop();
  base_ = sent_ = offset;
  known_ = ready_ = true;
}

void InputWindow::drop() {
  buffer_.clear();
  sent_ = base_;
  ready_ = eof_sent_ = acked_ = false;
}

void InputWindow::acked(std::uint64_t offset) {
  if (offset <= base_) return;
  acked_ = true;
  auto drop = static_cast<std::size_t>(std::min<std::uint64_t>(offset - base_, buffer_.size()));
  buffer_.erase(0, drop);
  base_ = offset;
  sent_ = std::max(sent_, base_);
}

std::string_view InputWindow::unsent() const {
  if (!ready_) return {};
  return std::string_view(buffer_).substr(static_cast<std::size_t>(sent_ - base_));
}

Reconnect::Step Reconnect::failed(SteadyTime now) {
  if (!since_) {
    since_ = now;
    pause_ = Millis{10};
    noted_ = false;
    if (limit_.count() > 0) return {false, false, pause_};
  }
  auto away = std::chrono::duration_cast<Millis>(now - *since_);
  if (away >= limit_) return {true, false, {}};
  pause_ = std::min(pause_ * 2, Millis{500});
  bool note = away >= kQuiet && !noted_;
  noted_ = noted_ || note;
  return {false, note, std::min(pause_, limit_ - away)};
}

void Reconnect::connected() {
  since_.reset();
  noted_ = false;
}

}  // namespace brig::cli
