// The kernel's own ways out. A sandbox has a loopback interface and nothing else, and seccomp knows four
// kinds of sockets.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/vm_sockets.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/tools.hpp"

namespace brig::escape {
namespace {

constexpr const char* kOnlyKnownKinds = "seccomp lets nothing be made but unix, TCP, UDP and route sockets";
constexpr const char* kNoInterface = "there is no interface but loopback, and no route";

Outcome made(int family, int type, int protocol) {
  return answer_of(::socket(family, type, protocol));
}

// Through the 32-bit entry, whose calls a filter for 64 bits would not know.
Outcome packet_socket_by_32_bits() {
#ifdef __x86_64__
  auto* memory = static_cast<std::uint32_t*>(
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0));
  if (memory == MAP_FAILED) return broken("no memory below 4 GiB");
  memory[0] = AF_PACKET;
  memory[1] = SOCK_RAW;
  memory[2] = htons(ETH_P_ALL);
  long result = 102;  // socketcall, 1: socket
  asm volatile("int $0x80" : "+a"(result) : "b"(1), "c"(memory) : "memory");
  errno = static_cast<int>(-result);
  if (result < 0) return answer_of(-1);
  int family = 0;  // to some, 102 is another call
  socklen_t size = sizeof family;
  bool packet = ::getsockopt(static_cast<int>(result), SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 &&
                family == AF_PACKET;
  return packet ? escaped("a packet socket") : refused("no socket");
#else
  return absent("there is no such entry on this machine");
#endif
}

// A request to change the interfaces or routes; the kernel acknowledges with an error, or with none.
Outcome changes_network(std::uint16_t type, std::string body) {
  int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return refused(std::strerror(errno));
  nlmsghdr head{};
  head.nlmsg_len = static_cast<std::uint32_t>(sizeof head + body.size());
  head.nlmsg_type = type;
  head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE;
  std::string packet(reinterpret_cast<char*>(&head), sizeof head);
  packet += body;
  if (::send(fd, packet.data(), packet.size(), 0) < 0) return refused(std::strerror(errno));
  char answer[1024];
  auto n = ::recv(fd, answer, sizeof answer, 0);
  ::close(fd);
  if (n < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr)))) return broken("no answer");
  nlmsgerr error{};
  std::memcpy(&error, answer + NLMSG_HDRLEN, sizeof error);
  errno = -error.error;
  return answer_of(error.error == 0 ? 0 : -1);
}

template <class T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

Outcome sends_ping(const char* address) {
  int fd = ::socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
  if (fd < 0 && errno == EACCES) fd = ::socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
  if (fd < 0) return refused(std::strerror(errno));
  socklen_t size = 0;
  auto to = address_of(address, 0, size);
  const char echo[] = "\x08\x00\xf7\xff\x00\x00\x00\x00";
  auto n = ::sendto(fd, echo, 8, 0, reinterpret_cast<sockaddr*>(&to), size);
  return n < 0 ? refused(std::strerror(errno)) : escaped("sent");
}

}  // namespace

ATTEMPT(network, raw_icmp, kOnlyKnownKinds) {
  return made(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}
ATTEMPT(network, raw_ip, kOnlyKnownKinds) {
  return made(AF_INET, SOCK_RAW, IPPROTO_RAW);
}
ATTEMPT(network, raw_tcp, kOnlyKnownKinds) {
  return made(AF_INET, SOCK_RAW, IPPROTO_TCP);
}
ATTEMPT(network, raw_ip6, kOnlyKnownKinds) {
  return made(AF_INET6, SOCK_RAW, IPPROTO_RAW);
}
ATTEMPT(network, raw_icmp6, kOnlyKnownKinds) {
  return made(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
}
ATTEMPT(network, raw_by_high_bits, "seccomp compares all 64 bits of the family") {
  // A filter that looked at the lower half alone, or at the type without its flags, would be passed.
  auto raw = ::syscall(SYS_socket, 0xffffffff00000000UL | AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
  return answer_of(raw);
}
ATTEMPT(network, packet_raw, "AF_PACKET sees and writes whatever is on the wire") {
  return made(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
}
ATTEMPT(network, packet_dgram, "AF_PACKET, the other type") {
  return made(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP));
}
ATTEMPT(network, packet_by_32_bits, "calls through the 32-bit entry are not on the list at all") {
  return packet_socket_by_32_bits();
}
ATTEMPT(network, vsock, "AF_VSOCK reaches the hypervisor past every network namespace") {
  return made(AF_VSOCK, SOCK_STREAM, 0);
}
ATTEMPT(network, netlink_netfilter, "only NETLINK_ROUTE is open, for listing interfaces") {
  return made(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
}
ATTEMPT(network, netlink_xfrm, "only NETLINK_ROUTE is open") {
  return made(AF_NETLINK, SOCK_RAW, NETLINK_XFRM);
}
ATTEMPT(network, netlink_uevent, "only NETLINK_ROUTE is open; uevents tell of the host's devices",
        OWN_KERNEL("gVisor has no devices to tell of")) {
  return made(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT);
}
ATTEMPT(network, netlink_generic, "only NETLINK_ROUTE is open") {
  return made(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
}
ATTEMPT(network, adds_an_address, "changing the network needs CAP_NET_ADMIN") {
  ifaddrmsg message{};
  message.ifa_family = AF_INET;
  message.ifa_prefixlen = 32;
  message.ifa_index = if_nametoindex("lo");
  rtattr attribute{static_cast<unsigned short>(RTA_LENGTH(4)), IFA_LOCAL};
  in_addr address{};
  ::inet_pton(AF_INET, "127.77.0.1", &address);
  return changes_network(RTM_NEWADDR, bytes_of(message) + bytes_of(attribute) + bytes_of(address));
}
ATTEMPT(network, adds_a_route, "changing the network needs CAP_NET_ADMIN") {
  rtmsg message{};
  message.rtm_family = AF_INET;
  message.rtm_dst_len = 32;
  message.rtm_table = RT_TABLE_MAIN;
  message.rtm_protocol = RTPROT_STATIC;
  message.rtm_type = RTN_UNREACHABLE;
  rtattr attribute{static_cast<unsigned short>(RTA_LENGTH(4)), RTA_DST};
  in_addr address{};
  ::inet_pton(AF_INET, "127.77.0.2", &address);
  return changes_network(RTM_NEWROUTE, bytes_of(message) + bytes_of(attribute) + bytes_of(address));
}
ATTEMPT(network, makes_an_interface, "changing the network needs CAP_NET_ADMIN") {
  ifinfomsg message{};
  rtattr name{static_cast<unsigned short>(RTA_LENGTH(8)), IFLA_IFNAME};
  rtattr info{static_cast<unsigned short>(RTA_LENGTH(RTA_SPACE(5))), IFLA_LINKINFO};
  rtattr kind{static_cast<unsigned short>(RTA_LENGTH(5)), IFLA_INFO_KIND};
  return changes_network(RTM_NEWLINK, bytes_of(message) + bytes_of(name) + std::string("escape0\0", 8) +
                                          bytes_of(info) + bytes_of(kind) + std::string("veth\0\0\0\0", 8));
}
ATTEMPT(network, brings_loopback_down, "changing an interface needs CAP_NET_ADMIN") {
  int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  if (::ioctl(fd, SIOCGIFFLAGS, &request) != 0) return broken(std::strerror(errno));
  return answer_of(::ioctl(fd, SIOCSIFFLAGS, &request));  // to what they are
}
ATTEMPT(network, tun, "there is no /dev/net/tun inside",
        OWN_KERNEL("gVisor's own, without a way to the host's network")) {
  return writes("/dev/net/tun");
}
ATTEMPT(network, transparent_source, "IP_TRANSPARENT needs CAP_NET_ADMIN",
        OWN_KERNEL("gVisor's own network stack, without an interface")) {
  int fd = ::socket(AF_INET, SOCK_STREAM, 0), on = 1;
  return answer_of(::setsockopt(fd, IPPROTO_IP, 19, &on, sizeof on));
}
ATTEMPT(network, bind_to_device, "SO_MARK needs CAP_NET_ADMIN",
        OWN_KERNEL("gVisor's own network stack, without an interface")) {
  int fd = ::socket(AF_INET, SOCK_STREAM, 0), mark = 7;
  return answer_of(::setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark));
}
ATTEMPT(network, tcp_to_allowed_host, "even what is allowed is reached through the door alone") {
  return connects("93.184.215.14", 8443);
}
ATTEMPT(network, tcp_to_metadata, kNoInterface) {
  return connects("169.254.169.254", 80);
}
ATTEMPT(network, tcp_to_private, kNoInterface) {
  return connects("10.66.0.1", 443);
}
ATTEMPT(network, tcp_to_bridge_gateway, kNoInterface) {
  return connects("172.17.0.1", 80);
}
ATTEMPT(network, tcp_to_ip6, kNoInterface) {
  return connects("2001:db8::1", 443);
}
ATTEMPT(network, tcp_to_ip6_metadata, kNoInterface) {
  return connects("fd00:ec2::254", 80);
}
ATTEMPT(network, tcp_to_mapped, kNoInterface) {
  return connects("::ffff:169.254.169.254", 80);
}
ATTEMPT(network, udp_to_public, kNoInterface) {
  return sends_datagram("93.184.215.14", 443);
}
ATTEMPT(network, udp_to_broadcast, kNoInterface) {
  int fd = ::socket(AF_INET, SOCK_DGRAM, 0), on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
  socklen_t size = 0;
  auto to = address_of("255.255.255.255", 67, size);
  auto n = ::sendto(fd, "smuggled", 8, 0, reinterpret_cast<sockaddr*>(&to), size);
  return n < 0 ? refused(std::strerror(errno)) : escaped("sent");
}
ATTEMPT(network, udp_to_multicast, kNoInterface) {
  return sends_datagram("224.0.0.251", 5353);
}
ATTEMPT(network, udp_to_ip6, kNoInterface) {
  return sends_datagram("2001:db8::1", 53);
}
ATTEMPT(network, ping, "no ICMP sockets, and nobody to ping") {
  return sends_ping("93.184.215.14");
}
ATTEMPT(network, tcp_fast_open, "data in a SYN is data, too") {
  int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  socklen_t size = 0;
  auto to = address_of("93.184.215.14", 8443, size);
  auto n = ::sendto(fd, "smuggled", 8, MSG_FASTOPEN, reinterpret_cast<sockaddr*>(&to), size);
  return n < 0 ? refused(std::strerror(errno)) : escaped("sent");
}

// What listens on the host, by all the names of it that a program inside might try.
ATTEMPT(network, host_loopback, "loopback inside is the sandbox's own") {
  return connects("127.0.0.1", 7070);
}
ATTEMPT(network, host_loopback_6, "loopback inside is the sandbox's own") {
  return connects("::1", 7070);
}
ATTEMPT(network, host_any, "0.0.0.0 is loopback, and loopback is the sandbox's own") {
  return connects("0.0.0.0", 7070);
}
ATTEMPT(network, host_own_address, kNoInterface) {
  return connects("93.184.216.9", 7070);
}
ATTEMPT(network, host_abstract_socket, "abstract names belong to the network namespace") {
  return connects_to_unix("@brig-escape-host");
}
ATTEMPT(network, neighbour_loopback, "each sandbox has a loopback of its own", in_neighbour()) {
  return connects("127.0.0.1", 7777);
}

}  // namespace brig::escape
