// A stand-in for a sandbox: the real brig-init as a child process, and a Link to it that records what it
// hears.
//
// Ownership: the Sandbox ends its child and removes its directory. Threads: the test's.
// Failure: a test that gets stuck is failed after a generous limit.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/random.hpp"
#include "end_all.hpp"
#include "net/event.hpp"
#include "supervisor/link.hpp"

namespace brig::supervisor {

inline Deadline soon() {
  return Deadline::in(Millis{60'000});
}

struct Recorder final : LinkObserver {
  explicit Recorder(const net::asio::any_io_executor& executor) : changed(executor) {}

  struct Process {
    std::string out, err;
    std::uint64_t received = 0;  // bytes of both streams
    std::uint64_t stored = 0;
    std::optional<Exit> exit;
    int exits = 0;
    std::uint64_t exit_offset = 0;
    std::optional<std::uint64_t> end;
    std::uint64_t stdin_ack = 0;
    bool stdin_gone = false;
  };
  std::map<std::uint32_t, Process> processes;
  std::vector<KnownProcess> known;
  int connects = 0, disconnects = 0;
  bool finished = false;
  std::optional<Error> why;
  bool hold = false;  // acknowledge nothing
  bool keep = true;   // keep the bytes (else only count)
  std::function<void(std::uint32_t, std::span<const std::byte>)> on_bytes;
  net::Event changed;

  std::uint64_t output_held(std::uint32_t id) override { return processes[id].stored; }
  void on_connected(std::span<const KnownProcess> list) override {
    known.assign(list.begin(), list.end());
    ++connects;
    changed.notify_all();
  }
  std::uint64_t on_output(std::uint32_t id, Stream stream, std::uint64_t offset,
                          std::span<const std::byte> bytes) override {
    Process& p = processes[id];
    EXPECT_EQ(offset, p.received);
    if (keep) {
      (stream == Stream::out ? p.out : p.err)
          .append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    p.received += bytes.size();
    if (on_bytes) on_bytes(id, bytes);
    if (!hold) p.stored = p.received;
    return p.stored;
  }
  void on_batch_end() override { changed.notify_all(); }
  void on_gap(std::uint32_t, std::uint64_t, std::uint64_t) override { ADD_FAILURE() << "a gap"; }
  void on_exited(std::uint32_t id, Exit exit, std::uint64_t offset) override {
    Process& p = processes[id];
    p.exit = exit;
    ++p.exits;
    p.exit_offset = offset;
    EXPECT_LE(offset, p.received);
    changed.notify_all();
  }
  void on_output_end(std::uint32_t id, std::uint64_t offset) override {
    EXPECT_EQ(offset, processes[id].received);
    processes[id].end = offset;
    changed.notify_all();
  }
  void on_stdin_ack(std::uint32_t id, std::uint64_t offset, bool gone) override {
    processes[id].stdin_ack = offset;
    processes[id].stdin_gone = gone;
    changed.notify_all();
  }
  void on_disconnected(const Error& error) override {
    why = error;
    ++disconnects;
    changed.notify_all();
  }
  void on_finished() override {
    finished = true;
    changed.notify_all();
  }
};

class Sandbox {
 public:
  explicit Sandbox(net::asio::any_io_executor executor)
      : executor_(executor), recorder(std::make_unique<Recorder>(executor)), key_(new_link_key()) {
    dir_ = std::filesystem::temp_directory_path() / ("brig-link-" + random_hex(6));
    std::filesystem::create_directories(dir_);
  }
  ~Sandbox() {
    init::end_all_children();
    std::filesystem::remove_all(dir_);
  }

  LinkOptions options() const {
    LinkOptions o;
    o.name = "test";
    o.directory = dir_;
    o.state = {key_, registered};
    o.check = check;
    return o;
  }
  Result<void> open_link() {
    link = std::make_unique<Link>(executor_, options(), *recorder);
    return link->start();
  }

  // Runs brig-init; as process 1 of a pid namespace of its own if asked.
  void start_init(bool first_process = false, const char* socket_name = "sock") {
    std::string socket = (dir_ / socket_name).string();
    init::adopt_orphans();
    init_ = ::fork();
    if (init_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (first_process) {
        std::string command = "mount -t proc proc /proc && exec \"$0\" \"$1\"";
        ::execlp("unshare", "unshare", "-pfm", "--kill-child", "sh", "-c", command.c_str(), BRIG_INIT_BINARY,
                 socket.c_str(), nullptr);
      } else {
        ::execl(BRIG_INIT_BINARY, "brig-init", socket.c_str(), nullptr);
      }
      ::_exit(127);
    }
  }
  int wait_init() {
    int status = 0;
    ::waitpid(init_, &status, 0);
    init_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  pid_t init_pid() const { return init_; }
  std::filesystem::path dir() const { return dir_; }
  Recorder::Process& process(std::uint32_t id) { return recorder->processes[id]; }

  net::Task<void> exited(std::uint32_t id) {
    while (!recorder->processes[id].exit) co_await recorder->changed.wait();
  }
  net::Task<void> ended(std::uint32_t id) {
    while (!recorder->processes[id].exit || !recorder->processes[id].end) co_await recorder->changed.wait();
  }
  net::Task<void> until_out(std::uint32_t id, std::string text) {
    while (recorder->processes[id].out.find(text) == std::string::npos) co_await recorder->changed.wait();
  }
  // Starts a process and expects that to work.
  net::Task<void> run(std::uint32_t id, ProcessSpec spec) {
    auto outcome = co_await link->spawn(id, spec, soon());
    EXPECT_TRUE(outcome) << (outcome ? "" : outcome.error().message);
    if (outcome) {
      EXPECT_TRUE(outcome->started) << outcome->message(spec);
    }
  }

  bool registered = false;
  PeerCheck check;

 private:
  net::asio::any_io_executor executor_;

 public:
  std::unique_ptr<Recorder> recorder;
  std::unique_ptr<Link> link;

 private:
  Secret key_;
  std::filesystem::path dir_;
  pid_t init_ = -1;
};

inline std::vector<std::byte> bytes_of(std::string_view text) {
  auto* at = reinterpret_cast<const std::byte*>(text.data());
  return {at, at + text.size()};
}

// No initializer list: g++ 12 cannot have one in an expression with co_await.
template <class... Args>
ProcessSpec command(Args... args) {
  ProcessSpec spec;
  (spec.argv.push_back(std::string(std::move(args))), ...);
  return spec;
}
inline ProcessSpec shell(std::string script) {
  return command("/bin/sh", "-c", std::move(script));
}

using TestBody = net::Task<void> (*)(Sandbox&);

inline net::Task<Result<bool>> run_body(Sandbox& sandbox, TestBody body) {
  co_await body(sandbox);
  co_return true;
}

inline net::Task<void> run_with_link(Sandbox& sandbox, TestBody body, bool& done) {
  auto result =
      co_await net::with_deadline(run_body(sandbox, body), Deadline::in(Millis{120'000}), "the test");
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
  if (sandbox.link) co_await sandbox.link->close();
  done = true;
}

// With `started`, there is a connected Link and a running brig-init when the body begins.
inline void with_sandbox(TestBody body, bool started = true, bool first_process = false) {
  net::asio::io_context context(1);
  Sandbox sandbox(context.get_executor());
  if (started) {
    auto opened = sandbox.open_link();
    ASSERT_TRUE(opened) << opened.error().message;
    sandbox.start_init(first_process);
  }
  bool done = false;
  net::asio::co_spawn(context, run_with_link(sandbox, body, done), [](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
  });
  context.run();
  EXPECT_TRUE(done);
}

}  // namespace brig::supervisor
