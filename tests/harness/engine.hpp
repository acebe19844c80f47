// A private Docker engine for tests: its own process, mount and network namespaces, so that everything in it
// (dockerd, containerd, containers, mounts, interfaces) vanishes when its first process dies, however it
// dies. crun and runsc are registered beside runc.
//
// Tests built with brig_engine_test() run inside these namespaces: what they start sees the same processes,
// mounts and loopback as the engine and its containers do. Their engine is the one ctest's fixture started,
// or, started by hand, one of their own.
//
// Ownership: a started Engine is stopped by its destructor, and by its keeper (a process of its own) when the
// owner dies without; an attached one is somebody else's. Threads: any, one at a time.
// Failure: as Result; a missing program is named. A test without its engine fails.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/result.hpp"

namespace brig::harness {

struct EngineOptions {
  std::filesystem::path root = "/var/tmp";  // where its directory is made
  bool network = true;  // reach the host's package registries from inside (by slirp4netns)
};

class Engine {
 public:
  // A new engine; it dies with this process.
  static Result<Engine> start(EngineOptions options = {});
  // The running engine whose directory is `dir`.
  static Result<Engine> attach(std::filesystem::path dir);
  // The engine this test program runs in. Aborts outside of one: brig_engine_test()'s main() sees to it.
  static Engine& shared();

  Engine(Engine&& other) noexcept;
  Engine& operator=(Engine&& other) noexcept;
  ~Engine();

  const std::filesystem::path& dir() const { return dir_; }
  std::filesystem::path socket() const { return dir_ / "docker.sock"; }
  std::string docker_host() const { return "unix://" + socket().string(); }
  std::filesystem::path daemon_log() const { return dir_ / "dockerd.log"; }

  // A fresh directory of this engine, visible inside and outside; goes with the engine at the latest.
  Result<std::filesystem::path> scratch(const std::string& name) const;

  // The command line that runs `argv` inside the namespaces; its process dies with whoever runs it.
  std::vector<std::string> inside(std::vector<std::string> argv) const;

  // The pid of dockerd as seen inside. Killing it makes the keeper start another (see hold()).
  Result<pid_t> daemon_pid() const;
  // While held, a dockerd that ended is not started again.
  Result<void> hold(bool on) const;
  // Waits until the engine answers a ping.
  Result<void> wait_ready() const;

  // Makes sure that an image stands: "brig-test/busybox" (2 MB: busybox and nothing else) or
  // "brig-test/debian" (what images/base/bootstrap makes).
  Result<void> ensure_image(const std::string& tag) const;
  // Imports a tar of a root file system as `tag`.
  Result<void> import_image(const std::string& tag, const std::filesystem::path& tar) const;
  // One request to the engine, for set-up and for looking at results apart from the code under test.
  // The body of a 2xx answer; anything else is an error that quotes it.
  Result<std::string> request(const std::string& method, const std::string& target,
                              const std::string& json_body = {}) const;

  void stop();

 private:
  Engine(std::filesystem::path dir, bool owned) : dir_(std::move(dir)), owned_(owned) {}

  std::filesystem::path dir_;
  bool owned_ = false;
};

}  // namespace brig::harness
