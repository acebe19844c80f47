// A stranger's SKILL.md: whatever it holds, what is told of it is bounded text that steers no terminal.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/text.hpp"
#include "service/skill_card.hpp"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

void check_text(const std::string& text, std::size_t most) {
  check(!text.empty() && text.size() <= most && brig::is_utf8(text));
  for (char c : text) check(static_cast<unsigned char>(c) >= ' ' && c != 0x7f);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  auto card = brig::service::read_skill_card(text);
  if (!card) {
    check_text(card.error().message, 1024);
    return 0;
  }
  check(text.find("---") != std::string::npos);
  check_text(card->name, 256);
  check_text(card->description, 4096);
  return 0;
}
