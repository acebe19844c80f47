// The frames of the link between brigd and brig-init: header, limits, and the one decoder both ends use.
//
// A frame is 16 bytes of header, little-endian, and at most 65520 bytes of payload (64 KiB in all):
//
//   0  u8  type      2  u16 length of the payload     8  u64 value (an offset, a credit, a port …)
//   1  u8  arg       4  u32 id (process or channel)
//
// docs/link-protocol.md says what each frame means. Both ends distrust each other: decode() accepts only
// types that the other end may send, with lengths and fields in their bounds.
//
// Ownership: nothing is owned; spans into the caller's buffer. No heap, no exceptions: brig-init has neither.
// Threads: plain values. Failure: a Fault, which ends the connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace brig::link {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the encoders copy integers as they lie in memory");

inline constexpr std::uint16_t kVersion = 1;
inline constexpr std::size_t kHeaderSize = 16;
inline constexpr std::size_t kMaxFrame = 65536;
inline constexpr std::size_t kMaxPayload = kMaxFrame - kHeaderSize;

inline constexpr std::size_t kOutputWindow = 256 * 1024;  // per process: produced but not acknowledged
inline constexpr std::size_t kStdinWindow = 64 * 1024;    // per process: sent but not consumed
inline constexpr std::size_t kChannelWindow = 64 * 1024;  // per channel and direction
inline constexpr std::size_t kMaxProcesses = 64;          // living ones and those not yet forgotten
inline constexpr std::size_t kMaxChannels = 64;
inline constexpr std::size_t kMaxSpawnBytes = 1024 * 1024;  // argv, env and cwd with their terminators
inline constexpr std::size_t kMaxSpawnStrings = 16384;
inline constexpr std::size_t kKeySize = 32;
inline constexpr std::uint64_t kMaxOffset = std::uint64_t{1} << 62;  // no sum of offset and length overflows
inline constexpr std::uint64_t kMaxGraceMs = 3600 * 1000;

enum class Type : std::uint8_t {
  // brig-init → brigd
  hello = 1,
  spawned = 2,
  spawn_failed = 3,
  output = 4,
  output_end = 5,
  exited = 6,
  stdin_ack = 7,
  opened = 8,
  stats_reply = 9,
  pong = 10,
  bye = 11,
  // brigd → brig-init
  welcome = 32,
  reject = 33,
  spawn_part = 34,
  spawn = 35,
  ack = 36,
  stdin_data = 37,
  stdin_eof = 38,
  signal = 39,
  resize = 40,
  forget = 41,
  open = 42,
  stats = 43,
  ping = 44,
  shutdown = 45,
  // either way
  channel_data = 64,
  channel_end = 65,
  channel_close = 66,
  channel_credit = 67,
};

enum class Sender : std::uint8_t { supervisor, brigd };

enum class Stream : std::uint8_t { out = 1, err = 2 };
enum class Target : std::uint8_t { process = 0, group = 1, session = 2, everything = 3 };
enum class ExitKind : std::uint8_t { exited = 0, signaled = 1 };
// Where starting a process failed.
enum class Stage : std::uint8_t { limit = 1, spec = 2, pipes = 3, terminal = 4, fork = 5, cwd = 6, exec = 7 };
enum class Refusal : std::uint8_t { version = 1, key = 2 };

struct Header {
  Type type{};
  std::uint8_t arg = 0;
  std::uint16_t length = 0;
  std::uint32_t id = 0;
  std::uint64_t value = 0;
};

struct Frame {
  Header header;
  std::span<const std::byte> payload;
};

enum class Fault : std::uint8_t {
  none,
  unknown_type,
  wrong_direction,
  bad_length,
  bad_id,
  bad_arg,
  bad_value
};

// What a type allows. Zero `max_value` means the field must be zero; the same for `max_arg` and `needs_id`.
struct Rule {
  Type type;
  bool from_supervisor;
  bool from_brigd;
  bool needs_id;
  std::uint16_t min_length;
  std::uint16_t max_length;
  std::uint8_t min_arg;
  std::uint8_t max_arg;
  std::uint64_t max_value;
};

inline constexpr std::size_t kHelloFixed = 48;
inline constexpr std::size_t kHelloRecord = 56;
inline constexpr std::size_t kWelcomeFixed = 40;
inline constexpr std::size_t kWelcomeRecord = 16;
inline constexpr std::size_t kStatsSize = 40;

inline constexpr std::uint16_t kAny = kMaxPayload;
inline constexpr std::uint64_t kAnyValue = ~std::uint64_t{0};
inline constexpr Rule kRules[] = {
    // type               init   brigd  id     min len            max len
    {Type::hello, true, false, false, kHelloFixed, kHelloFixed + kMaxProcesses* kHelloRecord, 0, 255, 0},
    {Type::spawned, true, false, true, 0, 0, 0, 0, 0xffffffff},
    {Type::spawn_failed, true, false, true, 0, 0, 1, 7, 4095},
    {Type::output, true, false, true, 1, kAny, 1, 2, kMaxOffset},
    {Type::output_end, true, false, true, 0, 0, 0, 0, kMaxOffset},
    {Type::exited, true, false, true, 4, 4, 0, 1, kMaxOffset},
    {Type::stdin_ack, true, false, true, 0, 0, 0, 1, kMaxOffset},
    {Type::opened, true, false, true, 0, 0, 0, 0, 0},
    {Type::stats_reply, true, false, false, kStatsSize, kStatsSize, 0, 0, kAnyValue},
    {Type::pong, true, false, false, 0, 0, 0, 0, kAnyValue},
    {Type::bye, true, false, false, 0, 0, 0, 0, 0},
    {Type::welcome, false, true, false, kWelcomeFixed, kWelcomeFixed + kMaxProcesses* kWelcomeRecord, 0, 0,
     0},
    {Type::reject, false, true, false, 0, 0, 1, 2, 0xffff},
    {Type::spawn_part, false, true, true, 1, kAny, 0, 0, 0},
    {Type::spawn, false, true, true, 0, kAny, 0, 0, 0},
    {Type::ack, false, true, true, 0, 0, 0, 0, kMaxOffset},
    {Type::stdin_data, false, true, true, 1, kAny, 0, 0, kMaxOffset},
    {Type::stdin_eof, false, true, true, 0, 0, 0, 0, kMaxOffset},
    {Type::signal, false, true, true, 0, 0, 1, 64, 3},
    {Type::resize, false, true, true, 0, 0, 0, 0, 0xffffffff},
    {Type::forget, false, true, true, 0, 0, 0, 0, 0},
    {Type::open, false, true, true, 0, 0, 0, 0, 0xffff},
    {Type::stats, false, true, false, 0, 0, 0, 0, kAnyValue},
    {Type::ping, false, true, false, 0, 0, 0, 0, kAnyValue},
    {Type::shutdown, false, true, false, 0, 0, 0, 0, kMaxGraceMs},
    {Type::channel_data, true, true, true, 1, kAny, 0, 0, 0},
    {Type::channel_end, true, true, true, 0, 0, 0, 0, 0},
    {Type::channel_close, true, true, true, 0, 0, 0, 0, 4095},
    {Type::channel_credit, true, true, true, 0, 0, 0, 0, kChannelWindow},
};

constexpr const Rule* rule_of(Type type) {
  for (const Rule& rule : kRules) {
    if (rule.type == type) return &rule;
  }
  return nullptr;
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

inline void encode(const Header& header, std::byte* out) {
  out[0] = static_cast<std::byte>(header.type);
  out[1] = static_cast<std::byte>(header.arg);
  store(out + 2, header.length);
  store(out + 4, header.id);
  store(out + 8, header.value);
}

inline Fault decode(const std::byte* in, Sender sender, Header& header) {
  header.type = static_cast<Type>(in[0]);
  header.arg = static_cast<std::uint8_t>(in[1]);
  header.length = load<std::uint16_t>(in + 2);
  header.id = load<std::uint32_t>(in + 4);
  header.value = load<std::uint64_t>(in + 8);
  const Rule* rule = rule_of(header.type);
  if (!rule) return Fault::unknown_type;
  if (!(sender == Sender::supervisor ? rule->from_supervisor : rule->from_brigd))
    return Fault::wrong_direction;
  if (header.length < rule->min_length || header.length > rule->max_length) return Fault::bad_length;
  if ((header.id != 0) != rule->needs_id) return Fault::bad_id;
  if (header.arg < rule->min_arg || header.arg > rule->max_arg) return Fault::bad_arg;
  if (header.value > rule->max_value) return Fault::bad_value;
  return Fault::none;
}

enum class Status : std::uint8_t { frame, more, bad };

// Takes one frame off the front of `in`. `more`: `in` is untouched and holds less than a frame.
inline Status next_frame(std::span<const std::byte>& in, Sender sender, Frame& frame, Fault& fault) {
  if (in.size() < kHeaderSize) return Status::more;
  fault = decode(in.data(), sender, frame.header);
  if (fault != Fault::none) return Status::bad;
  if (in.size() - kHeaderSize < frame.header.length) return Status::more;
  frame.payload = in.subspan(kHeaderSize, frame.header.length);
  in = in.subspan(kHeaderSize + frame.header.length);
  return Status::frame;
}

inline const char* to_string(Fault fault) {
  switch (fault) {
    case Fault::none:
      return "no fault";
    case Fault::unknown_type:
      return "a frame of an unknown type";
    case Fault::wrong_direction:
      return "a frame only the other end may send";
    case Fault::bad_length:
      return "a frame of an impossible length";
    case Fault::bad_id:
      return "a frame with an id where none belongs, or without one";
    case Fault::bad_arg:
      return "a frame whose argument is out of bounds";
    case Fault::bad_value:
      return "a frame whose value is out of bounds";
  }
  return "a fault";
}

}  // namespace brig::link
