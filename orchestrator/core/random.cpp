#include "core/random.hpp"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace brig {

void fill_random(std::span<unsigned char> out) {
  while (!out.empty()) {
    ssize_t n = ::getrandom(out.data(), out.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) std::abort();
    out = out.subspan(static_cast<std::size_t>(n));
  }
}

std::string hex(std::span<const unsigned char> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (unsigned char b : bytes) {
    out += kDigits[b >> 4];
    out += kDigits[b & 15];
  }
  return out;
}

std::string random_hex(std::size_t bytes) {
  std::vector<unsigned char> raw(bytes);
  fill_random(raw);
  return hex(raw);
}

std::string random_name() {
  static constexpr std::array<std::string_view, 32> kFirst = {
      "able", "amber", "brave", "brisk", "calm",  "clear", "coral", "crisp", "deft",  "eager",  "even",
      "fair", "fleet", "gale",  "glad",  "grand", "hardy", "keen",  "kind",  "level", "lively", "loyal",
      "mild", "neat",  "noble", "north", "plain", "proud", "quick", "quiet", "solid", "swift"};
  static constexpr std::array<std::string_view, 32> kSecond = {
      "anchor", "bay",   "beacon", "bow",   "buoy",   "cape",  "cove", "crane", "current", "deck",    "dock",
      "fjord",  "gull",  "harbor", "heron", "hull",   "inlet", "keel", "kelp",  "lagoon",  "lantern", "mast",
      "otter",  "pearl", "pier",   "reef",  "rudder", "sail",  "seal", "sound", "tide",    "wave"};
  std::array<unsigned char, 4> r{};
  fill_random(r);
  std::string name;
  name += kFirst[r[0] % kFirst.size()];
  name += '-';
  name += kSecond[r[1] % kSecond.size()];
  name += '-';
  name += hex(std::span(r).subspan(2));
  return name;
}

}  // namespace brig
