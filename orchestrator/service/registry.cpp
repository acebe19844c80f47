#include "service/registry.hpp"

#include <arpa/inet.h>
#include <netdb.h>

#include <cstdlib>
#include <memory>

#include "core/text.hpp"
#include "egress/presets.hpp"
#include "process/process.hpp"

namespace brig::service {
namespace {

std::string text_of(const addrinfo& found) {
  char text[INET6_ADDRSTRLEN] = {};
  if (found.ai_family == AF_INET)
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(found.ai_addr)->sin_addr, text, sizeof text);
  if (found.ai_family == AF_INET6)
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(found.ai_addr)->sin6_addr, text,
                sizeof text);
  std::string out = text;
  return found.ai_family == AF_INET6 ? "[" + out + "]" : out;
}

}  // namespace

net::Task<Result<std::string>> registry_of_npm() {
  const char* path = std::getenv("PATH");
  auto program = process::find_program("npm", path ? path : "");
  if (!program)
    co_return Error{Code::unsupported,
                    "services from npm need this host's own npm, which knows the registry; install it (apt "
                    "install npm)",
                    "service: build", false};
  process::Command command;
  command.program = *program;
  command.args = {"config", "get", "registry"};
  for (const char* name :
       {"PATH", "HOME", "npm_config_registry", "NPM_CONFIG_REGISTRY", "NPM_CONFIG_USERCONFIG"})
    if (const char* value = std::getenv(name)) command.env[name] = value;
  BRIG_CO_TRY(auto finished, co_await process::run(std::move(command)));
  if (!finished.ok()) co_return process::failure("npm", finished);
  auto url = finished.output.substr(0, finished.output.find_first_of("\r\n"));
  if (!url.starts_with("https://") && !url.starts_with("http://"))
    co_return Error{Code::invalid, "this host's npm names no registry but " + quoted(url), "service: build",
                    false};
  co_return url;
}

Result<std::vector<egress::Rule>> reach_of(const std::string& url) {
  auto rules = egress::rules_of_urls(url);
  if (rules.size() != 1)
    return Error{Code::invalid, "the registry " + quoted(url, 200) + " names no host", "service: build",
                 false};
  const auto host = rules.front();
  if (host.what != egress::Rule::What::name || host.ports.are != egress::Ports::Are::one) return rules;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  // Without an answer the sandbox will say so better.
  if (::getaddrinfo(host.name.c_str(), nullptr, &hints, &list) != 0) return rules;
  std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(list, ::freeaddrinfo);
  for (auto* at = list; at; at = at->ai_next) {
    auto rule = egress::read_rule(text_of(*at) + ":" + std::to_string(host.ports.port), egress::Verb::allow);
    if (rule) rules.push_back(std::move(*rule));
  }
  return egress::fewest(std::move(rules));
}

}  // namespace brig::service
