// The names the resolver has given addresses to, and the listeners on them: 127.9.0.0/16, one address a name.
//
// A name's address comes of its letters, so it is the same again after a restart (but for rare collisions). A
// name is forgotten for another only when its answer has expired and no connection to it is open.
//
// Ownership: owns the listeners. Threads: one. Failure: no room, and then nothing changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "egress_wire/frames.hpp"

namespace brig::init::egress {

inline constexpr std::size_t kMaxNames = 512;
inline constexpr std::size_t kMaxListeners = 2048;
inline constexpr std::uint32_t kTtlSeconds = 30;
inline constexpr std::uint32_t kNet = 127u << 24 | 9u << 16;

class Names {
 public:
  static constexpr std::size_t kNone = ~std::size_t{0};

  void limit_listeners(std::size_t most) { most_listeners_ = most; }
  // The name's index; it is given an address if it has none yet. kNone: there is no room.
  std::size_t add(std::string_view name, std::uint64_t now_ms);
  std::size_t find(std::uint32_t address) const;
  std::string_view name(std::size_t index) const { return {names_[index].text, names_[index].size}; }
  std::uint32_t address(std::size_t index) const { return names_[index].address; }
  // Connections hold their name.
  void hold(std::size_t index) { ++names_[index].open; }
  void let_go(std::size_t index) { --names_[index].open; }

  // Listens on exactly these ports of the name; `watch(fd, listener)` for each new one. Gives how many could
  // not be had: others listen there, or there are too many.
  template <class Watch>
  std::size_t listen(std::size_t index, std::span<const std::uint16_t> ports, Watch watch) {
    keep_only(index, ports);
    std::size_t failed = 0;
    for (std::uint16_t port : ports) {
      if (has(index, port)) continue;
      std::size_t listener = open(index, port);
      if (listener == kNone) {
        ++failed;
      } else {
        watch(listeners_[listener].fd, listener);
      }
    }
    return failed;
  }
  bool listens(std::size_t listener) const { return listeners_[listener].port != 0; }
  int listener_fd(std::size_t listener) const { return listeners_[listener].fd; }
  std::size_t listener_name(std::size_t listener) const { return listeners_[listener].name; }
  std::uint16_t listener_port(std::size_t listener) const { return listeners_[listener].port; }

 private:
  struct Name {
    std::uint32_t hash = 0;
    std::uint32_t address = 0;  // 0: free
    std::uint32_t open = 0;
    std::uint16_t size = 0;
    std::uint64_t until = 0;  // its answer has expired by then
    char text[256] = {};
  };
  struct Listener {
    int fd = 0;
    std::uint16_t name = 0;
    std::uint16_t port = 0;  // 0: free
  };
  std::size_t slot(std::uint64_t now_ms);
  void keep_only(std::size_t index, std::span<const std::uint16_t> ports);
  bool has(std::size_t index, std::uint16_t port) const;
  std::size_t open(std::size_t index, std::uint16_t port);

  Name names_[kMaxNames];
  std::size_t used_ = 0;  // names beyond were never used
  Listener listeners_[kMaxListeners];
  std::size_t listening_ = 0;  // listeners beyond were never used
  std::size_t most_listeners_ = 0;
};

}  // namespace brig::init::egress
