#include "api/auth/origin.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace brig::api {
namespace {

Failure origin_refused(const std::string& origin) {
  return Failure{Error{Code::denied,
                       "requests from web pages are refused (Origin " + brig::quoted(origin) +
                           "); list the origin in the configuration if it is yours",
                       "api: origin", false},
                 403,
                 {},
                 {}};
}

std::string_view without_port(std::string_view value) {
  auto bracket = value.rfind(']');
  auto colon = value.rfind(':');
  if (colon == value.npos || (bracket != value.npos && colon < bracket)) return value;
  return value.substr(0, colon);
}

}  // namespace

HostRule::HostRule(const std::string& address, const std::vector<std::string>& hosts,
                   std::vector<std::string> origins)
    : hosts_(hosts), origins_(std::move(origins)) {
  bool every_interface = address == "0.0.0.0" || address == "::";
  if (!every_interface)
    hosts_.push_back(address.find(':') == std::string::npos ? address : "[" + address + "]");
  if (every_interface || address.starts_with("127.") || address == "::1") hosts_.emplace_back("localhost");
  if (every_interface) hosts_.insert(hosts_.end(), {"127.0.0.1", "[::1]"});
}

std::optional<Failure> HostRule::check(const Head& head) const {
  const auto* host = head.find("Host");
  auto named = without_port(host ? *host : std::string_view());
  bool known = host && std::any_of(hosts_.begin(), hosts_.end(),
                                   [&](const std::string& h) { return same_name(h, named); });
  // The port is not compared: behind a forwarded port the caller's is another, and rebinding cannot choose
  // the name.
  if (!known)
    return Failure{Error{Code::invalid,
                         "this service is not called " + brig::quoted(host ? *host : "") +
                             "; use its address, or list the name under the API's hosts in the configuration",
                         "api: host", false},
                   421,
                   {},
                   {}};
  const auto* origin = head.find("Origin");
  if (!origin) return std::nullopt;
  bool allowed =
      head.count("Origin") == 1 && std::any_of(origins_.begin(), origins_.end(),
                                               [&](const std::string& o) { return same_name(o, *origin); });
  if (!allowed) return origin_refused(*origin);
  return std::nullopt;
}

std::optional<Failure> check_local_origin(const Head& head) {
  if (const auto* origin = head.find("Origin")) return origin_refused(*origin);
  return std::nullopt;
}

}  // namespace brig::api
