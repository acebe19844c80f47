#include "core/text.hpp"
#include "policy/egress/rule.hpp"

namespace brig::egress {

Result<Rule> rule_of_url(std::string_view field, const std::string& url) {
  auto refuse = [&](const std::string& shown, std::string_view why) {
    return Error{Code::invalid, std::string(field) + " " + shown + std::string(why), "egress", false};
  };
  auto shown = quoted(url.substr(url.rfind('@') + 1), 300);  // what may be a key is not told
  std::string_view rest = url;
  std::string_view port;
  if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
    port = "443";
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
    port = "80";
  } else {
    return refuse(shown, " must begin with https:// or http://");
  }
  for (char c : url)
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f || c == '\\')
      return refuse(shown, " has characters that no URL has");
  auto authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.find('@') != std::string_view::npos)
    return refuse(
        shown,
        " holds a name or a key before the '@', which would be written down where others see it; leave "
        "it out");
  // In a rule it would stand for many hosts.
  if (authority.empty() || authority.find('*') != std::string_view::npos)
    return refuse(shown, " names no single host; write it as in https://host/path");
  bool has_port = authority.back() != ']' && authority.rfind(':') != std::string_view::npos;
  return read_rule(std::string(authority) + (has_port ? "" : ":" + std::string(port)), Verb::allow);
}

}  // namespace brig::egress
