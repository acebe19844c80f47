#include "policy/egress/rule.hpp"

#include <algorithm>
#include <charconv>

#include "core/text.hpp"

namespace brig::egress {
namespace {

using What = Rule::What;
using Are = Ports::Are;

constexpr std::size_t kMaxRule = 1100;

Error refuse(std::string_view text, std::string why) {
  return {Code::invalid, "the egress rule " + quoted(text, 120) + " " + std::move(why), "egress", false};
}

constexpr const char* kForms =
    "; write api.example.com, *.example.org:443, tcp://db.internal:5432, 10.1.2.3:8080 or 10.0.0.0/8";

bool is_below(std::string_view name, std::string_view parent) {
  return name.size() > parent.size() + 1 && name.ends_with(parent) &&
         name[name.size() - parent.size() - 1] == '.';
}

// "host", and what stood behind its last colon outside of brackets.
struct Halves {
  std::string_view host;
  std::optional<std::string_view> port;
};

Halves halve(std::string_view text) {
  if (!text.empty() && text.front() == '[') {
    auto end = text.find(']');
    if (end != std::string_view::npos && end + 1 < text.size() && text[end + 1] == ':')
      return {text.substr(0, end + 1), text.substr(end + 2)};
    return {text, std::nullopt};
  }
  auto colon = text.find(':');
  if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos)
    return {text, std::nullopt};  // none, or an IPv6 address without brackets
  return {text.substr(0, colon), text.substr(colon + 1)};
}

Result<Range> read_range(std::string_view whole, std::string_view host) {
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  auto slash = host.find('/');
  auto reading = read_address(host.substr(0, slash));
  if (reading.is != AddressReading::Is::address)
    return refuse(whole, "holds no address" + std::string(kForms));
  Range out{reading.address, reading.address.bits()};
  if (slash == std::string_view::npos) return out;
  auto digits = host.substr(slash + 1);
  auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), out.prefix);
  if (ec != std::errc() || end != digits.data() + digits.size() || out.prefix > out.first.bits() ||
      (digits.size() > 1 && digits.front() == '0'))
    return refuse(whole, "has no length after '/'; write 10.0.0.0/8 or fd00::/8");
  Range masked = out;
  for (unsigned bit = 0; bit < 128; ++bit)
    if (bit >= out.prefix) masked.first.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80u >> (bit % 8)));
  if (masked != out)
    return refuse(whole, "has bits beyond its length; write " + to_string(masked) + " if that is meant");
  return out;
}

Result<void> read_host_part(std::string_view whole, std::string_view host, Rule& out) {
  if (host.empty()) return refuse(whole, "names no host" + std::string(kForms));
  if (host == "*") {
    out.what = What::every_name;
    return {};
  }
  bool below = host.starts_with("*.");
  if (below) host.remove_prefix(2);
  if (host.find('*') != std::string_view::npos)
    return refuse(
        whole, "has a '*' inside; it may only stand for whole parts at the beginning, as in *.example.org");
  bool bracketed = host.front() == '[';
  if (!below && (bracketed || host.find('/') != std::string_view::npos ||
                 read_address(host).is == AddressReading::Is::address)) {
    out.what = What::range;
    BRIG_TRY(out.range, read_range(whole, host));
    return {};
  }
  auto read = read_host(host);
  if (!read) return refuse(whole, "cannot be used: " + read.error().message);
  if (read->address) {  // only after mapping, or below: neither is what somebody wrote on purpose
    return refuse(whole, "holds an address in disguise; write " + to_string(*read));
  }
  out.what = below ? What::below : What::name;
  out.name = std::move(read->name);
  return {};
}

std::string host_text(const Rule& rule) {
  switch (rule.what) {
    case What::every_name:
      return "*";
    case What::below:
      return "*." + rule.name;
    case What::name:
      return rule.name;
    case What::range:
      return rule.range.first.v4 ? to_string(rule.range) : "[" + to_string(rule.range) + "]";
  }
  return "?";
}

bool host_covers(const Rule& wide, const Rule& narrow) {
  switch (wide.what) {
    case What::every_name:
      return narrow.what != What::range;
    case What::below:
      return (narrow.what == What::name && is_below(narrow.name, wide.name)) ||
             (narrow.what == What::below && (narrow.name == wide.name || is_below(narrow.name, wide.name)));
    case What::name:
      return narrow.what == What::name && narrow.name == wide.name;
    case What::range:
      return narrow.what == What::range && wide.range.contains(narrow.range);
  }
  return false;
}

}  // namespace

bool Ports::contain(std::uint16_t asked) const {
  return are == Are::all || (are == Are::web ? asked == 80 || asked == 443 : asked == port);
}

bool Ports::contain(const Ports& other) const {
  if (are == Are::all || *this == other) return true;
  return are == Are::web && other.are == Are::one && contain(other.port);
}

bool Rule::matches(const Host& host) const {
  if (host.address) return what == What::range && range.contains(*host.address);
  switch (what) {
    case What::every_name:
      return true;
    case What::below:
      return is_below(host.name, name);
    case What::name:
      return host.name == name;
    case What::range:
      return false;
  }
  return false;
}

Result<Rule> read_rule(std::string_view text, Verb verb) {
  if (text.size() > kMaxRule) return refuse(text, "is too long for a name");
  Rule out;
  auto rest = text;
  if (rest.starts_with("tcp://")) {
    out.tcp = true;
    rest.remove_prefix(6);
  } else if (rest.find("://") != std::string_view::npos || rest.starts_with("http")) {
    auto scheme = rest.find("://");
    if (scheme != std::string_view::npos)
      return refuse(text, "is a URL; write its host and port only, as in api.example.com:443");
  }
  auto halves = halve(rest);
  BRIG_CHECK(read_host_part(text, halves.host, out));
  if (!halves.port) {
    if (out.tcp && verb == Verb::allow)
      return refuse(text, "needs a port; write tcp://db.internal:5432, or :* for every port");
    out.ports.are = verb == Verb::allow ? Are::web : Are::all;
  } else if (*halves.port == "*") {
    out.ports.are = Are::all;
  } else if (auto port = read_port(*halves.port)) {
    out.ports = {Are::one, *port};
  } else {
    return refuse(text, "has no port from 1 to 65535 after ':'" + std::string(kForms));
  }
  // What is denied is denied in every protocol.
  if (verb == Verb::deny) out.tcp = false;
  return out;
}

std::string to_string(const Rule& rule, Verb verb) {
  auto out = (rule.tcp ? "tcp://" : "") + host_text(rule);
  auto silent = verb == Verb::allow ? Are::web : Are::all;
  if (rule.ports.are == Are::one) return out + ":" + std::to_string(rule.ports.port);
  if (rule.ports.are == silent && !rule.tcp) return out;
  return out + ":*";
}

bool covers(const Rule& wide, const Rule& narrow) {
  return host_covers(wide, narrow) && wide.ports.contain(narrow.ports) && (wide.tcp || !narrow.tcp);
}

std::optional<Rule> meet(const Rule& a, const Rule& b) {
  Rule out;
  if (host_covers(a, b)) {
    out = b;
  } else if (host_covers(b, a)) {
    out = a;
  } else {
    return std::nullopt;
  }
  if (a.ports.contain(b.ports)) {
    out.ports = b.ports;
  } else if (b.ports.contain(a.ports)) {
    out.ports = a.ports;
  } else {
    return std::nullopt;
  }
  out.tcp = a.tcp && b.tcp;
  return out;
}

std::vector<Rule> fewest(std::vector<Rule> rules) {
  std::sort(rules.begin(), rules.end());
  rules.erase(std::unique(rules.begin(), rules.end()), rules.end());
  std::vector<Rule> out;
  for (const auto& rule : rules)
    if (std::none_of(rules.begin(), rules.end(),
                     [&](const Rule& other) { return other != rule && covers(other, rule); }))
      out.push_back(rule);
  return out;
}

std::vector<Rule> meet(const std::vector<Rule>& a, const std::vector<Rule>& b) {
  std::vector<Rule> out;
  for (const auto& x : a)
    for (const auto& y : b)
      if (auto both = meet(x, y)) out.push_back(std::move(*both));
  return fewest(std::move(out));
}

bool covers(const std::vector<Rule>& wide, const Rule& narrow) {
  return std::any_of(wide.begin(), wide.end(), [&](const Rule& rule) { return covers(rule, narrow); });
}

}  // namespace brig::egress
