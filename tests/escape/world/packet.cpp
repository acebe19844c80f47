#include "packet.hpp"

#include <arpa/inet.h>
#include <net/ethernet.h>

namespace brig::escape {
namespace {

unsigned at(std::span<const std::byte> packet, std::size_t index) {
  return index < packet.size() ? static_cast<unsigned>(packet[index]) : 0;
}

std::string address(int family, std::span<const std::byte> packet, std::size_t where) {
  char text[INET6_ADDRSTRLEN] = {};
  if (packet.size() >= where + (family == AF_INET ? 4 : 16))
    ::inet_ntop(family, &packet[where], text, sizeof text);
  return text;
}

}  // namespace

std::optional<Seen> read_packet(std::uint16_t ether_type, std::span<const std::byte> packet) {
  Seen out;
  unsigned protocol = 0;
  std::size_t body = 0;
  if (ether_type == ETHERTYPE_IP) {
    body = (at(packet, 0) & 0xf) * 4u;
    protocol = at(packet, 9);
    out.from = address(AF_INET, packet, 12);
    out.to = address(AF_INET, packet, 16);
    out.housekeeping = protocol == IPPROTO_IGMP;
  } else if (ether_type == ETHERTYPE_IPV6) {
    body = 40;
    protocol = at(packet, 6);
    out.from = address(AF_INET6, packet, 8);
    out.to = address(AF_INET6, packet, 24);
    auto type = at(packet, 40);
    out.housekeeping = (protocol == IPPROTO_ICMPV6 && ((type >= 130 && type <= 137) || type == 143)) ||
                       protocol == 0;  // reports of groups travel with an option
  } else {
    return std::nullopt;
  }
  out.protocol = protocol == IPPROTO_TCP    ? "tcp"
                 : protocol == IPPROTO_UDP  ? "udp"
                 : protocol == IPPROTO_ICMP ? "icmp"
                                            : "protocol " + std::to_string(protocol);
  if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) {
    out.from_port = static_cast<std::uint16_t>(at(packet, body) << 8 | at(packet, body + 1));
    out.to_port = static_cast<std::uint16_t>(at(packet, body + 2) << 8 | at(packet, body + 3));
  }
  return out;
}

}  // namespace brig::escape
