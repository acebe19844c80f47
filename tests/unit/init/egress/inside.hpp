// A sandbox's inside without a container: brig-init with its doors in a network namespace of the test's own,
// and a brigd played by hand.
//
// Ownership: ends brig-init and everything it started, and joins its threads. Threads: the fake brigd has one
// for each connection; what a test gives it runs there. Failure: gtest's.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/unique_fd.hpp"
#include "egress_wire/frames.hpp"

namespace brig::init::egress {

using egress_wire::Kind;
using egress_wire::Status;
using egress_wire::Via;

// The request as it was read, kept.
struct Heard {
  egress_wire::Request request;
  std::string host, process;
};
struct Verdict {
  Status status = Status::ok;
  std::string message;
  std::vector<std::uint16_t> ports;
  bool ask_first = false;  // says `asking`, and then the rest once `go_on` is set
};

class FakeBrigd {
 public:
  // `decide` is called for each request; a connect that is ok is dialled at 127.0.0.1:`upstream`.
  FakeBrigd(std::string path, std::function<Verdict(const Heard&)> decide);
  ~FakeBrigd();
  // Takes the client's socket where it is offered.
  std::atomic<bool> wants_sockets{false};
  std::atomic<std::uint16_t> upstream{0};
  std::atomic<int> handed_over{0};
  std::atomic<bool> go_on{false};
  // Instead of all this: what is done with a connection.
  std::function<void(int)> raw;
  std::vector<Heard> heard();

 private:
  void serve(UniqueFd line);
  void transfer(int line, bool hand_over);
  std::string path_;
  std::function<Verdict(const Heard&)> decide_;
  UniqueFd listener_, stop_read_, stop_write_;
  std::mutex mutex_;
  std::vector<Heard> heard_;
  std::vector<std::thread> threads_;
  std::thread accepting_;
  std::atomic<bool> stopping_{false};
};

// Bytes both ways between two connected sockets until both directions have ended, or `stop` is readable.
void shuttle(int a, int b, int stop);

class Inside : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;
  void start(unsigned nofile = 1024);

  std::string egress_path() const { return (dir_ / "egress").string(); }
  static UniqueFd dial(const std::string& address, std::uint16_t port);
  UniqueFd proxy() { return dial("127.0.0.1", 3128); }
  // A listener on 127.0.0.1, its port in `port`.
  static UniqueFd listen(std::uint16_t& port);
  static UniqueFd accept(const UniqueFd& listener);
  static void say(const UniqueFd& fd, std::string_view text);
  // Reads until `end` has come, or the end of the stream; what else came stays unread only if the peer sent
  // nothing more.
  static std::string hear(const UniqueFd& fd, std::string_view end);
  static std::string hear_all(const UniqueFd& fd) { return hear(fd, ""); }
  static std::string hear_exactly(const UniqueFd& fd, std::size_t size);
  static bool wait_readable(int fd);
  pid_t helper();
  long rss_kb(pid_t pid);

  // A question over UDP, or over TCP.
  static std::string query(std::string_view name, std::uint16_t type, bool extended = true);
  static std::string ask_udp(const std::string& packet);

  std::filesystem::path dir_;
  pid_t init_ = -1;
};

}  // namespace brig::init::egress
