#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <string>

#include "core/random.hpp"
#include "core/text.hpp"
#include "core/unique_fd.hpp"
#include "supervisor/link.hpp"

namespace brig::supervisor {
namespace {

// Small files of /proc, whole; empty if the process is gone.
std::string read_proc(pid_t pid, const char* file) {
  std::string path = "/proc/" + (pid == 0 ? std::string("self") : std::to_string(pid)) + "/" + file;
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string out;
  if (!fd) return out;
  char piece[4096];
  while (out.size() < 64 * 1024) {
    ssize_t n = ::read(fd.get(), piece, sizeof piece);
    if (n <= 0) break;
    out.append(piece, static_cast<std::size_t>(n));
  }
  return out;
}

// The pid in each namespace from procfs's own downwards.
std::vector<long> namespace_pids(const std::string& status) {
  std::vector<long> pids;
  for (std::string_view line : split(status, '\n')) {
    if (!line.starts_with("NSpid:")) continue;
    for (std::string_view word : split(line.substr(6), '\t')) {
      long value = 0;
      auto [end, ec] = std::from_chars(word.data(), word.data() + word.size(), value);
      if (ec == std::errc() && end == word.data() + word.size()) pids.push_back(value);
    }
  }
  return pids;
}

Error refuse(const Peer& peer, std::string_view why) {
  return {Code::denied, "process " + std::to_string(peer.pid) + " at a sandbox's socket " + std::string(why),
          "supervisor: peer"};
}

}  // namespace

Secret new_link_key() {
  unsigned char bytes[link::kKeySize];
  fill_random(bytes);
  Secret key(std::string_view(reinterpret_cast<const char*>(bytes), sizeof bytes));
  explicit_bzero(bytes, sizeof bytes);
  return key;
}

Result<void> check_member(const Peer& peer, const ContainerId& container) {
  if (container.str().size() < 12) return refuse(peer, "cannot be checked: the container's id is not known");
  if (peer.pid <= 0) return refuse(peer, "is in a namespace that is out of sight");
  if (read_proc(peer.pid, "cgroup").find(container.str()) == std::string::npos) {
    return refuse(peer, "belongs to another container");
  }
  return {};
}

void kill_all_of(const ContainerId& container) {
  if (container.str().size() < 12) return;
  std::error_code ec;
  for (std::filesystem::directory_iterator it("/proc", ec), end; !ec && it != end; it.increment(ec)) {
    auto name = it->path().filename().native();
    pid_t pid = 0;
    auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || stop != name.data() + name.size()) continue;
    if (read_proc(pid, "cgroup").find(container.str()) == std::string::npos) continue;
    // Held before it is looked at once more: the number may be another's by now.
    UniqueFd held(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!held || read_proc(pid, "cgroup").find(container.str()) == std::string::npos) continue;
    (void)::syscall(SYS_pidfd_send_signal, held.get(), SIGKILL, nullptr, 0);
  }
}

Result<void> check_first_process(const Peer& peer, const ContainerId& container) {
  BRIG_CHECK(check_member(peer, container));
  auto inside = namespace_pids(read_proc(peer.pid, "status"));
  auto here = namespace_pids(read_proc(0, "status"));
  if (inside.size() != here.size() + 1 || inside.back() != 1) {
    return refuse(peer, "is not the first process of a container");
  }
  return {};
}

}  // namespace brig::supervisor
