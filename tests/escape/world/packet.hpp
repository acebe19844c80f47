// A packet as the tap sees it, without its link header: who to whom, and by what.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace brig::escape {

struct Seen {
  std::string protocol, from, to;
  std::uint16_t from_port = 0, to_port = 0;
  bool housekeeping = false;  // of the link: neighbours, groups

  bool far_end(const std::string& address) const { return from == address || to == address; }
  std::uint16_t port_of(const std::string& address) const { return to == address ? to_port : from_port; }
  std::string text() const {
    return protocol + " from " + from + " port " + std::to_string(from_port) + " to " + to + " port " +
           std::to_string(to_port);
  }
};

// None: neither IPv4 nor IPv6.
std::optional<Seen> read_packet(std::uint16_t ether_type, std::span<const std::byte> packet);

}  // namespace brig::escape
