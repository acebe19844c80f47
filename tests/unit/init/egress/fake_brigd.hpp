// A brigd played by hand: listens where a sandbox asks for its way out, decides as the test says, and dials
// one upstream.
//
// Ownership: joins its threads, one for each connection; what a test gives it runs there. Threads: any for
// what is atomic, the test's for the rest. Failure: gtest's.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
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

}  // namespace brig::init::egress
