// All the world outside of the machine, in a network namespace of the test's own.
//
// Every address there is, is this one machine's: whoever sends anything to anywhere reaches a listener of the
// test's, which says so. A wire tap in brigd's namespace sees every packet that leaves, whatever it is; what
// is neither for the one public host nor for the resolver is a stray, and a stray is a hole.
//
//   good.test            93.184.215.14, which may be reached where it is allowed
//   *.rebind.test        that, and at every second lookup 169.254.169.254
//   WHERE.inward.test    an address of another kind: metadata, loopback, private …
//   the resolver         192.0.2.53; its search domain is search.test, below which it knows everything
//   brigd's machine      93.184.216.9 and 10.99.0.2; its own listeners are on port 7070
//
// Ownership: owns the namespace (a process that waits in it) and the listeners. Threads: two of its own; what
// it gives is safe to ask at any time. Failure: aborts, since without it no test means anything.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/unique_fd.hpp"
#include "harness/child.hpp"

namespace brig::escape {

inline constexpr const char* kGood = "93.184.215.14";
inline constexpr const char* kResolver = "192.0.2.53";
inline constexpr const char* kHost = "93.184.216.9";
inline constexpr std::uint16_t kHostPort = 7070;

class Outside {
 public:
  Outside();
  ~Outside();

  // The commands that join brigd's namespace to this one; run at each start of brigd.
  std::string joining() const;
  // Looks at what leaves the namespace of `brigd`, and listens there as the host's own services do. Again
  // after each start of brigd.
  void watch(pid_t brigd);

  // What went where it should not, since the last call.
  std::vector<std::string> strays();
  // Names that were looked up.
  std::vector<std::string> lookups() const;
  // Connections to good.test.
  int good() const { return good_; }

 private:
  struct Client {
    UniqueFd fd;
    std::string to, heard;
    bool good = false;
  };
  void serve();
  void answer_names();
  void accept_on(int listener, bool host);
  bool serve_client(Client& client);
  void read_wire();
  void stray(std::string what);

  std::unique_ptr<harness::Child> holder_;
  std::vector<UniqueFd> listeners_, host_listeners_;
  UniqueFd names_, wire_;
  std::vector<Client> clients_;
  std::atomic<int> good_{0};
  std::atomic<bool> over_{false};
  mutable std::mutex mutex_;  // what follows, and the descriptors that watch() changes
  std::vector<std::string> strays_, lookups_;
  std::thread server_;
};

// Runs `what` on a thread in the network namespace of this process.
void in_network_of(pid_t process, const std::function<void()>& what);

// These files stand in the place of others in the engine's mount namespace for as long as this lives.
class OwnFile {
 public:
  OwnFile(std::string place, const std::string& content);
  ~OwnFile();

 private:
  std::string place_, file_;
};

}  // namespace brig::escape
