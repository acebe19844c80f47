// Questions to the resolver and its answers (RFC 1035, 6891, 8914), without a heap.
//
// Strict: one question, no compression in it, nothing behind it but one OPT record.
//
// Ownership: views into the caller's buffers. Threads: plain functions. Failure: Query::verdict says what to
// answer, or that nothing should be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace brig::init::egress {

inline constexpr std::size_t kMaxQuestion = 512;  // of a whole query
inline constexpr std::size_t kMaxAnswer = 1232;
inline constexpr std::size_t kMaxName = 253;

enum class Rcode : std::uint8_t { ok = 0, malformed = 1, failed = 2, no_name = 3, not_done = 4 };

enum RecordType : std::uint16_t { kA = 1, kPtr = 12, kTxt = 16, kAaaa = 28, kOpt = 41, kAny = 255 };

struct Query {
  enum class Verdict : std::uint8_t {
    fine,
    ignore,      // an answer, or too short to answer
    malformed,   // answer with Rcode::malformed
    unsupported  // some other operation
  };
  Verdict verdict = Verdict::ignore;
  std::uint16_t id = 0;
  std::uint16_t flags = 0;
  std::uint16_t type = 0;
  bool internet = false;         // its class
  bool extended = false;         // it has an OPT record, so extended errors are understood
  std::size_t room = 512;        // what the client takes over UDP
  std::size_t question = 0;      // bytes from the head on that are echoed; 12: none
  char name[kMaxName + 1] = {};  // as written, without the last dot; "" is the root
  std::size_t name_size = 0;
  bool odd = false;  // the name has bytes that no host name has: a dot within a label, blanks, controls

  std::string_view host() const { return {name, name_size}; }
};

void read_query(std::span<const std::byte> packet, Query& query);

// 127.9.3.4 for 4.3.9.127.in-addr.arpa; false if `name` is not of that kind.
bool read_reverse(std::string_view name, std::uint32_t& address);

struct Answer {
  Rcode rcode = Rcode::ok;
  std::uint32_t ttl = 0;
  bool has_ipv4 = false;
  std::uint32_t ipv4 = 0;  // host byte order
  bool has_ipv6_loopback = false;
  std::string_view pointer;      // a name, for PTR
  std::string_view text;         // for TXT
  std::uint16_t error_code = 0;  // RFC 8914; 0: none
  std::string_view error_text;
};

// `packet` is the query's; gives the size, at most `room` and kMaxAnswer. Text that does not fit is cut.
std::size_t write_answer(std::span<const std::byte> packet, const Query& query, const Answer& answer,
                         std::size_t room, std::span<std::byte, kMaxAnswer> out);

}  // namespace brig::init::egress
