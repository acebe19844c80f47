#include "harness/steps.hpp"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "core/unique_fd.hpp"

namespace brig::harness {
namespace {

enum class About { path, path_at, descriptor, peer };  // what its first arguments are

const std::map<std::uint64_t, std::pair<const char*, About>> kCalls{
    {SYS_pwrite64, {"write", About::descriptor}},
    {SYS_write, {"write", About::descriptor}},
    {SYS_fsync, {"fsync", About::descriptor}},
    {SYS_fdatasync, {"fsync", About::descriptor}},
    {SYS_ftruncate, {"ftruncate", About::descriptor}},
    {SYS_rename, {"rename", About::path}},
    {SYS_renameat, {"rename", About::path_at}},
    {SYS_renameat2, {"rename", About::path_at}},
    {SYS_unlink, {"unlink", About::path}},
    {SYS_unlinkat, {"unlink", About::path_at}},
    {SYS_rmdir, {"rmdir", About::path}},
    {SYS_mkdir, {"mkdir", About::path}},
    {SYS_mkdirat, {"mkdir", About::path_at}},
    {SYS_umount2, {"umount", About::path}},
    {SYS_move_mount, {"mount", About::descriptor}},
    {SYS_sendmsg, {"send", About::peer}},
    {SYS_sendto, {"send", About::peer}}};

std::string text_at(pid_t pid, std::uint64_t address) {
  char buffer[512] = {};
  iovec here{buffer, sizeof buffer - 1}, there{reinterpret_cast<void*>(address), sizeof buffer - 1};
  // A string may end just before memory that is not there.
  for (; here.iov_len > 16; here.iov_len = there.iov_len = here.iov_len / 2)
    if (::process_vm_readv(pid, &here, 1, &there, 1, 0) > 0) break;
  return buffer;
}

std::string path_of(pid_t pid, std::uint64_t descriptor) {
  std::error_code gone;
  return std::filesystem::read_symlink(
      "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(static_cast<int>(descriptor)), gone);
}

// Of a connected unix socket with a name; else empty.
std::string peer_of(pid_t pid, std::uint64_t descriptor) {
  UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  UniqueFd copy(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), static_cast<int>(descriptor), 0)));
  sockaddr_un peer{};
  socklen_t size = sizeof peer;
  if (!copy || ::getpeername(copy.get(), reinterpret_cast<sockaddr*>(&peer), &size) != 0 ||
      peer.sun_family != AF_UNIX || size <= sizeof peer.sun_family)
    return {};
  return peer.sun_path;
}

void give_up(const char* doing) {
  std::fprintf(stderr, "harness: cannot %s: %s\n", doing, ::strerror(errno));
  std::abort();
}

}  // namespace

Steps::Steps(pid_t pid, std::size_t at, Act act, std::function<bool(const Step&)> counts)
    : pid_(pid), at_(at), act_(std::move(act)), counts_(std::move(counts)) {
  // Only there to end a wait.
  struct sigaction wake {};
  wake.sa_handler = [](int) {};
  ::sigaction(SIGURG, &wake, nullptr);
  tracer_ = std::thread([this] { follow(); });
  while (!ready_) std::this_thread::yield();
}

const std::vector<Step>& Steps::end() {
  ending_ = true;
  while (tracer_.joinable() && !ended_) {
    ::pthread_kill(tracer_.native_handle(), SIGURG);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (tracer_.joinable()) tracer_.join();
  return steps_;
}

// Whether there were threads that are not followed yet.
bool Steps::seize() {
  bool more = false;
  std::error_code gone;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid_) + "/task", gone)) {
    auto thread = static_cast<pid_t>(std::strtol(task.path().filename().c_str(), nullptr, 10));
    if (threads_.contains(thread)) continue;
    auto options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE;
    if (::ptrace(PTRACE_SEIZE, thread, 0, options) != 0) {
      if (errno == ESRCH || (errno == EPERM && !ready_)) continue;  // gone, or followed since it was made
      give_up("trace");
    }
    threads_.insert(thread);
    ::ptrace(PTRACE_INTERRUPT, thread, 0, 0);
    more = true;
  }
  return more;
}

void Steps::on_call(pid_t thread) {
  __ptrace_syscall_info info{};
  if (::ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0) return;
  if (info.op != PTRACE_SYSCALL_INFO_ENTRY) return;
  auto known = kCalls.find(info.entry.nr);
  if (known == kCalls.end()) return;
  auto [call, about] = known->second;
  const auto* args = info.entry.args;
  Step step{call, ""};
  if (about == About::path) step.on = text_at(pid_, args[0]);
  if (about == About::path_at) step.on = path_of(pid_, args[0]) + "/" + text_at(pid_, args[1]);
  if (about == About::descriptor) step.on = path_of(pid_, args[0]);
  if (about == About::peer) step.on = peer_of(pid_, args[0]);
  // Pipes, events and logs are nothing that stays.
  bool stays = step.on.starts_with("/") || about != About::peer;
  if (std::string(call) == "write" && (!step.on.starts_with("/") || step.on.ends_with(".log"))) stays = false;
  if (!stays || (counts_ && !counts_(step))) return;
  bool again = step.call == "write" || step.call == "unlink";
  if (again && !steps_.empty() && steps_.back().call == step.call && steps_.back().on == step.on) return;
  steps_.push_back(step);
  if (++count_ == at_) act_(step);
}

void Steps::let_go() {
  for (auto thread : threads_) ::ptrace(PTRACE_INTERRUPT, thread, 0, 0);
  while (!threads_.empty()) {
    int status = 0;
    auto thread = ::waitpid(-1, &status, __WALL | __WNOTHREAD);
    if (thread < 0 && errno == EINTR) continue;
    if (thread < 0) return;
    int signal = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
    bool real = WIFSTOPPED(status) && status >> 16 == 0 && signal != (SIGTRAP | 0x80);
    if (WIFSTOPPED(status)) ::ptrace(PTRACE_DETACH, thread, 0, real ? signal : 0);
    threads_.erase(thread);
  }
}

void Steps::follow() {
  while (seize()) {
  }
  ready_ = true;
  while (!threads_.empty()) {
    if (ending_) {
      let_go();
      break;
    }
    int status = 0;
    auto thread = ::waitpid(-1, &status, __WALL | __WNOTHREAD);
    if (thread < 0 && errno == EINTR) continue;
    if (thread < 0) break;
    if (!WIFSTOPPED(status)) {
      threads_.erase(thread);
      continue;
    }
    threads_.insert(thread);  // a new one may stop before the one that made it tells
    int signal = WSTOPSIG(status);
    bool real = false;
    if (signal == (SIGTRAP | 0x80))
      on_call(thread);
    else
      real = status >> 16 == 0;
    ::ptrace(PTRACE_SYSCALL, thread, 0, real ? signal : 0);
  }
  ended_ = true;
}

}  // namespace brig::harness
