#include "api/attach/messages.hpp"

#include <nlohmann/json.hpp>

#include "api/http/problem.hpp"
#include "api/json/encode.hpp"

namespace brig::api::attach {

std::array<std::byte, kHeader> header(std::uint8_t kind, std::uint64_t offset) {
  std::array<std::byte, kHeader> out{};
  out[0] = std::byte{kind};
  for (std::size_t i = 0; i < 8; ++i) out[1 + i] = static_cast<std::byte>((offset >> (8 * i)) & 0xFF);
  return out;
}

std::string hello(std::uint64_t offset, std::uint64_t stdin_offset, bool tty) {
  return dumped({{"hello", {{"offset", offset}, {"stdin_offset", stdin_offset}, {"tty", tty}}}});
}

std::string stdin_ack(std::uint64_t offset) {
  return "{\"stdin_ack\":" + std::to_string(offset) + "}";
}

std::string gap(const session::Gap& gap) {
  return dumped({{"gap", {{"from", gap.from}, {"to", gap.to}}}});
}

std::string end(const session::Outcome& outcome) {
  return dumped({{"end", {{"outcome", encode(outcome)}}}});
}

std::string error(const Error& error, const std::string& request_id) {
  return dumped({{"error", problem_json(Failure{error, 0, {}, {}}, request_id)}});
}

}  // namespace brig::api::attach
