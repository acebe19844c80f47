// Rules: what a line of `allow` or `deny` means, as values that can be compared, met and printed.
//
//   api.example.com            the name, on ports 80 and 443, for TLS and HTTP
//   *.example.org:443          every name below it (not itself), at any depth, on that port
//   *                          every name
//   tcp://db.internal:5432     the name on that port, whatever is spoken there; ":*" is every port
//   10.1.2.3:8080  10.0.0.0/8  [fd00::/8]:443   addresses
//
// In `deny` a rule without a port means every port.
//
// Threads: plain values. Failure: Error{invalid} that shows the rule and says what is accepted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "policy/egress/host.hpp"

namespace brig::egress {

struct Ports {
  enum class Are { one, web, all };  // web: 80 and 443
  Are are = Are::web;
  std::uint16_t port = 0;  // of one

  auto operator<=>(const Ports&) const = default;
  bool contain(std::uint16_t port) const;
  bool contain(const Ports& other) const;
};

struct Rule {
  enum class What { name, below, every_name, range };
  What what = What::name;
  std::string name;  // of name and below
  Range range;       // of range
  Ports ports;
  bool tcp = false;  // any protocol, unchecked

  auto operator<=>(const Rule&) const = default;
  bool matches(const Host& host) const;
  bool matches(const Target& target) const { return ports.contain(target.port) && matches(target.host); }
};

enum class Verb { allow, deny };
Result<Rule> read_rule(std::string_view text, Verb verb);
// To the host and port of a URL by http or https, which has no name or key in it. `field` is what errors call
// it.
Result<Rule> rule_of_url(std::string_view field, const std::string& url);
// What read_rule() reads back as the same rule.
std::string to_string(const Rule& rule, Verb verb);

// Everything that `narrow` allows, `wide` allows too.
bool covers(const Rule& wide, const Rule& narrow);
// What both allow, if anything.
std::optional<Rule> meet(const Rule& a, const Rule& b);

// Sorted, each once, none that another covers.
std::vector<Rule> fewest(std::vector<Rule> rules);
std::vector<Rule> meet(const std::vector<Rule>& a, const std::vector<Rule>& b);
bool covers(const std::vector<Rule>& wide, const Rule& narrow);

}  // namespace brig::egress
