#include "mcp/gateway/session.hpp"

#include <algorithm>

namespace brig::mcp {
namespace {

constexpr std::size_t kStreamsKept = 64;
constexpr std::size_t kBytesKept = 16 << 20;  // in streams that have ended, beside the newest

}  // namespace

bool Session::sees(const std::string& mesh, const std::string& service) {
  if (ended || place.mesh != mesh) return false;
  return (!is_of_one() || place.service == service) && backends->has(service);
}

std::vector<std::shared_ptr<InFlight>> Session::calls_on(const std::string& service) const {
  std::vector<std::shared_ptr<InFlight>> out;
  for (const auto& [id, call] : calls) {
    if (call->service == service) out.push_back(call);
  }
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return a->stream->number() < b->stream->number(); });
  return out;
}

bool Session::is_idle() const {
  return calls.empty() && asks.empty() && !listening->is_read();
}

std::shared_ptr<EventStream> Session::open_stream(const net::asio::any_io_executor& executor) {
  forget_streams();
  auto stream = std::make_shared<EventStream>(executor, next_stream++, budget);
  streams.emplace(stream->number(), stream);
  return stream;
}

void Session::forget_streams() {
  std::size_t count = 0, bytes = 0;
  for (auto it = streams.end(); it != streams.begin();) {
    --it;
    if (!it->second->finished()) continue;
    bool newest = count++ == 0;
    bytes += it->second->kept();
    if (newest || (count <= kStreamsKept && bytes <= kBytesKept)) continue;
    it = streams.erase(it);
  }
}

void Session::forget_unread_streams() {
  std::erase_if(streams,
                [](const auto& entry) { return entry.second->finished() && !entry.second->is_read(); });
}

bool is_subscribed(const Sessions& all, const std::string& mesh,
                   const std::pair<std::string, std::string>& what) {
  return std::any_of(all.begin(), all.end(), [&](const auto& entry) {
    return entry.second->place.mesh == mesh && entry.second->subscriptions.contains(what);
  });
}

}  // namespace brig::mcp
