#include "session/git.hpp"

#include "core/text.hpp"

namespace brig::session {
namespace {

Error refuse(std::string message) {
  return {Code::invalid, std::move(message), "session: git", false};
}

}  // namespace

Result<egress::Rule> way_to(const GitSource& git) {
  auto way = egress::rule_of_url("git.url", git.url);
  if (!way) {
    auto error = std::move(way).error();
    if (!git.url.starts_with("http://") && !git.url.starts_with("https://"))
      error.message += "; clone anything else yourself and name it as the project";
    return error;
  }
  auto path = git.url.find_first_of("/?#", git.url.find("://") + 3);
  if (path == std::string::npos)
    return refuse("git.url " + quoted(git.url, 300) + " names no repository; write https://host/path");
  for (char c : git.ref)
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f)
      return refuse("git.ref " + quoted(git.ref) + " has characters that no branch has");
  if (git.ref.starts_with('-'))
    return refuse("git.ref " + quoted(git.ref) + " begins with '-', as no branch does");
  return way;
}

}  // namespace brig::session
