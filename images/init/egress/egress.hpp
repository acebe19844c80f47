// The inside of the one door out: a proxy and a resolver on loopback, and a request to brigd for everything
// they are asked.
//
// brig-init runs this in a process of its own (images/init/helper.hpp): what hostile clients say is read in
// an address space without the supervisor's key. One thread, one epoll; descriptors are watched
// edge-triggered once and for all, and flags remember what may be read or written. A connection has no
// buffer: what cannot be passed on stays in the kernel's (MSG_PEEK), so thousands of them cost a few hundred
// bytes each.
//
// Ownership: owns everything but the descriptors it is given; one per program, in static memory. Threads:
// one. Failure: prepare() gives false if the kernel refuses the bare necessities; a client is told why it
// gets nothing.
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <cstdint>

#include "egress_wire/frames.hpp"
#include "init_egress/dns.hpp"
#include "init_egress/http_body.hpp"
#include "init_egress/names.hpp"
#include "init_egress/whose.hpp"

namespace brig::init::egress {

inline constexpr std::size_t kMaxConnections = 4096;
inline constexpr std::size_t kMaxQueries = 192;
inline constexpr std::size_t kMaxDnsConnections = 64;

inline constexpr std::uint16_t kProxyPort = 3128;
inline constexpr std::uint16_t kResolverPort = 53;

// Bound to loopback by whoever starts this; -1 where that was not to be had.
struct Doors {
  int proxy = -1;
  int resolver_udp = -1;
  int resolver_tcp = -1;
};

class Egress {
 public:
  bool prepare(const char* socket_path, const Doors& doors);
  // One turn of the loop.
  void turn();

 private:
  using Status = egress_wire::Status;
  using Via = egress_wire::Via;

  enum Kind : std::uint32_t { kProxy, kResolverUdp, kResolverTcp, kListener, kClient, kLine, kQuery, kDns };

  struct Connection {
    // greeting: the client says what it wants. asking: brigd was asked. open: bytes go both ways.
    // handed_over: brigd has the client's socket. leaving: a refusal was sent, and what the client still says
    // is thrown away.
    enum class State : std::uint8_t { free, greeting, asking, open, handed_over, leaving };
    State state = State::free;
    std::uint16_t generation = 0;  // of this slot: events for an earlier one are told by it
    Via via = Via::direct;
    bool offered = false;
    bool greeted = false;  // SOCKS: a method was agreed on
    bool client_readable = false, client_writable = false, client_ended = false, client_shut = false;
    bool line_readable = false, line_writable = false, line_ended = false, line_shut = false;
    int client = 0;  // these three are -1 or kNone, where there is none, from accept_all() on
    int line = 0;    // to brigd
    std::uint16_t port = 0;
    std::uint16_t head = 0;  // bytes of the greeting, still unread in the client's socket
    std::uint8_t tries = 0;
    bool queued = false;     // in more_
    bool line_gone = false;  // brigd has closed it altogether
    std::size_t name = 0;
    std::uint32_t peer_address = 0;
    std::uint16_t peer_port = 0;
    std::uint64_t deadline = 0;  // 0: none
    std::uint64_t retry = 0;     // brigd's queue is full: ask again then
    BodyMeter body;
  };
  struct Pending {  // a question to the resolver, until brigd has answered
    bool used = false;
    std::size_t dns = 0;  // over TCP: which connection
    int line = 0;
    sockaddr_in from = {};
    std::uint64_t deadline = 0;
    std::uint64_t retry = 0;
    std::size_t size = 0;
    std::byte packet[kMaxQuestion] = {};
  };
  struct DnsConnection {
    bool used = false;
    int fd = 0;
    bool busy = false;  // a question of it is pending
    std::uint64_t deadline = 0;
  };

  // egress.cpp: the loop and the connections' beginning and end
  void watch(int fd, Kind kind, std::size_t index);
  void dispatch(std::uint64_t tag, std::uint32_t events);
  void accept_all(int fd, Via via, std::size_t listener);
  void release(Connection& connection);
  void due(std::uint64_t when) {
    if (next_tick_ == 0 || when < next_tick_) next_tick_ = when;
  }
  void tick(std::uint64_t now);

  // greeting.cpp: what a client wants, and what brigd says to it
  void greet(Connection& connection);
  void greet_http(Connection& connection, std::string_view in);
  void greet_socks(Connection& connection, std::string_view in);
  void ask(Connection& connection, std::string_view host);
  void on_reply(Connection& connection);
  void begin(Connection& connection, bool hand_over);
  bool pass_head(Connection& connection);
  bool hand_over(Connection& connection);
  void refuse(Connection& connection, Status status, std::string_view message);
  void leave(Connection& connection);
  void take_name(Connection& connection, std::string_view& host);

  // pump.cpp
  void pump(Connection& connection);
  bool pump_out(Connection& connection);
  bool pump_in(Connection& connection);

  // resolver.cpp
  void read_questions();
  void accept_dns();
  void read_dns(DnsConnection& connection);
  void question(std::span<const std::byte> packet, const sockaddr_in& from, std::size_t dns);
  bool answer_alone(const Query& query, Answer& answer) const;
  void ask(Pending& pending);
  void on_reply(Pending& pending);
  void conclude(Pending& pending, Status status, std::string_view message,
                std::span<const std::uint16_t> ports);
  void answer(std::span<const std::byte> packet, const Query& query, const Answer& what,
              const sockaddr_in& from, std::size_t dns);
  void drop(Pending& pending);
  void close_dns(DnsConnection& connection);

  // A connection to brigd: a descriptor, or a negative errno.
  int connect_line() const;
  // Reads a reply without taking it off the socket. `size`: of the frame.
  enum class Heard : std::uint8_t { reply, nothing, gone, nonsense };
  Heard hear(int line, egress_wire::Reply& reply, std::size_t& size);

  std::size_t tag_of(const Connection& connection) const {
    return index_of(connection, connections_) | std::size_t{connection.generation} << 16;
  }
  Connection* find(std::size_t tag) {
    Connection& connection = connections_[tag & 0xffff];
    bool live = connection.state != Connection::State::free && connection.generation == tag >> 16;
    return live ? &connection : nullptr;
  }
  template <class T>
  std::size_t index_of(const T& one, const T* all) const {
    return static_cast<std::size_t>(&one - all);
  }

  // All of it begins as zeros, so that what is never used costs no memory and no bytes of the program.
  int epoll_ = 0;
  const char* path_ = nullptr;
  Doors doors_{0, 0, 0};
  std::size_t most_connections_ = 0;
  std::size_t most_queries_ = 0;
  std::size_t most_dns_ = 0;
  std::size_t open_ = 0;
  bool no_hand_over_ = false;    // it was tried, and the kernel can't
  std::uint64_t next_tick_ = 0;  // 0: nothing waits for the clock

  Connection connections_[kMaxConnections];
  std::size_t used_ = 0;                      // connections beyond were never used
  std::uint16_t more_[kMaxConnections] = {};  // have more to pass on, without waiting for an event
  std::size_t more_count_ = 0;
  Pending queries_[kMaxQueries];
  DnsConnection dns_[kMaxDnsConnections];
  Names names_;
  Whose whose_;
};

// For all of it: what is being passed on just now.
inline constexpr std::size_t kScratch = 256 * 1024;
extern char scratch[kScratch];

std::uint64_t now_ms();

}  // namespace brig::init::egress
