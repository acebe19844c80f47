// A Docker engine that does what a real one will not do on demand: hang, die in the middle, answer nonsense,
// cut its answers anywhere. It listens on a unix socket (or on loopback with TLS) and answers by script.
//
//   FakeEngine engine;
//   engine.on("GET", "/containers/x/json", [](Peer& peer, const Request&) { peer.reply(200, R"({"Id":"x"})");
//   });
//
// GET /version is answered as `version` says, unless scripted; whatever else has no script gets a 404.
//
// Ownership: the destructor ends all connections and joins all threads. Threads: a thread per connection,
// where scripts run; on(), seen() and drop_connections() from any. Failure: what cannot be set up aborts.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/unique_fd.hpp"
#include "fake_engine/certificates.hpp"
#include "fake_engine/peer.hpp"

namespace brig::fake {

using Script = std::function<void(Peer&, const Request&)>;

struct FakeOptions {
  std::string version = R"({"Version":"99.0","ApiVersion":"1.43","MinAPIVersion":"1.12","Os":"linux"})";
  bool tls = false;  // on 127.0.0.1, with the certificates of certificates(), asking the client for one
};

class FakeEngine {
 public:
  explicit FakeEngine(FakeOptions options = {});
  ~FakeEngine();
  FakeEngine(const FakeEngine&) = delete;
  FakeEngine& operator=(const FakeEngine&) = delete;

  // For DOCKER_HOST.
  const std::string& host() const { return host_; }
  const Certificates& certificates() const { return *certificates_; }

  // The longest `prefix` of the path (without version and query) that matches gets the request.
  void on(std::string method, std::string prefix, Script script);
  // All requests so far, without bodies that a script read itself.
  std::vector<Request> seen() const;
  // How many connections were ever made.
  int connections() const { return connections_; }
  // Cuts every connection there is, as an engine that restarts.
  void drop_connections();

 private:
  struct Connection;
  void accept_all();
  void serve(Connection& connection);
  Script script_for(const Request& request) const;

  FakeOptions options_;
  std::string dir_;
  std::string host_;
  std::unique_ptr<Certificates> certificates_;
  UniqueFd listener_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> connections_ = 0;
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, Script> scripts_;
  std::vector<Request> seen_;
  std::list<Connection> open_;
  std::thread acceptor_;
};

}  // namespace brig::fake
