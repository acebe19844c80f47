// Files of the host, of the engine and of other sandboxes, by every path that might lead there.
#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/tools.hpp"

namespace brig::escape {
namespace {

constexpr const char* kNoSocket = "the engine's socket is in no mount of a sandbox";
constexpr const char* kReadOnly =
    "the root is read-only, and what the service needs inside is not the agent's";

// Unix sockets anywhere below, but for the two that are meant to be there.
Outcome finds_socket(const std::string& root, int depth) {
  DIR* dir = ::opendir(root.c_str());
  if (!dir) return refused(std::strerror(errno));
  Outcome out = refused();
  while (auto* entry = ::readdir(dir)) {
    std::string name = entry->d_name, path = root + (root.ends_with("/") ? "" : "/") + name;
    if (name == "." || name == ".." || path == "/proc" || path == "/sys") continue;
    if (entry->d_type == DT_SOCK && path != "/run/brig/sock" && path != "/run/brig/egress") {
      if (out = connects_to_unix(path); out.is == Outcome::Is::escaped) break;
    }
    if (entry->d_type == DT_DIR && depth > 0) {
      out = finds_socket(path, depth - 1);
      if (out.is == Outcome::Is::escaped) break;
    }
  }
  ::closedir(dir);
  return out.is == Outcome::Is::escaped ? out : refused();
}

bool holds_secret(const std::string& text) {
  auto secret = told("ESCAPE_SECRET");
  return !secret.empty() && text.find(secret) != std::string::npos;
}

// Every file that can be read below `root`.
Outcome finds_secret(const std::string& root, int depth) {
  DIR* dir = ::opendir(root.c_str());
  if (!dir) return refused(std::strerror(errno));
  Outcome out = refused();
  while (auto* entry = ::readdir(dir)) {
    std::string name = entry->d_name, path = root + (root.ends_with("/") ? "" : "/") + name;
    if (name == "." || name == ".." || path == "/proc" || path == "/sys" || path == "/dev") continue;
    if (entry->d_type == DT_DIR && depth > 0)
      out = finds_secret(path, depth - 1);
    else if (entry->d_type == DT_REG && holds_secret(content(path, 4 << 20)))
      out = escaped(path);
    if (out.is == Outcome::Is::escaped) break;
  }
  ::closedir(dir);
  return out.is == Outcome::Is::escaped ? out : refused();
}

Outcome shows_secret(const std::string& path) {
  auto text = content(path);
  return holds_secret(text) ? escaped(path + " holds it")
                            : refused(text.empty() ? "nothing to read" : "something else");
}

Outcome through_link(const std::string& target, Outcome (*get)(const std::string&)) {
  auto link = own_name("link");
  if (::symlink(target.c_str(), link.c_str()) != 0) return broken(std::strerror(errno));
  auto got = get(link);
  ::unlink(link.c_str());
  return got;
}

}  // namespace

ATTEMPT(filesystem, engine_socket, kNoSocket) {
  return connects_to_unix("/run/docker.sock");
}
ATTEMPT(filesystem, engine_socket_of_old, kNoSocket) {
  return connects_to_unix("/var/run/docker.sock");
}
ATTEMPT(filesystem, engine_socket_where_it_is, kNoSocket) {
  return connects_to_unix(told("ESCAPE_ENGINE"));
}
ATTEMPT(filesystem, engine_socket_by_root_of_pid_1, kNoSocket) {
  return connects_to_unix("/proc/1/root/run/docker.sock");
}
ATTEMPT(filesystem, engine_socket_by_own_root, kNoSocket) {
  return connects_to_unix("/proc/self/root/run/docker.sock");
}
ATTEMPT(filesystem, engine_socket_by_link, "a link is followed inside") {
  return through_link("/run/docker.sock", connects_to_unix);
}
ATTEMPT(filesystem, engine_socket_from_below, "there is nothing above the root") {
  return connects_to_unix("../../../../../../../../run/docker.sock");
}
ATTEMPT(filesystem, service_socket, "the service's own API is not for sandboxes") {
  return connects_to_unix(told("ESCAPE_SERVICE"));
}
ATTEMPT(filesystem, any_socket, "the only sockets inside are the session's own two") {
  return finds_socket("/", 6);
}
ATTEMPT(filesystem, secret_on_the_host, "the host's files are in no mount of a sandbox") {
  return shows_secret(told("ESCAPE_SECRET_FILE"));
}
ATTEMPT(filesystem, secret_by_root_of_pid_1,
        "the first process has the same root, and cannot be looked into") {
  return shows_secret("/proc/1/root" + told("ESCAPE_SECRET_FILE"));
}
ATTEMPT(filesystem, secret_by_directory_of_pid_1, "the first process cannot be looked into",
        proven_by("filesystem.own_secret", [] {
          auto path = own_name("secret");
          int fd = ::open(path.c_str(), O_CREAT | O_WRONLY, 0600);
          auto secret = told("ESCAPE_SECRET");
          (void)!::write(fd, secret.data(), secret.size());
          auto got = shows_secret("/proc/self/cwd/.." + path);
          ::unlink(path.c_str());
          return got;
        })) {
  return shows_secret("/proc/1/cwd" + told("ESCAPE_SECRET_FILE"));
}
ATTEMPT(filesystem, secret_from_below, "there is nothing above the root") {
  return shows_secret("/tmp/../../../../../.." + told("ESCAPE_SECRET_FILE"));
}
ATTEMPT(filesystem, secret_by_link, "a link is followed inside") {
  return through_link(told("ESCAPE_SECRET_FILE"), shows_secret);
}
ATTEMPT(filesystem, secret_by_link_in_the_project, "a link in the project is followed inside") {
  auto project = told("ESCAPE_PROJECT");
  return shows_secret((project.empty() ? "/workspace" : project) + "/out");
}
ATTEMPT(filesystem, secret_anywhere, "nothing of others is in anything that can be read") {
  auto root = told("ESCAPE_ROOT");
  return finds_secret(root.empty() ? "/" : root, 12);
}
ATTEMPT(filesystem, new_file_at_root, kReadOnly) {
  return makes("/brig-escape");
}
ATTEMPT(filesystem, new_file_in_etc, kReadOnly) {
  return makes("/etc/brig-escape");
}
ATTEMPT(filesystem, new_file_in_bin, kReadOnly) {
  return makes("/bin/brig-escape");
}
ATTEMPT(filesystem, new_file_in_run, kReadOnly) {
  return makes("/run/brig-escape");
}
ATTEMPT(filesystem, overwrite_shell, kReadOnly) {
  return writes("/bin/sh");
}
ATTEMPT(filesystem, overwrite_passwd, kReadOnly) {
  return writes("/etc/passwd");
}
ATTEMPT(filesystem, overwrite_hosts, kReadOnly) {
  return writes("/etc/hosts");
}
ATTEMPT(filesystem, overwrite_resolver, kReadOnly) {
  return writes("/etc/resolv.conf");
}
ATTEMPT(filesystem, project_on_the_host, "the host's tree is never written: /workspace is a copy") {
  // Looked at from outside: the file must not be there.
  auto project = told("ESCAPE_PROJECT");
  auto path = (project.empty() ? "/workspace" : project) + "/project";
  int fd = ::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC);
  if (fd < 0) return broken(std::strerror(errno));
  (void)!::write(fd, "changed by the agent\n", 21);
  ::close(fd);
  return project.empty() ? refused("what is outside is looked at outside") : escaped();
}
ATTEMPT(filesystem, descriptor_left_open,
        "no descriptor of the runtime or the supervisor reaches a program (CVE-2024-21626)",
        proven_by("filesystem.own_descriptor", [] {
          int fd = ::open("/", O_RDONLY | O_DIRECTORY);
          return fd > 2 ? escaped() : broken();
        })) {
  for (int fd = 3; fd < 1024; ++fd) {
    char target[256] = {};
    auto name = "/proc/self/fd/" + std::to_string(fd);
    if (::readlink(name.c_str(), target, sizeof target - 1) < 0) continue;
    std::string where = target;
    if (where.starts_with("pipe:") || where.starts_with("anon_inode:")) continue;  // the agent's own
    return escaped(name + " is " + where);
  }
  return refused();
}

}  // namespace brig::escape
