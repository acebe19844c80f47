// A brigd for tests: its own state directory, socket and installation, on the engine that the tests run in.
//
//   Brigd brigd;
//   auto done = brigd.brig({"run", "box", "--", "id", "-u"});
//
// Its providers are those in tests/engine/providers; `box` is a busybox image that is there already.
//
// Ownership: the destructor ends brigd and removes its sessions and files. Threads: one. Failure: a test
// failure with brigd's log.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "harness/child.hpp"
#include "harness/engine.hpp"

namespace brig::test {

// Where its providers come from, and what their images are called.
struct Images {
  std::string dir = BRIG_TEST_PROVIDERS;
  std::string prefix = "brig-test";  // of the ones in BRIG_TEST_PROVIDERS there are images under this
  std::string trust = "none";        // "auto" for what is built from this host's registries
};

class Brigd {
 public:
  // With `network`, commands that set it up, it runs in a network namespace of its own.
  explicit Brigd(std::string extra_config = {}, std::string network = {}, Images images = {});
  Brigd(const Brigd&) = delete;
  Brigd& operator=(const Brigd&) = delete;
  ~Brigd();

  void start();  // waits until it is ready
  bool ready() const;
  void kill_hard();     // SIGKILL, reaped
  int stop_politely();  // SIGTERM; its exit code

  const std::filesystem::path& dir() const { return dir_; }
  std::filesystem::path state() const { return dir_ / "state"; }
  std::filesystem::path socket() const { return dir_ / "brig.sock"; }
  std::filesystem::path config() const { return dir_ / "brig.toml"; }
  std::string log() const;
  pid_t pid() const { return child_->pid(); }

  // A fresh directory that can be a project; belongs to `owner`.
  std::filesystem::path project(const std::string& name, uid_t owner = 4321);

  std::vector<std::string> command(std::vector<std::string> args) const;
  harness::SpawnOptions options() const;
  harness::Finished brig(std::vector<std::string> args, std::string_view input = {});
  // `brig ps -a --json` as parsed.
  nlohmann::json sessions();
  // And the sessions that have them.
  void remove_volumes();
  // The same for hundreds of them, without asking brigd, which is killed.
  void drop_volumes();

  // Nothing of ours is left, or will be in a moment: containers, mounts, loop devices, layers, directories of
  // sessions (but for `kept` of them).
  void expect_nothing_left(std::size_t kept_directories = 0);

 private:
  // A line for everything that is left.
  std::string left(std::size_t kept_directories);

  std::filesystem::path dir_;
  std::string network_;
  std::optional<harness::Child> child_;
};

// Writes a file that belongs to the owner of projects.
void put_file(const std::filesystem::path& path, std::string_view content, uid_t owner = 4321);

// "127.0.0.1:PORT" that nobody listens on.
std::string free_address();

// Waits until `condition` holds, or fails the test with `what`.
bool eventually(const std::function<bool()>& condition, const std::string& what,
                std::chrono::milliseconds limit = std::chrono::seconds(60));

}  // namespace brig::test
