// Addresses in every spelling that some program takes for one, and what kind of place each leads to.
//
// The rule is the strictest reader's: what any common resolver or URL parser would read as an address is one
// here, never a name. An IPv6 address that carries an IPv4 one (mapped, compatible, translated, NAT64, 6to4,
// ISATAP) is judged by what it carries.
//
// Threads: plain values. Failure: none beyond "is not one"; every function takes every byte string.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace brig::egress {

struct Address {
  bool v4 = true;
  std::array<std::uint8_t, 16> bytes{};  // the first four of them in IPv4

  auto operator<=>(const Address&) const = default;
  unsigned bits() const { return v4 ? 32 : 128; }
};

Address ipv4(std::uint32_t value);
// As people write it: "10.1.2.3", "2001:db8::1".
std::string to_string(const Address& address);

// What a text that is meant as a host says of addresses.
struct AddressReading {
  enum class Is { name, address, broken };  // broken: meant as an address, and none
  Is is = Is::name;
  Address address;
};
// Decimal, octal, hexadecimal, one to four parts; IPv6 with or without brackets. A zone makes it broken, as
// does a last part that is a number where the whole is no address ("1.2.3.4.5", "0x100000000").
AddressReading read_address(std::string_view text);

// The address a connection to this one really goes to: IPv4 out of the mapped and compatible forms.
Address canonical(Address address);

enum class Kind {
  open,  // the public internet
  private_use,
  loopback,
  link_local,
  metadata,  // where clouds hand credentials to whoever asks
  multicast,
  shared,  // carrier-grade NAT
  unspecified,
  documentation,
  own,       // this host's, and public otherwise; nothing in the address itself tells
  reserved,  // everything else that is no host on the internet
};
// For a sentence: "a private address".
std::string_view describe(Kind kind);
Kind kind_of(const Address& address);

// Addresses that begin alike.
struct Range {
  Address first;  // the bits beyond `prefix` are zero
  unsigned prefix = 32;

  auto operator<=>(const Range&) const = default;
  bool contains(const Address& address) const;
  bool contains(const Range& other) const;
  Address last() const;
  // That kind from end to end: a range wide enough to hold anything means none of it in particular.
  bool is_wholly(Kind kind) const;
};
std::string to_string(const Range& range);  // an address alone where it is only one

}  // namespace brig::egress
