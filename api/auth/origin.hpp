// Host and Origin: what keeps a web page in somebody's browser from reaching the API by rebinding a name.
//
// Threads: any. Failure: as Failure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/http/message.hpp"

namespace brig::api {

// The names under which a TCP listener may be called: its address, localhost on loopback, what is configured.
class HostRule {
 public:
  HostRule(const std::string& address, const std::vector<std::string>& hosts,
           std::vector<std::string> origins);
  std::optional<Failure> check(const Head& head) const;

 private:
  std::vector<std::string> hosts_;
  std::vector<std::string> origins_;
};

// On the unix socket no request comes from a web page.
std::optional<Failure> check_local_origin(const Head& head);

}  // namespace brig::api
