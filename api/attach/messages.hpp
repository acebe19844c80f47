// The messages of brig.attach.v1, coded and decoded; openapi.yaml describes them.
//
// Threads: any. Failure: as Result; whoever breaks the format is told how.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "core/result.hpp"
#include "session/sessions.hpp"

namespace brig::api::attach {

inline constexpr std::string_view kProtocol = "brig.attach.v1";
inline constexpr std::size_t kHeader = 9;
inline constexpr std::size_t kMaxInput = 128 * 1024;
inline constexpr std::size_t kMaxOutput = 256 * 1024;

// One byte of kind, eight of offset.
std::array<std::byte, kHeader> header(std::uint8_t kind, std::uint64_t offset);

struct Input {
  std::uint64_t offset = 0;
  std::span<const std::byte> bytes;
};
Result<Input> decode_input(std::span<const std::byte> message);

struct Resize {
  session::TerminalSize size;
};
struct Signal {
  int number = 0;
};
struct Eof {
  std::uint64_t offset = 0;
};
struct TakeOver {};
using Control = std::variant<Resize, Signal, Eof, TakeOver>;
Result<Control> decode_control(std::string_view text);

// `takes_part`: it may write, or take the pen over.
std::string hello(const session::Attachment& attachment, bool takes_part);
std::string pen(const session::PenMoved& moved);
std::string refused(const session::InputRefused& refused);
std::string stdin_ack(std::uint64_t offset);
std::string gap(const session::Gap& gap);
std::string end(const session::Outcome& outcome);
std::string error(const Error& error, const std::string& request_id);

}  // namespace brig::api::attach
