#include "cli/top/keys.hpp"

#include "core/text.hpp"

namespace brig::cli {
namespace {

constexpr std::size_t kMax = 4096;  // bytes that wait; more than that was no person
constexpr std::size_t kLongestSequence = 16;

struct Known {
  std::string_view sequence;
  Key::Kind kind;
};
constexpr Known kSequences[] = {
    {"[A", Key::Kind::up},   {"OA", Key::Kind::up},       {"[B", Key::Kind::down},
    {"OB", Key::Kind::down}, {"[5~", Key::Kind::page_up}, {"[6~", Key::Kind::page_down},
    {"[H", Key::Kind::home}, {"OH", Key::Kind::home},     {"[1~", Key::Kind::home},
    {"[F", Key::Kind::end},  {"OF", Key::Kind::end},      {"[4~", Key::Kind::end},
};

bool ends_sequence(char c) {
  return c >= 0x40 && c <= 0x7e;
}

}  // namespace

void Keys::add(std::string_view bytes) {
  bytes_ += bytes.substr(0, kMax - std::min(kMax, bytes_.size()));
}

std::optional<Key> Keys::next(bool quiet) {
  while (!bytes_.empty()) {
    char first = bytes_.front();
    if (first == '\x1b') {
      if (bytes_.size() == 1 || (bytes_[1] != '[' && bytes_[1] != 'O')) {
        if (bytes_.size() == 1 && !quiet) return std::nullopt;
        bytes_.erase(0, 1);
        return Key{Key::Kind::escape};
      }
      std::size_t end = 2;
      while (end < bytes_.size() && end < kLongestSequence && !ends_sequence(bytes_[end])) ++end;
      if (end == bytes_.size() && !quiet) return std::nullopt;
      auto length = std::min(bytes_.size(), end + 1);
      auto sequence = bytes_.substr(1, length - 1);
      bytes_.erase(0, length);
      for (const auto& known : kSequences) {
        if (sequence == known.sequence) return Key{known.kind};
      }
      continue;
    }
    if (first == '\r' || first == '\n') {
      bytes_.erase(0, 1);
      return Key{Key::Kind::enter};
    }
    if (first == '\x7f' || first == '\b') {
      bytes_.erase(0, 1);
      return Key{Key::Kind::backspace};
    }
    if (first == '\x03') {
      bytes_.erase(0, 1);
      return Key{Key::Kind::interrupt};
    }
    auto lead = static_cast<unsigned char>(first);
    if (lead < 0x20) {
      bytes_.erase(0, 1);
      continue;
    }
    std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (bytes_.size() < length && !quiet) return std::nullopt;
    auto text = bytes_.substr(0, length);
    bool whole = is_utf8(text);
    bytes_.erase(0, whole ? length : 1);
    if (whole) return Key{Key::Kind::text, text};
  }
  return std::nullopt;
}

}  // namespace brig::cli
