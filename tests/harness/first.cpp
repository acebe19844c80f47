#include "harness/first.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "core/unique_fd.hpp"
#include "harness/remains.hpp"

#ifndef BRIG_RUNSC_WRAPPER
#error "BRIG_RUNSC_WRAPPER must name deploy/runsc-brig"
#endif

namespace brig::harness {
namespace fs = std::filesystem;
namespace {

bool complain(const char* what) {
  std::fprintf(stderr, "harness: %s: %s\n", what, strerror(errno));
  return false;
}

bool make_mounts(const fs::path& dir, bool network) {
  std::error_code ec;
  const fs::path resolv = fs::canonical("/etc/resolv.conf", ec);
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return complain("private mounts");
  if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) {
    return complain("mount /proc");
  }
  // Everything an engine keeps under /run by a fixed name (containerd's sockets, the default API socket,
  // plug-ins) is this engine's own then, and gone with it.
  if (::mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") != 0) return complain("mount /run");
  ::mkdir("/run/lock", 01777);
  // crun sees the hybrid layout's cgroup2 mount and then insists on it; Docker manages only the others.
  if (fs::exists("/sys/fs/cgroup/unified/cgroup.procs", ec) &&
      ::umount2("/sys/fs/cgroup/unified", MNT_DETACH) != 0) {
    return complain("unmount /sys/fs/cgroup/unified");
  }
  if (network) {
    // slirp4netns answers DNS at this address by way of the host's resolver, wherever that listens.
    const fs::path ours = dir / "resolv.conf";
    std::ofstream(ours) << "nameserver 10.0.2.3\n";
    const fs::path target = resolv.empty() ? fs::path("/etc/resolv.conf") : resolv;
    if (target.string().starts_with("/run/")) {
      fs::create_directories(target.parent_path(), ec);
      std::ofstream{target};
    }
    if (::mount(ours.c_str(), target.c_str(), nullptr, MS_BIND, nullptr) != 0) return complain("resolv.conf");
  }
  return true;
}

bool loopback_up() {
  UniqueFd s(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  ::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return ::ioctl(s.get(), SIOCSIFFLAGS, &request) == 0 || complain("loopback");
}

// slirp4netns stays in the host's network and pipes the new one's traffic to it as an ordinary program would.
bool make_network(bool outside) {
  if (!outside) return ::unshare(CLONE_NEWNET) == 0 ? loopback_up() : complain("network namespace");
  int go[2], ready[2];
  if (::pipe2(go, O_CLOEXEC) != 0 || ::pipe2(ready, 0) != 0) return complain("pipe");
  const pid_t slirp = ::fork();
  if (slirp == 0) {
    char byte = 0;
    ::close(go[1]);
    ::close(ready[0]);
    if (::read(go[0], &byte, 1) != 1) ::_exit(1);
    const std::string fd = std::to_string(ready[1]);
    ::execlp("slirp4netns", "slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback",
             "--ready-fd", fd.c_str(), "--netns-type=path", "/proc/1/ns/net", "tap0", nullptr);
    std::fprintf(stderr, "harness: cannot run slirp4netns: %s; install it (deploy/dependencies --test)\n",
                 strerror(errno));
    ::_exit(127);
  }
  ::close(ready[1]);
  ::close(go[0]);
  if (::unshare(CLONE_NEWNET) != 0) return complain("network namespace");
  if (!loopback_up()) return false;
  char byte = 1;
  const bool told = ::write(go[1], &byte, 1) == 1;
  const bool up = told && ::read(ready[0], &byte, 1) == 1;
  ::close(ready[0]);
  ::close(go[1]);
  return up || complain("slirp4netns did not come up");
}

pid_t start_daemon(const fs::path& dir) {
  const std::vector<std::string> words = {
      "dockerd",
      "--config-file=" + (dir / "daemon.json").string(),
      "--data-root=" + (dir / "data").string(),
      "--exec-root=/run/docker",
      "--pidfile=" + (dir / "docker.pid").string(),
      "--host=unix://" + (dir / "docker.sock").string(),
      "--host=unix:///run/docker.sock",
      "--cgroup-parent=" + cgroup_parent(dir),
      "--exec-opt=native.cgroupdriver=cgroupfs",
      "--userland-proxy=false",
      "--add-runtime=crun=crun",
      "--add-runtime=runsc=" BRIG_RUNSC_WRAPPER,
  };
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  std::vector<char*> args;
  for (const auto& word : words) args.push_back(const_cast<char*>(word.c_str()));
  args.push_back(nullptr);
  ::execvp(args[0], args.data());
  std::fprintf(stderr, "harness: cannot run dockerd: %s; install docker.io (deploy/dependencies --engine)\n",
               strerror(errno));
  ::_exit(127);
}

void pause_briefly() {
  ::poll(nullptr, 0, 20);
}

}  // namespace

int run_first_process(const fs::path& dir, bool network) {
  if (!make_mounts(dir, network) || !make_network(network)) return 1;
  std::ofstream(dir / "daemon.json") << "{}\n";
  std::error_code ec;
  for (;;) {
    ::unlink((dir / "docker.pid").c_str());
    const pid_t daemon = start_daemon(dir);
    if (daemon < 0) return 1;
    for (;;) {  // reap whatever is orphaned in here, until it is dockerd that ended
      const pid_t gone = ::waitpid(-1, nullptr, 0);
      if (gone == daemon) break;
      if (gone < 0 && errno != EINTR) return 1;
    }
    if (!fs::exists(dir / "ready", ec)) return 1;
    do {
      pause_briefly();
      while (::waitpid(-1, nullptr, WNOHANG) > 0) {
      }
    } while (fs::exists(dir / "hold", ec));
  }
}

}  // namespace brig::harness
