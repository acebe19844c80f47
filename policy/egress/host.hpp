// What somebody asks to reach, normalised: one spelling for each name, and addresses told from names.
//
// Names are lower case ASCII without the trailing dot; international ones become what DNS carries (UTS #46,
// without the transitional mappings). Percent signs, NUL, spaces, empty or overlong labels are refused, never
// repaired: two readers might repair them differently.
//
// Threads: plain values. Failure: Error{invalid} that shows the text and says why.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "policy/egress/address.hpp"

namespace brig::egress {

struct Host {
  std::string name;  // empty where it is an address
  std::optional<Address> address;

  auto operator<=>(const Host&) const = default;
};

Result<Host> read_host(std::string_view text);
std::string to_string(const Host& host);                 // "api.example.com", "10.1.2.3", "::1"
std::string to_string(const Host& host, unsigned port);  // "api.example.com:443", "[::1]:443"

struct Target {
  Host host;
  std::uint16_t port = 0;

  auto operator<=>(const Target&) const = default;
};
// "api.example.com:443", "10.1.2.3:80", "[::1]:443".
Result<Target> read_target(std::string_view text);

// 1 to 65535, digits only, no leading zero.
std::optional<std::uint16_t> read_port(std::string_view text);

}  // namespace brig::egress
