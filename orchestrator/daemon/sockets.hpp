// Sockets that systemd listens on for us (sd_listen_fds's protocol), so that callers wait while we are away
// instead of being refused.
//
// Ownership: owns the descriptors; who claims one borrows it. Threads: one at a time, before anything runs.
// Failure: as Result: what we were handed and cannot use is told, never left lying about.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "core/unique_fd.hpp"

namespace brig::daemon {

class GivenSockets {
 public:
  // None where nobody handed us any. What says so is taken out of the environment: it is not about our
  // children.
  static Result<GivenSockets> take();

  // The socket that listens there; -1 if there is none.
  int claim(const std::filesystem::path& socket);
  int claim(const std::string& address, std::uint16_t port);
  // An error that names those that nobody claimed.
  Result<void> check_claimed() const;

 private:
  struct Given {
    UniqueFd fd;
    std::string where;  // "/run/brig/brig.sock", "127.0.0.1:7543", "[::1]:7543"
    bool claimed = false;
  };
  int claim_text(const std::string& where);
  std::vector<Given> given_;
};

}  // namespace brig::daemon
