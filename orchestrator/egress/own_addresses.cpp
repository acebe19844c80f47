#include "egress/own_addresses.hpp"

#include <ifaddrs.h>
#include <netinet/in.h>

#include <cstring>
#include <memory>

namespace brig::egress {
namespace {

constexpr Millis kKeep{1'000};

}  // namespace

bool OwnAddresses::contains(const Address& address, SteadyTime now) {
  if (!looked_ || now - *looked_ >= kKeep) {
    look();
    looked_ = now;
  }
  return known_.contains(canonical(address));
}

void OwnAddresses::look() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return;
  std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, ::freeifaddrs);
  known_.clear();
  for (auto* at = list; at; at = at->ifa_next) {
    if (!at->ifa_addr) continue;
    Address address;
    if (at->ifa_addr->sa_family == AF_INET) {
      std::memcpy(address.bytes.data(), &reinterpret_cast<sockaddr_in*>(at->ifa_addr)->sin_addr, 4);
    } else if (at->ifa_addr->sa_family == AF_INET6) {
      address.v4 = false;
      std::memcpy(address.bytes.data(), &reinterpret_cast<sockaddr_in6*>(at->ifa_addr)->sin6_addr, 16);
    } else {
      continue;
    }
    known_.insert(canonical(address));
  }
}

}  // namespace brig::egress
