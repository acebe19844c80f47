// The frames whose payload has a structure: HELLO, WELCOME, SPAWN, STATS_REPLY.
//
// Ownership: readers are views into the caller's buffer; writers write into it. No heap, no exceptions.
// Threads: plain values. Failure: false (or 0 bytes written), and then nothing of the result may be used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "link_wire/frame.hpp"

namespace brig::link {

inline constexpr std::uint32_t kMagic = 0x47495242;  // "BRIG"

// starting: brig-init has not yet heard whether the program could be executed.
enum class ProcessState : std::uint8_t { running = 1, exited = 2, failed = 3, starting = 4 };

// A process as brig-init reports it in HELLO.
struct ProcessRecord {
  std::uint32_t id = 0;
  std::uint32_t pid = 0;
  ProcessState state = ProcessState::running;
  bool terminal = false;
  bool stdin_open = false;           // stdin has not been closed from either side
  bool output_closed = false;        // all writers are gone: `output_end` is final
  std::uint8_t kind = 0;             // exited: an ExitKind; failed: a Stage
  std::uint32_t status = 0;          // exited: code or signal; failed: errno
  std::uint64_t output_begin = 0;    // the first byte brig-init still has
  std::uint64_t output_end = 0;      // one past the last byte it has read
  std::uint64_t stdin_received = 0;  // where brigd's input goes on
  std::uint64_t stdin_consumed = 0;
  std::uint64_t exit_offset = 0;  // exited: what EXITED said or will say
};

struct HelloHead {
  bool has_key = false;
  bool draining = false;  // a SHUTDOWN is under way
  std::uint16_t count = 0;
  std::byte key[kKeySize] = {};
};

inline void write_hello_head(std::byte* out, const HelloHead& hello) {
  std::memset(out, 0, kHelloFixed);
  store(out, kMagic);
  store(out + 4, kVersion);
  store(out + 6, hello.count);
  out[8] = static_cast<std::byte>((hello.has_key ? 1 : 0) | (hello.draining ? 2 : 0));
  if (hello.has_key) std::memcpy(out + 16, hello.key, kKeySize);
}

// The version a HELLO is written in; 0 if it is no HELLO at all. These first bytes never change.
inline std::uint16_t hello_version(std::span<const std::byte> payload) {
  if (payload.size() < kHelloFixed || load<std::uint32_t>(payload.data()) != kMagic) return 0;
  return load<std::uint16_t>(payload.data() + 4);
}

inline bool read_hello_head(std::span<const std::byte> payload, HelloHead& hello) {
  if (hello_version(payload) != kVersion) return false;
  hello.count = load<std::uint16_t>(payload.data() + 6);
  auto flags = static_cast<std::uint8_t>(payload[8]);
  if (flags > 3 || hello.count > kMaxProcesses) return false;
  for (std::size_t i = 9; i < 16; ++i) {
    if (payload[i] != std::byte{0}) return false;
  }
  hello.has_key = (flags & 1) != 0;
  hello.draining = (flags & 2) != 0;
  std::memcpy(hello.key, payload.data() + 16, kKeySize);
  return payload.size() == kHelloFixed + hello.count * kHelloRecord;
}

inline void write_process_record(std::byte* out, const ProcessRecord& r) {
  store(out, r.id);
  store(out + 4, r.pid);
  out[8] = static_cast<std::byte>(r.state);
  out[9] = static_cast<std::byte>((r.terminal ? 1 : 0) | (r.stdin_open ? 2 : 0) | (r.output_closed ? 4 : 0));
  out[10] = static_cast<std::byte>(r.kind);
  out[11] = std::byte{0};
  store(out + 12, r.status);
  store(out + 16, r.output_begin);
  store(out + 24, r.output_end);
  store(out + 32, r.stdin_received);
  store(out + 40, r.stdin_consumed);
  store(out + 48, r.exit_offset);
}

inline bool read_process_record(const std::byte* in, ProcessRecord& r) {
  r.id = load<std::uint32_t>(in);
  r.pid = load<std::uint32_t>(in + 4);
  auto state = static_cast<std::uint8_t>(in[8]);
  auto flags = static_cast<std::uint8_t>(in[9]);
  r.kind = static_cast<std::uint8_t>(in[10]);
  r.status = load<std::uint32_t>(in + 12);
  r.output_begin = load<std::uint64_t>(in + 16);
  r.output_end = load<std::uint64_t>(in + 24);
  r.stdin_received = load<std::uint64_t>(in + 32);
  r.stdin_consumed = load<std::uint64_t>(in + 40);
  r.exit_offset = load<std::uint64_t>(in + 48);
  if (r.id == 0 || state < 1 || state > 4 || flags > 7 || in[11] != std::byte{0}) return false;
  r.state = static_cast<ProcessState>(state);
  r.terminal = (flags & 1) != 0;
  r.stdin_open = (flags & 2) != 0;
  r.output_closed = (flags & 4) != 0;
  bool kind_ok = r.state == ProcessState::exited   ? r.kind <= 1 && r.status <= 255
                 : r.state == ProcessState::failed ? r.kind >= 1 && r.kind <= 7 && r.status <= 4095
                                                   : r.kind == 0 && r.status == 0;
  return kind_ok && r.output_end <= kMaxOffset && r.output_begin <= r.output_end &&
         r.output_end - r.output_begin <= kOutputWindow && r.stdin_received <= kMaxOffset &&
         r.stdin_consumed <= r.stdin_received && r.stdin_received - r.stdin_consumed <= kStdinWindow &&
         r.exit_offset <= r.output_end;
}

struct WelcomeHead {
  std::uint16_t count = 0;
  std::byte key[kKeySize] = {};
};

// For one process: brigd holds the output before `held`, send on from there.
struct WelcomeRecord {
  std::uint32_t id = 0;
  std::uint64_t held = 0;
};

inline void write_welcome_head(std::byte* out, const WelcomeHead& welcome) {
  std::memset(out, 0, kWelcomeFixed);
  store(out, kVersion);
  store(out + 2, welcome.count);
  std::memcpy(out + 8, welcome.key, kKeySize);
}

inline bool read_welcome_head(std::span<const std::byte> payload, WelcomeHead& welcome) {
  if (payload.size() < kWelcomeFixed || load<std::uint16_t>(payload.data()) != kVersion) return false;
  welcome.count = load<std::uint16_t>(payload.data() + 2);
  std::memcpy(welcome.key, payload.data() + 8, kKeySize);
  return load<std::uint32_t>(payload.data() + 4) == 0 && welcome.count <= kMaxProcesses &&
         payload.size() == kWelcomeFixed + welcome.count * kWelcomeRecord;
}

inline void write_welcome_record(std::byte* out, const WelcomeRecord& r) {
  store(out, r.id);
  store(out + 4, std::uint32_t{0});
  store(out + 8, r.held);
}

inline bool read_welcome_record(const std::byte* in, WelcomeRecord& r) {
  r.id = load<std::uint32_t>(in);
  r.held = load<std::uint64_t>(in + 8);
  return r.id != 0 && load<std::uint32_t>(in + 4) == 0 && r.held <= kMaxOffset;
}

// SPAWN: this head, then NUL-terminated strings: cwd, argv…, env…  Long ones come in SPAWN_PART frames first.
struct SpawnHead {
  bool terminal = false;
  bool stdin_open = false;
  bool inherit_env = false;  // start from the environment brig-init was given: the image's
  std::uint16_t rows = 0;
  std::uint16_t cols = 0;
  std::uint32_t argc = 0;
  std::uint32_t envc = 0;
};
inline constexpr std::size_t kSpawnHead = 16;

inline void write_spawn_head(std::byte* out, const SpawnHead& s) {
  std::memset(out, 0, kSpawnHead);
  out[0] = static_cast<std::byte>((s.terminal ? 1 : 0) | (s.stdin_open ? 2 : 0) | (s.inherit_env ? 4 : 0));
  store(out + 4, s.rows);
  store(out + 6, s.cols);
  store(out + 8, s.argc);
  store(out + 12, s.envc);
}

// Checks the whole: the head, and that exactly 1 + argc + envc strings follow. `strings` begins with cwd.
inline bool read_spawn(std::span<const std::byte> in, SpawnHead& s, std::span<const std::byte>& strings) {
  if (in.size() < kSpawnHead || in.size() > kSpawnHead + kMaxSpawnBytes) return false;
  auto flags = static_cast<std::uint8_t>(in[0]);
  if (flags > 7 || in[1] != std::byte{0} || in[2] != std::byte{0} || in[3] != std::byte{0}) return false;
  s.terminal = (flags & 1) != 0;
  s.stdin_open = (flags & 2) != 0;
  s.inherit_env = (flags & 4) != 0;
  s.rows = load<std::uint16_t>(in.data() + 4);
  s.cols = load<std::uint16_t>(in.data() + 6);
  s.argc = load<std::uint32_t>(in.data() + 8);
  s.envc = load<std::uint32_t>(in.data() + 12);
  if (s.argc == 0 || s.argc > kMaxSpawnStrings || s.envc > kMaxSpawnStrings - s.argc) return false;
  strings = in.subspan(kSpawnHead);
  if (strings.empty() || strings.back() != std::byte{0}) return false;
  std::size_t found = 0;
  for (std::size_t at = 0; at < strings.size(); ++found) {
    const void* end = std::memchr(strings.data() + at, 0, strings.size() - at);
    at = static_cast<std::size_t>(static_cast<const std::byte*>(end) - strings.data()) + 1;
  }
  return found == std::size_t{1} + s.argc + s.envc;
}

// What brig-init knows about its sandbox.
struct Stats {
  std::uint32_t processes = 0;  // in the sandbox, besides brig-init
  std::uint32_t runnable = 0;   // of these, running or in uninterruptible sleep at this moment
  std::uint64_t cpu_ms = 0;     // used so far by all that ever ran
  std::uint32_t spawned = 0;    // started by brigd and still running
  std::uint32_t channels = 0;
  std::uint64_t buffered = 0;  // bytes of output not acknowledged
  std::uint64_t uptime_ms = 0;
};

inline void write_stats(std::byte* out, const Stats& s) {
  store(out, s.processes);
  store(out + 4, s.runnable);
  store(out + 8, s.cpu_ms);
  store(out + 16, s.spawned);
  store(out + 20, s.channels);
  store(out + 24, s.buffered);
  store(out + 32, s.uptime_ms);
}

inline Stats read_stats(const std::byte* in) {
  Stats s;
  s.processes = load<std::uint32_t>(in);
  s.runnable = load<std::uint32_t>(in + 4);
  s.cpu_ms = load<std::uint64_t>(in + 8);
  s.spawned = load<std::uint32_t>(in + 16);
  s.channels = load<std::uint32_t>(in + 20);
  s.buffered = load<std::uint64_t>(in + 24);
  s.uptime_ms = load<std::uint64_t>(in + 32);
  return s;
}

}  // namespace brig::link
