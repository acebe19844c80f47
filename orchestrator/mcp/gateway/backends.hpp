// The services behind one client of the gateway: those that its caller may use, as they are when asked.
//
// Whoever implements this decides what a caller may see and do; the gateway asks it each time and remembers
// no answer. Ownership: one for each session of the gateway, which owns it. Threads: the loop's. Failure: as
// Result, in words for the caller.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mcp/client.hpp"

namespace brig::mcp {

class Backends {
 public:
  virtual ~Backends() = default;

  // Those that run, by name.
  virtual std::vector<std::string> names() = 0;
  // This one is among them.
  virtual bool has(const std::string& service) = 0;
  // What it said of itself; none if it does not run, or is not for this caller.
  virtual std::optional<Initialized> about(const std::string& service) = 0;
  virtual net::Task<Result<std::vector<Item>>> list(std::string service, Listing what) = 0;
  // Whatever may not be asked is an error.
  virtual net::Task<Result<Answer>> request(std::string service, Call call) = 0;
  virtual net::Task<Result<void>> notify(std::string service, std::string method, std::string params) = 0;
};

}  // namespace brig::mcp
