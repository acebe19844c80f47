#include "mcp/gateway/event_stream.hpp"

#include <algorithm>
#include <charconv>

namespace brig::mcp {

bool EventStream::push(std::string data) {
  if (finished_ || (data.size() > kSmall && !kept_.budget().has(data.size()))) return false;
  kept_.add(data.size());
  events_.push_back(std::move(data));
  ++last_;
  std::size_t most = kept_.budget().has(0) ? kKept : 0;
  while (events_.size() > 1 && kept_.bytes() - events_.back().size() > most) {
    kept_.remove(events_.front().size());
    events_.pop_front();
  }
  changed_.notify_all();
  return true;
}

void EventStream::finish() {
  finished_ = true;
  changed_.notify_all();
}

EventStream::Reader::Reader(std::shared_ptr<EventStream> stream, std::uint64_t after)
    : stream_(std::move(stream)), position_(after), turn_(++stream_->turn_) {
  ++stream_->readers_;
  stream_->changed_.notify_all();
}

EventStream::Reader::~Reader() {
  if (stream_) --stream_->readers_;
}

net::Task<std::optional<std::string>> EventStream::Reader::next(Deadline deadline) {
  auto& stream = *stream_;
  while (stream.turn_ == turn_ && position_ == stream.last_ && !stream.finished_) {
    bool told = co_await stream.changed_.wait_until(deadline);
    if (!told) co_return std::string();
  }
  if (stream.turn_ != turn_ || position_ == stream.last_) co_return std::nullopt;
  auto first = stream.last_ - stream.events_.size() + 1;
  position_ = std::max(position_ + 1, first);
  stream.given_ = std::max(stream.given_, position_);
  std::string out = "id: " + stream.id_of(position_) + "\ndata: ";
  out.append(stream.events_[position_ - first]).append("\n\n");
  co_return out;
}

net::Task<std::optional<std::string>> EventStream::Reader::only(Deadline deadline) {
  auto& stream = *stream_;
  while (!stream.finished_ && stream.last_ < 2) {
    bool told = co_await stream.changed_.wait_until(deadline);
    if (!told) break;
  }
  if (!stream.finished_ || stream.last_ != 1) co_return std::nullopt;
  stream.given_ = position_ = 1;
  co_return stream.events_.front();
}

std::string EventStream::Reader::opening() const {
  return "id: " + stream_->id_of(position_) + "\ndata:\n\n";
}

EventStream::Reader EventStream::read(std::shared_ptr<EventStream> stream) {
  auto before = std::max(stream->given_, stream->last_ - stream->events_.size());
  return Reader(std::move(stream), before);
}

std::optional<EventStream::Reader> EventStream::resume(std::shared_ptr<EventStream> stream,
                                                       std::uint64_t after) {
  auto before = stream->last_ - stream->events_.size();
  if (after < before || after > stream->last_) return std::nullopt;
  return Reader(std::move(stream), after);
}

std::optional<EventId> parse_event_id(std::string_view text) {
  EventId out;
  const char* end = text.data() + text.size();
  auto [middle, bad] = std::from_chars(text.data(), end, out.stream);
  if (bad != std::errc() || middle == end || *middle != '-') return std::nullopt;
  auto [last, bad_too] = std::from_chars(middle + 1, end, out.event);
  if (bad_too != std::errc() || last != end) return std::nullopt;
  return out;
}

}  // namespace brig::mcp
