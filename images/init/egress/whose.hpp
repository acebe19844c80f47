// Which process holds the other end of a connection inside: a claim for the audit, found in /proc with
// bounded work.
//
// Ownership: a small memory of who asked last. Threads: one. Failure: pid 0, when it can't be told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace brig::init::egress {

struct Asker {
  std::uint32_t pid = 0;
  char name[16] = {};
  std::size_t size = 0;
  std::string_view process() const { return {name, size}; }
};

class Whose {
 public:
  // The process with a socket at 127.x.y.z:`port` (host byte order) for TCP, or UDP.
  Asker find(std::uint32_t address, std::uint16_t port, bool udp);

 private:
  static constexpr std::size_t kRemembered = 8;
  std::uint32_t last_[kRemembered] = {};
  std::size_t next_ = 0;
};

}  // namespace brig::init::egress
