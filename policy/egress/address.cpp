#include "policy/egress/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/text.hpp"

namespace brig::egress {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_hex_spelling(std::string_view part) {
  return part.size() >= 2 && part[0] == '0' && (part[1] == 'x' || part[1] == 'X') &&
         std::all_of(part.begin() + 2, part.end(), [](char c) { return hex_digit(c) >= 0; });
}

// Would some reader take this part of a name for a number?
bool looks_numeric(std::string_view part) {
  return is_hex_spelling(part) || (!part.empty() && std::all_of(part.begin(), part.end(), is_digit));
}

// As inet_aton: 0x… hexadecimal, 0… octal, else decimal; at most 32 bits.
std::optional<std::uint32_t> number_of(std::string_view part) {
  unsigned base = 10;
  if (is_hex_spelling(part)) {
    base = 16;
    part.remove_prefix(2);  // what remains may be empty: "0x" is 0 to some
  } else if (part.size() > 1 && part[0] == '0') {
    base = 8;
  }
  std::uint64_t value = 0;
  for (char c : part) {
    int digit = hex_digit(c);
    if (digit < 0 || static_cast<unsigned>(digit) >= base) return std::nullopt;
    value = value * base + static_cast<unsigned>(digit);
    if (value > 0xffffffffu) return std::nullopt;
  }
  return static_cast<std::uint32_t>(value);
}

std::optional<Address> read_v4(const std::vector<std::string_view>& parts) {
  if (parts.size() > 4) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    auto number = parts[i].empty() ? std::nullopt : number_of(parts[i]);
    if (!number) return std::nullopt;
    bool last = i + 1 == parts.size();
    std::uint64_t room = last ? std::uint64_t{1} << (8 * (4 - i)) : 256;
    if (*number >= room) return std::nullopt;
    value = last ? (value << (8 * (4 - i))) + *number : (value << 8) + *number;
  }
  return ipv4(static_cast<std::uint32_t>(value));
}

std::optional<Address> read_v6(std::string_view text) {
  char buffer[64];
  if (text.size() >= sizeof buffer) return std::nullopt;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  Address out;
  out.v4 = false;
  if (std::strlen(buffer) != text.size() || ::inet_pton(AF_INET6, buffer, out.bytes.data()) != 1)
    return std::nullopt;
  return out;
}

std::uint32_t word(const Address& a, std::size_t at) {
  return (std::uint32_t{a.bytes[at]} << 24) | (std::uint32_t{a.bytes[at + 1]} << 16) |
         (std::uint32_t{a.bytes[at + 2]} << 8) | a.bytes[at + 3];
}

struct Place {
  std::uint32_t first;
  unsigned prefix;
  Kind kind;
};
// The first that fits holds.
constexpr Place kPlaces[] = {
    {0xa9fea9fe, 32, Kind::metadata},       // 169.254.169.254: nearly every cloud
    {0xa9feaa02, 32, Kind::metadata},       // 169.254.170.2: credentials of tasks
    {0xa9feaa17, 32, Kind::metadata},       // 169.254.170.23: credentials of pods
    {0x646464c8, 32, Kind::metadata},       // 100.100.100.200
    {0xa83f8110, 32, Kind::metadata},       // 168.63.129.16, although its range is public
    {0xc00000c0, 32, Kind::metadata},       // 192.0.0.192
    {0x00000000, 32, Kind::unspecified},    // which many systems take for themselves
    {0x00000000, 8, Kind::reserved},        // "this network"
    {0x0a000000, 8, Kind::private_use},     //
    {0x64400000, 10, Kind::shared},         //
    {0x7f000000, 8, Kind::loopback},        //
    {0xa9fe0000, 16, Kind::link_local},     //
    {0xac100000, 12, Kind::private_use},    //
    {0xc0000000, 24, Kind::reserved},       // protocol assignments
    {0xc0000200, 24, Kind::documentation},  //
    {0xc0586300, 24, Kind::reserved},       // 6to4 relays, given up
    {0xc0a80000, 16, Kind::private_use},    //
    {0xc6120000, 15, Kind::reserved},       // benchmarks
    {0xc6336400, 24, Kind::documentation},  //
    {0xcb007100, 24, Kind::documentation},  //
    {0xe0000000, 4, Kind::multicast},       //
    {0xf0000000, 4, Kind::reserved},        // the future, and broadcast
};

Kind kind_v4(std::uint32_t value) {
  for (const auto& place : kPlaces)
    if ((value ^ place.first) >> (32 - place.prefix) == 0) return place.kind;
  return Kind::open;
}

bool begins(const Address& a, std::initializer_list<std::uint8_t> bytes) {
  return std::equal(bytes.begin(), bytes.end(), a.bytes.begin());
}

bool all_zero(const Address& a, std::size_t from, std::size_t to) {
  return std::all_of(a.bytes.begin() + static_cast<long>(from), a.bytes.begin() + static_cast<long>(to),
                     [](std::uint8_t b) { return b == 0; });
}

Kind worse(Kind outer, Kind carried) {
  return carried == Kind::open ? outer : carried;
}

Kind kind_v6(const Address& a) {
  if (begins(a, {0xfd, 0x00, 0x0e, 0xc2}) && all_zero(a, 4, 14)) return Kind::metadata;  // fd00:ec2::…
  if (begins(a, {0xfd, 0x20, 0x00, 0xce}) && all_zero(a, 4, 14)) return Kind::metadata;  // fd20:ce::…
  if (all_zero(a, 0, 16)) return Kind::unspecified;
  if (all_zero(a, 0, 15) && a.bytes[15] == 1) return Kind::loopback;
  if (all_zero(a, 0, 8) && word(a, 8) == 0xffff0000) return worse(Kind::reserved, kind_v4(word(a, 12)));
  if (begins(a, {0x00, 0x64, 0xff, 0x9b}) && all_zero(a, 4, 12)) return kind_v4(word(a, 12));  // NAT64
  if (begins(a, {0x00, 0x64, 0xff, 0x9b})) return worse(Kind::reserved, kind_v4(word(a, 12)));
  if (begins(a, {0x20, 0x02})) return worse(Kind::reserved, kind_v4(word(a, 2)));  // 6to4
  if (begins(a, {0xfe}) && (a.bytes[1] & 0xc0) == 0x80) return Kind::link_local;
  if (begins(a, {0xfe}) && (a.bytes[1] & 0xc0) == 0xc0) return Kind::private_use;  // site-local
  if ((a.bytes[0] & 0xfe) == 0xfc) return Kind::private_use;
  if (a.bytes[0] == 0xff) return Kind::multicast;
  if (begins(a, {0x20, 0x01, 0x0d, 0xb8})) return Kind::documentation;
  if (begins(a, {0x3f, 0xff}) && a.bytes[2] < 0x10) return Kind::documentation;
  if (begins(a, {0x20, 0x01}) && a.bytes[2] < 0x02) return Kind::reserved;  // Teredo, ORCHID and their kin
  if ((word(a, 8) & 0xfdffffff) == 0x00005efe)                              // ISATAP
    return worse((a.bytes[0] & 0xe0) == 0x20 ? Kind::open : Kind::reserved, kind_v4(word(a, 12)));
  return (a.bytes[0] & 0xe0) == 0x20 ? Kind::open : Kind::reserved;
}

}  // namespace

Address ipv4(std::uint32_t value) {
  Address out;
  for (int i = 0; i < 4; ++i)
    out.bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
  return out;
}

std::string to_string(const Address& address) {
  char text[INET6_ADDRSTRLEN];
  ::inet_ntop(address.v4 ? AF_INET : AF_INET6, address.bytes.data(), text, sizeof text);
  return text;
}

AddressReading read_address(std::string_view text) {
  using Is = AddressReading::Is;
  if (text.empty()) return {};
  bool bracketed = text.front() == '[' || text.back() == ']';
  if (bracketed || text.find(':') != std::string_view::npos) {
    if (bracketed) {
      if (text.size() < 2 || text.front() != '[' || text.back() != ']') return {Is::broken, {}};
      text = text.substr(1, text.size() - 2);
    }
    auto found = read_v6(text);
    if (!found) return {Is::broken, {}};
    return {Is::address, canonical(*found)};
  }
  if (text.back() == '.') text.remove_suffix(1);
  auto parts = split(text, '.');
  if (parts.empty() || !looks_numeric(parts.back())) return {};
  auto found = read_v4(parts);
  if (!found) return {Is::broken, {}};
  return {Is::address, *found};
}

Address canonical(Address address) {
  if (address.v4) return address;
  bool mapped = all_zero(address, 0, 10) && address.bytes[10] == 0xff && address.bytes[11] == 0xff;
  bool compatible = all_zero(address, 0, 12) && word(address, 12) > 1;
  return mapped || compatible ? ipv4(word(address, 12)) : address;
}

Kind kind_of(const Address& given) {
  auto address = canonical(given);
  return address.v4 ? kind_v4(word(address, 0)) : kind_v6(address);
}

std::string_view describe(Kind kind) {
  switch (kind) {
    case Kind::open:
      return "a public address";
    case Kind::private_use:
      return "a private address";
    case Kind::loopback:
      return "a loopback address, the host itself";
    case Kind::link_local:
      return "a link-local address";
    case Kind::metadata:
      return "an address where clouds hand out credentials";
    case Kind::multicast:
      return "a multicast address";
    case Kind::shared:
      return "an address behind a carrier's NAT";
    case Kind::unspecified:
      return "the unspecified address";
    case Kind::documentation:
      return "an address for documentation";
    case Kind::own:
      return "an address of this host itself";
    case Kind::reserved:
      return "a reserved address";
  }
  return "an address of no known kind";
}

bool Range::contains(const Address& address) const {
  if (address.v4 != first.v4) return false;
  for (unsigned bit = 0; bit < prefix; bit += 8) {
    auto mask = prefix - bit >= 8 ? 0xffu : 0xffu << (8 - (prefix - bit));
    if (((address.bytes[bit / 8] ^ first.bytes[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

bool Range::contains(const Range& other) const {
  return other.prefix >= prefix && contains(other.first);
}

Address Range::last() const {
  auto out = first;
  for (unsigned bit = prefix; bit < first.bits(); ++bit)
    out.bytes[bit / 8] |= static_cast<std::uint8_t>(0x80u >> (bit % 8));
  return out;
}

bool Range::is_wholly(Kind kind) const {
  return kind_of(first) == kind && kind_of(last()) == kind;
}

std::string to_string(const Range& range) {
  auto text = to_string(range.first);
  return range.prefix == range.first.bits() ? text : text + "/" + std::to_string(range.prefix);
}

}  // namespace brig::egress
