#include "session/git.hpp"

#include "core/text.hpp"

namespace brig::session {
namespace {

Error refuse(std::string message) {
  return {Code::invalid, std::move(message), "session: git", false};
}

}  // namespace

Result<egress::Rule> way_to(const GitSource& git) {
  auto shown = quoted(git.url, 300);
  std::string_view rest = git.url;
  std::string_view port;
  if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
    port = "443";
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
    port = "80";
  } else {
    return refuse(
        "git.url " + shown +
        " must begin with https:// or http://; clone anything else yourself and name it as the project");
  }
  for (char c : git.url)
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f || c == '\\')
      return refuse("git.url " + shown + " has characters that no URL has");
  auto authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.find('@') != std::string_view::npos)
    return refuse(
        "git.url " + quoted(std::string(rest.substr(authority.rfind('@') + 1)), 300) +
        " holds a name or a key before the '@', which would be written down in the clone; leave it out");
  if (authority.empty() || authority.size() == rest.size())
    return refuse("git.url " + shown + " names no repository; write https://host/path");
  // In a rule it would stand for many hosts.
  if (authority.find('*') != std::string_view::npos)
    return refuse("git.url " + shown + " names no single host; write the one that has the repository");
  for (char c : git.ref)
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f)
      return refuse("git.ref " + quoted(git.ref) + " has characters that no branch has");
  if (git.ref.starts_with('-'))
    return refuse("git.ref " + quoted(git.ref) + " begins with '-', as no branch does");
  bool has_port = authority.back() != ']' && authority.rfind(':') != std::string_view::npos;
  return egress::read_rule(std::string(authority) + (has_port ? "" : ":" + std::string(port)),
                           egress::Verb::allow);
}

}  // namespace brig::session
