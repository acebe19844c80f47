// What is said on the egress socket, /run/brig/egress: one connection is one request, and then the bytes.
//
// docs/egress-protocol.md is the protocol. Anybody in a sandbox may connect and speak it, so a request is
// hostile and all it says is a claim; a reply comes from brigd, and is read as strictly. Integers are
// little-endian.
//
//   request  inside → brigd  20 bytes, the host's name, the asking process's name
//   reply    brigd → inside  12 bytes, ports, a message for people; `asking` is followed by another reply
//   go       inside → brigd  1 byte, after a reply with `hand_over` only
//   done     brigd → inside  24 bytes, after a hand-over only, when the transfer has ended
//
// Ownership: readers give views into the caller's buffer; writers write into it. No heap, no exceptions.
// Threads: plain values. Failure: a Fault, which ends the connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace brig::egress_wire {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "integers are copied as they lie in memory");

inline constexpr char kMagic[4] = {'B', 'R', 'G', 'E'};
inline constexpr std::uint8_t kVersion = 1;
inline constexpr std::size_t kRequestHead = 20;
inline constexpr std::size_t kReplyHead = 12;
inline constexpr std::size_t kDoneSize = 24;
inline constexpr std::size_t kMaxHost = 255;
inline constexpr std::size_t kMaxProcess = 64;
inline constexpr std::size_t kMaxPorts = 32;
inline constexpr std::size_t kMaxMessage = 1024;
inline constexpr std::size_t kMaxRequest = kRequestHead + kMaxHost + kMaxProcess;
inline constexpr std::size_t kMaxReply = kReplyHead + kMaxPorts * 2 + kMaxMessage;

enum class Kind : std::uint8_t { connect = 1, resolve = 2 };

// How the wish came to whoever asks.
enum class Via : std::uint8_t {
  direct = 0,
  http_connect = 1,
  http_absolute = 2,
  socks5 = 3,
  transparent = 4,
  resolver = 5
};

enum class Status : std::uint8_t {
  ok = 0,
  denied = 1,        // by a rule, or for want of one
  unresolvable = 2,  // allowed, but there is no such name
  unreachable = 3,
  refused = 4,
  timeout = 5,
  limit = 6,        // of connections, bytes or rate
  unavailable = 7,  // brigd can't just now
  invalid = 8,      // a name or address that is none
  asking = 9,       // somebody is being asked; another reply follows
};

struct Request {
  Kind kind = Kind::connect;
  Via via = Via::direct;
  bool offers_socket = false;  // connect: could hand the client's TCP socket over
  std::uint16_t port = 0;      // connect: 1 … 65535
  std::uint32_t pid = 0;       // of the asking process, as seen inside; 0: unknown
  std::string_view host;       // 1 … 255 bytes, any: the receiver judges them
  std::string_view process;    // its name, at most 64 bytes, any
};

struct Reply {
  Status status = Status::ok;
  bool hand_over = false;       // ok to an offer: brigd waits for Go
  std::uint8_t port_count = 0;  // ok to resolve: where to listen
  std::uint16_t ports[kMaxPorts] = {};
  std::string_view message;  // for people: UTF-8, lines ended by \n, no other control characters
};

// The one byte after a reply with `hand_over`.
enum class Go : std::uint8_t {
  socket = 'S',  // the client's socket comes with it (SCM_RIGHTS), exactly one descriptor
  pipe = 'P',    // it can't be handed over: bytes follow on this connection
};

struct Done {
  Status status = Status::ok;  // ok: both directions ended; else why it was cut
  std::uint64_t sent = 0;      // client → host
  std::uint64_t received = 0;  // host → client
};

enum class Fault : std::uint8_t { none, magic, version, kind, field, length, port, text };
enum class Read : std::uint8_t { frame, more, bad };

inline const char* to_string(Fault fault) {
  switch (fault) {
    case Fault::none:
      return "no fault";
    case Fault::magic:
      return "something other than an egress frame";
    case Fault::version:
      return "a frame of an unknown version";
    case Fault::kind:
      return "a frame of an unknown kind";
    case Fault::field:
      return "a frame with a field out of bounds";
    case Fault::length:
      return "a frame with an impossible length";
    case Fault::port:
      return "a frame with an impossible port";
    case Fault::text:
      return "a message that is not plain UTF-8";
  }
  return "a fault";
}

template <class T>
inline void store(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof value);
}
template <class T>
inline T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// Well-formed UTF-8 without control characters other than \n.
inline bool is_message(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    auto byte = static_cast<unsigned char>(text[i]);
    std::size_t more = byte < 0x80                   ? 0
                       : byte >= 0xc2 && byte < 0xe0 ? 1
                       : byte >= 0xe0 && byte < 0xf0 ? 2
                       : byte >= 0xf0 && byte < 0xf5 ? 3
                                                     : 9;
    if (more == 9 || text.size() - i <= more) return false;
    if (more == 0 && ((byte < 0x20 && byte != '\n') || byte == 0x7f)) return false;
    for (std::size_t k = 1; k <= more; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return false;
    }
    if (more > 0) {
      auto second = static_cast<unsigned char>(text[i + 1]);
      // Overlong forms, surrogates, beyond the last code point; and the control characters of C1.
      if ((byte == 0xe0 && second < 0xa0) || (byte == 0xed && second > 0x9f) ||
          (byte == 0xf0 && second < 0x90) || (byte == 0xf4 && second > 0x8f) ||
          (byte == 0xc2 && second < 0xa0)) {
        return false;
      }
    }
    i += 1 + more;
  }
  return true;
}

namespace detail {

inline void begin(std::byte* out, std::size_t size, std::uint8_t what) {
  std::memset(out, 0, size);
  std::memcpy(out, kMagic, sizeof kMagic);
  out[4] = std::byte{kVersion};
  out[5] = std::byte{what};
}

// As early as it can be told: magic and version are judged as soon as they are there.
inline Fault check(std::span<const std::byte> in) {
  std::size_t n = in.size() < sizeof kMagic ? in.size() : sizeof kMagic;
  if (std::memcmp(in.data(), kMagic, n) != 0) return Fault::magic;
  if (in.size() > 4 && in[4] != std::byte{kVersion}) return Fault::version;
  return Fault::none;
}

inline std::string_view text(const std::byte* at, std::size_t size) {
  return {reinterpret_cast<const char*>(at), size};
}

}  // namespace detail

// Writes the frame and gives its size; 0 if `request` is none (a host of 0 or over 255 bytes, a connect
// without port …). `out` holds kMaxRequest bytes.
inline std::size_t write_request(const Request& request, std::byte* out) {
  bool connect = request.kind == Kind::connect;
  if (request.host.empty() || request.host.size() > kMaxHost || request.process.size() > kMaxProcess)
    return 0;
  if (connect != (request.port != 0) || (request.offers_socket && !connect)) return 0;
  detail::begin(out, kRequestHead, static_cast<std::uint8_t>(request.kind));
  out[6] = static_cast<std::byte>(request.via);
  out[7] = static_cast<std::byte>(request.offers_socket ? 1 : 0);
  store(out + 8, request.port);
  store(out + 10, static_cast<std::uint16_t>(request.host.size()));
  store(out + 12, request.pid);
  out[16] = static_cast<std::byte>(request.process.size());
  std::memcpy(out + kRequestHead, request.host.data(), request.host.size());
  if (!request.process.empty()) {
    std::memcpy(out + kRequestHead + request.host.size(), request.process.data(), request.process.size());
  }
  return kRequestHead + request.host.size() + request.process.size();
}

// Takes a request off the front of `in`. `more`: `in` is untouched.
inline Read read_request(std::span<const std::byte>& in, Request& request, Fault& fault) {
  fault = Fault::none;
  if (in.empty()) return Read::more;
  auto bad = [&](Fault what) {
    fault = what;
    return Read::bad;
  };
  if (Fault early = detail::check(in); early != Fault::none) return bad(early);
  if (in.size() < kRequestHead) return Read::more;
  auto kind = static_cast<std::uint8_t>(in[5]);
  auto via = static_cast<std::uint8_t>(in[6]);
  auto flags = static_cast<std::uint8_t>(in[7]);
  auto host = std::size_t{load<std::uint16_t>(in.data() + 10)};
  auto process = std::size_t{static_cast<std::uint8_t>(in[16])};
  if (kind != 1 && kind != 2) return bad(Fault::kind);
  request.kind = static_cast<Kind>(kind);
  bool connect = request.kind == Kind::connect;
  if (via > 5 || flags > (connect ? 1 : 0)) return bad(Fault::field);
  if (in[17] != std::byte{0} || in[18] != std::byte{0} || in[19] != std::byte{0}) return bad(Fault::field);
  if (host == 0 || host > kMaxHost || process > kMaxProcess) return bad(Fault::length);
  request.port = load<std::uint16_t>(in.data() + 8);
  if (connect != (request.port != 0)) return bad(Fault::port);
  std::size_t size = kRequestHead + host + process;
  if (in.size() < size) return Read::more;
  request.via = static_cast<Via>(via);
  request.offers_socket = flags == 1;
  request.pid = load<std::uint32_t>(in.data() + 12);
  request.host = detail::text(in.data() + kRequestHead, host);
  request.process = detail::text(in.data() + kRequestHead + host, process);
  in = in.subspan(size);
  return Read::frame;
}

// Writes the frame and gives its size; 0 if `reply` is none (too long a message, ports or a hand-over without
// ok …). `out` holds kMaxReply bytes.
inline std::size_t write_reply(const Reply& reply, std::byte* out) {
  bool ok = reply.status == Status::ok;
  if (reply.port_count > kMaxPorts || (!ok && (reply.port_count > 0 || reply.hand_over))) return 0;
  if (reply.message.size() > kMaxMessage || !is_message(reply.message)) return 0;
  detail::begin(out, kReplyHead, static_cast<std::uint8_t>(reply.status));
  out[6] = static_cast<std::byte>(reply.hand_over ? 1 : 0);
  out[7] = static_cast<std::byte>(reply.port_count);
  store(out + 8, static_cast<std::uint16_t>(reply.message.size()));
  for (std::size_t i = 0; i < reply.port_count; ++i) {
    if (reply.ports[i] == 0) return 0;
    store(out + kReplyHead + 2 * i, reply.ports[i]);
  }
  std::size_t at = kReplyHead + 2u * reply.port_count;
  if (!reply.message.empty()) std::memcpy(out + at, reply.message.data(), reply.message.size());
  return at + reply.message.size();
}

// Takes a reply off the front of `in`. `more`: `in` is untouched.
inline Read read_reply(std::span<const std::byte>& in, Reply& reply, Fault& fault) {
  fault = Fault::none;
  if (in.empty()) return Read::more;
  auto bad = [&](Fault what) {
    fault = what;
    return Read::bad;
  };
  if (Fault early = detail::check(in); early != Fault::none) return bad(early);
  if (in.size() < kReplyHead) return Read::more;
  auto status = static_cast<std::uint8_t>(in[5]);
  auto flags = static_cast<std::uint8_t>(in[6]);
  auto ports = static_cast<std::uint8_t>(in[7]);
  auto message = std::size_t{load<std::uint16_t>(in.data() + 8)};
  if (status > 9 || flags > 1 || in[10] != std::byte{0} || in[11] != std::byte{0}) return bad(Fault::field);
  if (status != 0 && (flags != 0 || ports != 0)) return bad(Fault::field);
  if (ports > kMaxPorts || message > kMaxMessage) return bad(Fault::length);
  std::size_t at = kReplyHead + std::size_t{2} * ports;
  if (in.size() < at + message) return Read::more;
  for (std::size_t i = 0; i < ports; ++i) {
    reply.ports[i] = load<std::uint16_t>(in.data() + kReplyHead + 2 * i);
    if (reply.ports[i] == 0) return bad(Fault::port);
  }
  reply.message = detail::text(in.data() + at, message);
  if (!is_message(reply.message)) return bad(Fault::text);
  reply.status = static_cast<Status>(status);
  reply.hand_over = flags == 1;
  reply.port_count = ports;
  in = in.subspan(at + message);
  return Read::frame;
}

// `out` holds kDoneSize bytes.
inline void write_done(const Done& done, std::byte* out) {
  detail::begin(out, kDoneSize, static_cast<std::uint8_t>(done.status));
  store(out + 8, done.sent);
  store(out + 16, done.received);
}

inline Read read_done(std::span<const std::byte>& in, Done& done, Fault& fault) {
  fault = Fault::none;
  if (in.empty()) return Read::more;
  fault = detail::check(in);
  if (fault != Fault::none) return Read::bad;
  if (in.size() < kDoneSize) return Read::more;
  auto status = static_cast<std::uint8_t>(in[5]);
  if (status > 8 || in[6] != std::byte{0} || in[7] != std::byte{0}) {
    fault = Fault::field;
    return Read::bad;
  }
  done.status = static_cast<Status>(status);
  done.sent = load<std::uint64_t>(in.data() + 8);
  done.received = load<std::uint64_t>(in.data() + 16);
  in = in.subspan(kDoneSize);
  return Read::frame;
}

}  // namespace brig::egress_wire
