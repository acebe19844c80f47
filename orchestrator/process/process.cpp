#include "process/process.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>

#include "core/text.hpp"
#include "net/event.hpp"
#include "process/spawn.hpp"

namespace brig::process {

namespace asio = net::asio;

// Outlives its Process until the child is reaped: the handler that waits for the pidfd holds it.
struct Process::State : std::enable_shared_from_this<Process::State> {
  State(const asio::any_io_executor& executor, Spawned spawned, const Command& command)
      : pid(spawned.pid),
        pidfd(executor, spawned.pidfd.release()),
        output(executor, spawned.output.release()),
        errors(executor, spawned.errors.release()),
        timer(executor),
        changed(executor),
        name(printable(command.program.native())),
        max_errors(command.max_errors),
        on_errors(command.on_errors),
        deadline(command.deadline) {}

  // Only when the loop is gone before the child: the handler below never came to run.
  ~State() {
    if (exited) return;
    kill_group();
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  void begin() {
    auto self = shared_from_this();
    pidfd.async_wait(asio::posix::descriptor_base::wait_read, [self](boost::system::error_code error) {
      if (!error) self->reap();
    });
    if (!deadline.is_never()) {
      timer.expires_at(deadline.at());
      timer.async_wait([weak = weak_from_this()](boost::system::error_code error) {
        auto state = weak.lock();
        if (error || !state || state->exited) return;
        state->overdue = true;
        state->kill_group();
        state->changed.notify_all();
      });
    }
    read_errors();
  }

  void read_errors() {
    errors.async_wait(asio::posix::descriptor_base::wait_read,
                      [self = shared_from_this()](boost::system::error_code error) {
                        if (!error && self->take_errors()) self->read_errors();
                      });
  }

  // False at the end.
  bool take_errors() {
    char buffer[4096];
    while (errors.is_open()) {
      auto n = ::read(errors.native_handle(), buffer, sizeof buffer);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return errno == EAGAIN;
      if (n == 0) return false;
      error_text.append(buffer, static_cast<std::size_t>(n));
      if (on_errors) on_errors(std::string_view(buffer, static_cast<std::size_t>(n)));
      if (error_text.size() > 2 * max_errors + sizeof buffer)
        error_text.erase(0, error_text.size() - max_errors);
    }
    return false;
  }

  // The group's id can't be another's as long as its leader is not reaped.
  void kill_group() {
    if (!exited) ::kill(-pid, SIGKILL);
  }

  void reap() {
    kill_group();
    int raw = 0;
    pid_t got = 0;
    while ((got = ::waitpid(pid, &raw, 0)) < 0 && errno == EINTR) {
    }
    exited = true;
    if (got == pid) status = raw;
    timer.cancel();
    // What it said is in the pipe by now; whoever else holds it open is not waited for.
    take_errors();
    boost::system::error_code ignored;
    errors.close(ignored);
    pidfd.close(ignored);
    changed.notify_all();
  }

  // Nobody wants it any longer.
  void abandon() {
    boost::system::error_code ignored;
    timer.cancel();
    output.close(ignored);
    errors.close(ignored);
    on_errors = nullptr;
    kill_group();
  }

  Error too_slow() const {
    return {Code::timeout, name + " took too long and was killed" + said(), "process", true};
  }
  std::string said() const { return error_text.empty() ? "" : "; it said: " + printable(tail(), 1024); }
  std::string tail() const {
    return error_text.size() > max_errors ? error_text.substr(error_text.size() - max_errors) : error_text;
  }

  const pid_t pid;
  asio::posix::stream_descriptor pidfd;
  asio::posix::stream_descriptor output;
  asio::posix::stream_descriptor errors;
  asio::steady_timer timer;
  net::Event changed;
  const std::string name;
  const std::size_t max_errors;
  std::function<void(std::string_view)> on_errors;
  const Deadline deadline;
  std::string error_text;
  bool exited = false;
  bool overdue = false;
  std::optional<int> status;
};

Process::Process(std::shared_ptr<State> state) : state_(std::move(state)) {}

Process::~Process() {
  state_->abandon();
}

Result<std::unique_ptr<Process>> Process::start(asio::any_io_executor executor, Command command) {
  BRIG_TRY(auto spawned, spawn(command));
  auto state = std::make_shared<State>(executor, std::move(spawned), command);
  state->begin();
  return std::unique_ptr<Process>(new Process(std::move(state)));
}

net::Task<Result<std::size_t>> Process::read(std::span<std::byte> into) {
  using namespace asio::experimental::awaitable_operators;
  auto state = state_;
  while (true) {
    if (state->overdue) co_return state->too_slow();
    bool exited = state->exited;
    auto n = ::read(state->output.native_handle(), into.data(), into.size());
    if (n >= 0) co_return static_cast<std::size_t>(n);
    if (errno == EINTR) continue;
    if (errno != EAGAIN) co_return errno_error(errno, "cannot read the output of " + state->name, "process");
    if (exited) co_return std::size_t{0};
    co_await (state->output.async_wait(asio::posix::descriptor_base::wait_read, net::use_result) ||
              state->changed.wait());
  }
}

net::Task<Result<Finished>> Process::finish() {
  auto state = state_;
  boost::system::error_code ignored;
  if (!state->exited) state->output.close(ignored);
  while (!state->exited && !state->overdue) co_await state->changed.wait();
  if (state->overdue) co_return state->too_slow();
  Finished finished;
  finished.errors = state->tail();
  if (!state->status)
    co_return Error{Code::internal, "the exit of " + state->name + " was taken by another waiter", "process",
                    false};
  if (WIFEXITED(*state->status))
    finished.code = WEXITSTATUS(*state->status);
  else
    finished.signal = WTERMSIG(*state->status);
  co_return finished;
}

net::Task<Result<Finished>> run(Command command) {
  auto executor = co_await asio::this_coro::executor;
  auto max = command.max_output;
  auto name = printable(command.program.native());
  BRIG_CO_TRY(auto process, Process::start(executor, std::move(command)));
  std::string output;
  std::vector<std::byte> buffer(64 << 10);
  while (true) {
    BRIG_CO_TRY(auto n, co_await process->read(buffer));
    if (n == 0) break;
    if (n > max - output.size())
      co_return Error{Code::too_large,
                      name + " wrote more than " + std::to_string(max) + " bytes and was killed", "process",
                      false};
    output.append(reinterpret_cast<const char*>(buffer.data()), n);
  }
  BRIG_CO_TRY(auto finished, co_await process->finish());
  finished.output = std::move(output);
  co_return finished;
}

Error failure(std::string_view name, const Finished& finished) {
  auto text = printable(name) + (finished.code ? " failed with exit code " + std::to_string(*finished.code)
                                               : " was killed by signal " + std::to_string(finished.signal));
  auto said = std::string_view(finished.errors);
  while (!said.empty() && (said.back() == '\n' || said.back() == ' ')) said.remove_suffix(1);
  if (said.size() > 1024) said.remove_prefix(said.size() - 1024);
  if (!said.empty()) text += ": " + printable(said, 4096);
  return {Code::invalid, std::move(text), "process", false};
}

std::optional<std::filesystem::path> find_program(std::string_view name, std::string_view path) {
  if (path.empty()) path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  for (auto folder : split(path, ':')) {
    if (folder.empty() || folder.front() != '/') continue;
    auto candidate = std::filesystem::path(folder) / name;
    std::error_code ignored;
    if (std::filesystem::is_regular_file(candidate, ignored) && ::access(candidate.c_str(), X_OK) == 0)
      return candidate;
  }
  return {};
}

}  // namespace brig::process
