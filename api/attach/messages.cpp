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

std::string hello(const session::Attachment& attachment, bool takes_part) {
  nlohmann::json out{{"offset", attachment.output_offset()},
                     {"stdin_offset", attachment.stdin_offset()},
                     {"tty", attachment.terminal()}};
  if (takes_part) {
    out["pen"] = {{"yours", attachment.has_pen()}, {"by", attachment.pen_holder()}};
    if (attachment.interrupted()) out["pen"]["interrupted"] = true;
  }
  return dumped({{"hello", std::move(out)}});
}

std::string pen(const session::PenMoved& moved) {
  nlohmann::json out{{"yours", moved.yours}, {"by", moved.by}};
  if (moved.yours) out["stdin_offset"] = moved.stdin_offset;
  return dumped({{"pen", std::move(out)}});
}

std::string refused(const session::InputRefused& refused) {
  std::string why = "you have not the pen" + (refused.by.empty() ? "" : ", " + refused.by + " has") +
                    "; send {\"take_over\":true} to get it";
  return dumped({{"refused", {{"by", refused.by}, {"why", std::move(why)}}}});
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
