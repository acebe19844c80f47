// A brigd for tests of the command line: its API as api/openapi.yaml says it, over a process that the test
// itself plays, and with a habit of dying in the middle of anything.
//
// Ownership: owns its socket, threads and processes; all are gone when it is. Threads: a thread per
// connection; every method may be called from the test's. Failure: aborts the test program.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/unique_fd.hpp"

namespace brig::cli::test {

// What brig-init and brigd's output log would keep of a process.
class FakeProcess {
 public:
  void write(int stream, std::string_view bytes);
  void end(nlohmann::json outcome);
  void end_with(int code) { end({{"kind", "exited"}, {"code", code}, {"exit_code", code}}); }

  // Wait for it (a generous time), and return what there is.
  std::string wait_stdin(std::size_t bytes);
  bool wait_eof();
  std::string wait_signal();
  void forget_signals();
  nlohmann::json wait_size(std::size_t count);
  std::string stdin_now();

  bool terminal = false;
  std::atomic<bool> hold_acks{false};

 private:
  friend class FakeBrigd;
  friend class AttachServer;
  struct Piece {
    int stream;
    std::string bytes;
    std::uint64_t offset;
  };
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Piece> output_;
  std::uint64_t output_end_ = 0;
  std::optional<nlohmann::json> outcome_;
  std::string stdin_;
  std::optional<std::uint64_t> eof_;
  std::vector<std::string> signals_;
  std::vector<nlohmann::json> sizes_;
};

struct FakeRequest {
  std::string method;
  std::string path;
  std::string query;
  std::string body;
  std::string head;  // the request line and the headers, as they came
};

struct FakeAnswer {
  int status = 200;  // 0: the connection ends without one
  std::string body;
  std::string type = "application/json";
  bool chunked = false;
  std::string headers = {};  // more of them: "Name: value\r\n"
};

class FakeBrigd {
 public:
  FakeBrigd();
  ~FakeBrigd();

  std::string host() const { return "unix://" + directory_ + "/brig.sock"; }
  const std::string& directory() const { return directory_; }
  FakeProcess& process() { return process_; }

  // "POST /v1/sessions" → the answer; overrides what is there by default.
  void on(const std::string& what, std::function<FakeAnswer(const FakeRequest&)> handler);
  std::vector<FakeRequest> requests();
  FakeRequest wait_request(const std::string& what);
  nlohmann::json session();

  // Attachments die after a random number of bytes in either direction, at most `most`.
  void make_mortal(unsigned seed, std::size_t most);
  void make_immortal();
  unsigned deaths() const { return deaths_; }
  unsigned attachments() const { return attachments_; }
  std::uint64_t sent() const { return sent_; }
  // As by kill -9: every connection breaks, and the socket file leads nowhere.
  void kill();
  void restart();

 private:
  friend class AttachServer;
  void listen();
  void accept_loop(int listener);
  void serve(std::shared_ptr<UniqueFd> socket);
  FakeAnswer answer(const FakeRequest& request);
  std::size_t next_life();

  std::string directory_;
  FakeProcess process_;
  std::mutex mutex_;
  std::condition_variable asked_;
  std::map<std::string, std::function<FakeAnswer(const FakeRequest&)>> handlers_;
  std::vector<FakeRequest> requests_;
  std::vector<std::weak_ptr<UniqueFd>> open_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
  UniqueFd listener_;
  std::atomic<bool> stopping_{false};
  std::atomic<unsigned> deaths_{0};
  std::atomic<unsigned> attachments_{0};
  std::atomic<std::uint64_t> sent_{0};
  std::mt19937 random_;
  std::size_t most_ = 0;
};

FakeAnswer problem(int status, const std::string& code, const std::string& detail);

}  // namespace brig::cli::test
