#include <limits>

#include "api/attach/messages.hpp"
#include "api/json/decode.hpp"
#include "core/text.hpp"

namespace brig::api::attach {
namespace {

constexpr std::size_t kMaxControl = 1024;

}  // namespace

Result<Input> decode_input(std::span<const std::byte> message) {
  auto invalid = [](std::string text) { return Error{Code::invalid, std::move(text), "api: attach", false}; };
  if (message.size() < kHeader)
    return invalid("a binary message must have 9 bytes of kind and offset, not " +
                   std::to_string(message.size()));
  if (message[0] != std::byte{0})
    return invalid("a binary message of kind " + std::to_string(std::to_integer<int>(message[0])) +
                   " is not for the service; input is of kind 0");
  if (message.size() > kHeader + kMaxInput)
    return invalid("an input message has more than " + std::to_string(kMaxInput) + " bytes");
  Input out;
  for (std::size_t i = 0; i < 8; ++i)
    out.offset |= static_cast<std::uint64_t>(std::to_integer<unsigned>(message[1 + i])) << (8 * i);
  out.bytes = message.subspan(kHeader);
  if (out.offset > std::numeric_limits<std::uint64_t>::max() - out.bytes.size())
    return invalid("an input offset is out of range");
  return out;
}

Result<Control> decode_control(std::string_view text) {
  if (text.size() > kMaxControl)
    return Error{Code::too_large, "a text message is larger than " + std::to_string(kMaxControl) + " bytes",
                 "api: attach", false};
  Body body(text);
  auto top = body.object();
  std::optional<Control> out;
  int keys = 0;
  if (top.has("resize")) {
    ++keys;
    if (auto size = read_terminal(top.object("resize"))) out = Resize{*size};
  }
  if (top.has("signal")) {
    ++keys;
    auto word = top.text("signal", {.required = true, .max = 16}).value_or("");
    int number = signal_number(word);
    if (number == 0)
      top.fail("signal", "signal " + brig::quoted(word) + " is unknown; write a name such as INT");
    out = Signal{number};
  }
  if (top.has("eof")) {
    ++keys;
    out = Eof{top.number("eof", 0, std::numeric_limits<std::uint64_t>::max(), true).value_or(0)};
  }
  if (top.has("take_over")) {
    ++keys;
    if (!top.flag("take_over").value_or(false)) top.fail("take_over", "take_over must be true");
    out = TakeOver{};
  }
  top.finish();
  if (!body.failure() && keys != 1)
    body.fail("", "a text message has one of the keys resize, signal, eof and take_over");
  if (body.failure()) return body.failure()->error;
  return *out;
}

}  // namespace brig::api::attach
