#include "init_egress/names.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init_egress/text.hpp"

namespace brig::init::egress {
namespace {

constexpr std::uint32_t kAddresses = 0xfffe;  // 127.9.0.1 … 127.9.255.254
constexpr std::uint64_t kGraceMs = 30'000;    // programs look up, and connect a little later

std::uint32_t hash_of(std::string_view text) {
  std::uint32_t hash = 2166136261u;
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash;
}

}  // namespace

std::size_t Names::find(std::uint32_t address) const {
  for (std::size_t i = 0; i < used_; ++i) {
    if (names_[i].address == address && address != 0) return i;
  }
  return kNone;
}

std::size_t Names::slot(std::uint64_t now_ms) {
  std::size_t oldest = kNone;
  for (std::size_t i = 0; i < used_; ++i) {
    const Name& name = names_[i];
    if (name.address == 0) return i;
    if (name.open > 0 || name.until > now_ms) continue;
    if (oldest == kNone || name.until < names_[oldest].until) oldest = i;
  }
  if (used_ < kMaxNames) return used_++;
  if (oldest != kNone) {
    keep_only(oldest, {});
    names_[oldest].address = 0;
  }
  return oldest;
}

std::size_t Names::add(std::string_view text, std::uint64_t now_ms) {
  char letters[sizeof Name::text];
  if (text.empty() || text.size() > sizeof letters) return kNone;
  for (std::size_t i = 0; i < text.size(); ++i) letters[i] = lower(text[i]);
  std::string_view name(letters, text.size());
  std::uint32_t hash = hash_of(name);
  std::uint64_t until = now_ms + kTtlSeconds * 1000 + kGraceMs;
  for (std::size_t i = 0; i < used_; ++i) {
    if (names_[i].address != 0 && names_[i].hash == hash && this->name(i) == name) {
      names_[i].until = until;
      return i;
    }
  }
  std::size_t index = slot(now_ms);
  if (index == kNone) return kNone;
  std::uint32_t address = hash % kAddresses;
  while (find(kNet + 1 + address) != kNone) address = (address + 1) % kAddresses;
  Name& entry = names_[index];
  entry.hash = hash;
  entry.address = kNet + 1 + address;
  entry.open = 0;
  entry.until = until;
  entry.size = static_cast<std::uint16_t>(name.size());
  std::memcpy(entry.text, letters, name.size());
  return index;
}

void Names::keep_only(std::size_t index, std::span<const std::uint16_t> ports) {
  for (std::size_t i = 0; i < listening_; ++i) {
    Listener& listener = listeners_[i];
    if (listener.port == 0 || listener.name != index) continue;
    bool kept = false;
    for (std::uint16_t port : ports) kept = kept || port == listener.port;
    if (kept) continue;
    ::close(listener.fd);
    listener = {};
  }
}

bool Names::has(std::size_t index, std::uint16_t port) const {
  for (std::size_t i = 0; i < listening_; ++i) {
    if (listeners_[i].port == port && listeners_[i].name == index) return true;
  }
  return false;
}

std::size_t Names::open(std::size_t index, std::uint16_t port) {
  std::size_t at = 0;
  while (at < listening_ && listeners_[at].port != 0) ++at;
  if (at == most_listeners_) return kNone;
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return kNone;
  int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(names_[index].address);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, 512) != 0) {
    ::close(fd);
    return kNone;
  }
  listeners_[at] = {fd, static_cast<std::uint16_t>(index), port};
  if (at == listening_) ++listening_;
  return at;
}

}  // namespace brig::init::egress
