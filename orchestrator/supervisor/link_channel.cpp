// Connections to ports inside a sandbox.
#include <string.h>

#include <algorithm>

#include "supervisor/link_impl.hpp"

namespace brig::supervisor {

class PortChannel final : public Channel {
 public:
  PortChannel(std::shared_ptr<Link::Impl> link, std::uint32_t id, std::shared_ptr<ChannelState> state)
      : link_(std::move(link)), id_(id), state_(std::move(state)) {}
  PortChannel(const PortChannel&) = delete;
  PortChannel& operator=(const PortChannel&) = delete;
  ~PortChannel() override { link_->end_channel(id_); }

  net::Task<Result<std::vector<std::byte>>> read(std::size_t max) override {
    auto state = state_;
    while (state->in.empty() && !state->peer_ended && !state->closed) co_await state->changed.wait();
    if (state->in.empty()) {
      if (state->peer_ended || (!state->lost && state->error == 0)) co_return std::vector<std::byte>{};
      co_return broken();
    }
    std::size_t size = std::min(max, state->in.size());
    std::vector<std::byte> out(state->in.begin(), state->in.begin() + static_cast<std::ptrdiff_t>(size));
    state->in.erase(state->in.begin(), state->in.begin() + static_cast<std::ptrdiff_t>(size));
    if (state->in.empty()) std::vector<std::byte>().swap(state->in);
    if (!state->closed) {
      link_->put({.type = link::Type::channel_credit, .id = id_, .value = size});
      link_->flush();
    }
    co_return out;
  }

  net::Task<Result<void>> write(std::span<const std::byte> bytes) override {
    auto state = state_;
    while (!bytes.empty()) {
      if (state->closed || state->we_ended) co_return broken();
      if (state->credit == 0) {
        co_await state->changed.wait();
        continue;
      }
      auto piece = bytes.first(std::min({bytes.size(), state->credit, link::kMaxPayload}));
      state->credit -= piece.size();
      link_->send({.type = link::Type::channel_data, .id = id_}, piece);
      bytes = bytes.subspan(piece.size());
    }
    co_return Result<void>{};
  }

  Result<void> finish_writing() override {
    if (state_->closed) return broken();
    if (state_->we_ended) return {};
    state_->we_ended = true;
    link_->put({.type = link::Type::channel_end, .id = id_});
    link_->flush();
    return {};
  }

 private:
  Error broken() const {
    std::string why =
        state_->lost ? "the link to the sandbox was lost" : ::strerror(state_->error ? state_->error : EPIPE);
    return {Code::unavailable, "the connection into the sandbox has ended: " + why, "supervisor: channel",
            true};
  }

  std::shared_ptr<Link::Impl> link_;
  std::uint32_t id_;
  std::shared_ptr<ChannelState> state_;
};

void Link::Impl::end_channel(std::uint32_t id) {
  if (channels_.erase(id) == 0) return;
  put({.type = link::Type::channel_close, .id = id});
  flush();
}

net::Task<Result<std::unique_ptr<Channel>>> Link::Impl::open_port(std::uint16_t port, Deadline deadline) {
  auto self = shared_from_this();
  BRIG_CO_CHECK(co_await wait_connected(deadline));
  if (channels_.size() >= link::kMaxChannels) {
    co_return Error{Code::exhausted,
                    "the sandbox already has " + std::to_string(link::kMaxChannels) + " open connections",
                    "supervisor", true};
  }
  std::uint32_t id = ++last_channel_;
  auto state = std::make_shared<ChannelState>(executor_);
  channels_[id] = state;
  auto channel = std::make_unique<PortChannel>(self, id, state);
  put({.type = link::Type::open, .id = id, .value = port});
  flush();
  while (!state->opened && !state->closed) {
    bool in_time = co_await state->changed.wait_until(deadline);
    if (!in_time && !state->opened && !state->closed) {
      co_return Error{Code::timeout,
                      "port " + std::to_string(port) + " in the sandbox did not answer in time", "supervisor",
                      true};
    }
  }
  if (!state->opened) {
    std::string why =
        state->lost ? "the link was lost" : ::strerror(state->error ? state->error : ECONNRESET);
    co_return Error{Code::unavailable,
                    "cannot connect to port " + std::to_string(port) + " in the sandbox: " + why,
                    "supervisor", true};
  }
  co_return std::unique_ptr<Channel>(std::move(channel));
}

Result<void> Link::Impl::on_channel(const link::Frame& frame) {
  const link::Header& header = frame.header;
  auto it = channels_.find(header.id);
  if (it == channels_.end()) {
    if (header.id > last_channel_) return violation("a channel nobody opened");
    return {};  // closed a moment ago
  }
  auto state = it->second;
  switch (header.type) {
    case link::Type::opened:
      if (state->opened) return violation("a channel that opens twice");
      state->opened = true;
      break;
    case link::Type::channel_data:
      if (!state->opened || state->peer_ended) return violation("data on a channel that is not open");
      if (state->in.size() + frame.payload.size() > link::kChannelWindow) {
        return violation("more data on a channel than its credit allows");
      }
      state->in.insert(state->in.end(), frame.payload.begin(), frame.payload.end());
      break;
    case link::Type::channel_end:
      state->peer_ended = true;
      break;
    case link::Type::channel_close:
      state->closed = true;
      state->error = static_cast<int>(header.value);
      channels_.erase(it);
      break;
    case link::Type::channel_credit:
      if (header.value > link::kChannelWindow - state->credit)
        return violation("credit on a channel for nothing");
      state->credit += static_cast<std::size_t>(header.value);
      break;
    default:
      return violation("a frame that means nothing here");
  }
  state->changed.notify_all();
  return {};
}

}  // namespace brig::supervisor
