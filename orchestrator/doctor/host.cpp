#include "doctor/host.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>

#include "core/files.hpp"
#include "core/text.hpp"
#include "core/unique_fd.hpp"

namespace brig::doctor {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kProbeDisk = 16u << 20;

// Each is called so that it has nothing to do: what matters is whether it is there.
std::map<std::string, int> try_syscalls() {
  std::map<std::string, int> found;
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  UniqueFd directory(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof how)));
  found["openat2"] = directory ? 0 : errno;
  UniqueFd self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  found["pidfd"] = self ? 0 : errno;
  mount_attr attr{};
  bool there = ::mount_setattr(-1, "", AT_EMPTY_PATH, &attr, sizeof attr) == 0 || errno == EBADF;
  found["mount_setattr"] = there ? 0 : errno;
  return found;
}

std::optional<Space> space_at(const fs::path& path) {
  struct statvfs st {};
  if (path.empty() || ::statvfs(path.c_str(), &st) != 0) return std::nullopt;
  return Space{path, std::uint64_t{st.f_bavail} * st.f_frsize, st.f_favail, st.f_files > 0};
}

bool group_exists(const std::string& name) {
  std::array<char, 65536> buffer;
  group entry{};
  group* found = nullptr;
  return ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) == 0 && found;
}

// Mounts a workspace as a session would, and takes it down. Leftovers of one that was cut short go first.
std::optional<Error> try_workspace(const fs::path& state, const char* name, std::uint64_t disk,
                                   workspace::Mounter& mounter) {
  auto parent = state / "doctor";
  auto session = parent / name;
  auto layer = parent / (std::string(name) + "-layer");
  if (auto gone = workspace::unmount(session); !gone) return gone.error();
  if (auto gone = workspace::destroy(session); !gone) return gone.error();
  if (auto gone = workspace::destroy(layer); !gone) return gone.error();
  if ((::mkdir(parent.c_str(), 0700) != 0 && errno != EEXIST) || ::mkdir(session.c_str(), 0700) != 0) {
    return errno_error(errno, "Cannot make " + brig::quoted(session.native(), 200), "doctor");
  }
  workspace::MountSpec spec;
  spec.session = session;
  spec.layer = layer;
  // Not the uid inside: then a file system that cannot be idmapped would pass.
  spec.uid = spec.gid = workspace::kInside + 1;
  spec.disk_bytes = disk;
  auto mounted = mounter.mount(spec);
  auto unmounted = workspace::unmount(session);
  auto destroyed = unmounted ? workspace::destroy(session) : Result<void>{};
  if (unmounted && destroyed) destroyed = workspace::destroy(layer);
  ::rmdir(parent.c_str());
  if (!mounted) return mounted.error();
  if (!unmounted) return unmounted.error();
  if (!destroyed) return destroyed.error();
  return std::nullopt;
}

// The engine bind-mounts what brigd has mounted, so it must see it. Who listens on its socket (dockerd, or
// the init system that made the socket for it) tells which namespace it lives in.
std::optional<bool> shares_mounts(const fs::path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.empty() || socket.native().size() >= sizeof address.sun_path) return std::nullopt;
  socket.native().copy(address.sun_path, sizeof address.sun_path - 1);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  ucred peer{};
  socklen_t size = sizeof peer;
  if (!fd || ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid <= 0) {
    return std::nullopt;
  }
  struct stat theirs {
  }, ours{};
  auto path = "/proc/" + std::to_string(peer.pid) + "/ns/mnt";
  if (::stat(path.c_str(), &theirs) != 0 || ::stat("/proc/self/ns/mnt", &ours) != 0) return std::nullopt;
  return theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev;
}

void look_at_trust(const Setup& setup, HostFacts& facts) {
  facts.trust_setting = setup.trust_setting;
  facts.trust_file = setup.trust_file;
  struct stat taken {
  }, source{};
  if (!setup.trust_file.empty()) {
    auto pem = read_file(setup.trust_file, 16u << 20);
    if (!pem) {
      facts.trust_error = pem.error();
      return;
    }
    for (std::size_t at = 0; (at = pem->find("-----BEGIN CERTIFICATE-----", at)) != std::string::npos; ++at) {
      ++facts.trust_certificates;
    }
  }
  if (!setup.trust_setting.starts_with('/')) return;
  if (::stat(setup.trust_setting.c_str(), &source) != 0) {
    facts.trust_error = errno_error(errno, "Cannot read " + brig::quoted(setup.trust_setting, 200), "doctor");
  } else if (!setup.trust_file.empty() && ::stat(setup.trust_file.c_str(), &taken) == 0) {
    facts.trust_outdated = source.st_mtim.tv_sec > taken.st_mtim.tv_sec;
  }
}

}  // namespace

HostFacts look_at_host(const Setup& setup, const EngineOnHost& engine, workspace::Mounter& mounter) {
  HostFacts facts;
  utsname name{};
  if (::uname(&name) == 0) facts.kernel = name.release;
  facts.is_root = ::geteuid() == 0;
  facts.syscalls = try_syscalls();
  facts.workspace = try_workspace(setup.state_dir, "plain", 0, mounter);
  facts.disk_limit = try_workspace(setup.state_dir, "limited", kProbeDisk, mounter);

  facts.state_dir = setup.state_dir;
  struct stat st {};
  if (::stat(setup.state_dir.c_str(), &st) != 0) {
    facts.state_error =
        errno_error(errno, "Cannot look at " + brig::quoted(setup.state_dir.native(), 200), "doctor");
  }
  facts.state_uid = st.st_uid;
  facts.state_mode = st.st_mode & 07777;
  facts.state_space = space_at(setup.state_dir);
  facts.engine_space = space_at(engine.root);
  facts.shares_mounts = shares_mounts(engine.socket);

  facts.group = setup.group;
  facts.group_exists = !setup.group.empty() && group_exists(setup.group);
  facts.init = setup.init_binary;
  if (::access(setup.init_binary.c_str(), X_OK) != 0) {
    facts.init_error = errno_error(
        errno, "The supervisor " + brig::quoted(setup.init_binary.native(), 200) + " cannot be run",
        "doctor");
  }
  facts.now = SystemClock().wall();
  timex clock{};
  int state = ::adjtimex(&clock);
  facts.clock_synchronised = state >= 0 && state != TIME_ERROR && !(clock.status & STA_UNSYNC);
  look_at_trust(setup, facts);
  return facts;
}

}  // namespace brig::doctor
