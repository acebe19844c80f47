#include "policy/host_path.hpp"

#include <algorithm>
#include <array>

#include "core/text.hpp"

namespace brig::policy {
namespace {

bool same_or_below(std::string_view path, std::string_view root) {
  if (root == "/") return true;
  return path.substr(0, root.size()) == root && (path.size() == root.size() || path[root.size()] == '/');
}

// Either holds the other.
bool related(std::string_view a, std::string_view b) {
  return same_or_below(a, b) || same_or_below(b, a);
}

// Kernel file systems, and where engines and service managers keep their state and sockets.
constexpr std::array<std::string_view, 17> kClosed{"/proc",
                                                   "/sys",
                                                   "/dev",
                                                   "/run",
                                                   "/var/run",
                                                   "/boot",
                                                   "/var/lib/docker",
                                                   "/var/lib/containerd",
                                                   "/var/lib/containers",
                                                   "/var/lib/kubelet",
                                                   "/var/lib/crio",
                                                   "/etc/docker",
                                                   "/etc/containerd",
                                                   "/etc/crio",
                                                   "/etc/brig",
                                                   "/var/lib/brig",
                                                   "/etc/systemd"};

// Socket names of engines wherever they stand: Docker-in-a-VM products put theirs into home directories.
constexpr std::array<std::string_view, 7> kSockets{"docker.sock",    "containerd.sock", "podman.sock",
                                                   "crio.sock",      "dockershim.sock", "buildkitd.sock",
                                                   "docker.raw.sock"};

Error denied(std::string_view field, std::string_view path, std::string why) {
  return {Code::denied,
          std::string(field) + " " + quoted(path, 200) + " cannot be shown to a sandbox: " + why, "policy",
          false};
}

}  // namespace

Result<void> check_absolute(std::string_view field, std::string_view path) {
  auto bad = [&](std::string_view rule) {
    return Error{Code::invalid, std::string(field) + " " + quoted(path, 200) + " " + std::string(rule),
                 "policy", false};
  };
  if (path.empty() || path[0] != '/') return bad("must be an absolute path; begin it with '/'");
  if (path.size() > 4095 || !is_utf8(path)) return bad("must be at most 4095 bytes of UTF-8");
  if (std::any_of(path.begin(), path.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
    return bad("must hold no control characters; rename it");
  if (path == "/") return {};
  auto parts = split(path.substr(1), '/');
  for (auto part : parts)
    if (part.empty() || part == "." || part == "..")
      return bad("must be written without '.', '..', doubled or trailing slashes");
  return {};
}

Result<void> check_host_path(std::string_view field, std::string_view path, std::string_view state_dir,
                             const std::vector<std::string>& engine_sockets) {
  BRIG_CHECK(check_absolute(field, path));
  if (path == "/") return denied(field, path, "it is the whole host; name the directory that is needed");
  for (auto closed : kClosed) {
    if (same_or_below(path, closed))
      return denied(field, path, std::string(closed) + " belongs to the host; use a directory elsewhere");
    if (same_or_below(closed, path))
      return denied(field, path, "it contains " + std::string(closed) + "; name a directory further down");
  }
  auto name = path.substr(path.rfind('/') + 1);
  if (std::find(kSockets.begin(), kSockets.end(), name) != kSockets.end())
    return denied(field, path, "it is an engine's socket, and whoever reaches that is root on the host");
  if (!state_dir.empty() && related(path, state_dir))
    return denied(field, path, "it is, holds or lies in Brig's own state; use a directory elsewhere");
  for (const auto& socket : engine_sockets)
    if (related(path, socket))
      return denied(
          field, path,
          "it is or contains the engine's socket " + quoted(socket, 200) + "; name a directory further down");
  return {};
}

Result<void> check_mount_target(std::string_view field, std::string_view path) {
  BRIG_CHECK(check_absolute(field, path));
  static constexpr std::array<std::string_view, 13> kTaken{
      "/proc", "/sys", "/dev",   "/run",  "/workspace", "/etc",    "/bin",
      "/sbin", "/lib", "/lib64", "/boot", "/usr/bin",   "/usr/lib"};
  static constexpr std::array<std::string_view, 6> kWhole{"/",           "/usr", "/home",
                                                          "/home/agent", "/tmp", "/var"};
  auto refuse = [&](std::string_view what) {
    return Error{Code::denied,
                 std::string(field) + " " + quoted(path, 200) + " is " + std::string(what) +
                     " inside; use a place of its own such as /mnt/data",
                 "policy", false};
  };
  for (auto taken : kTaken)
    if (same_or_below(path, taken)) return refuse("taken");
  if (std::find(kWhole.begin(), kWhole.end(), path) != kWhole.end()) return refuse("needed");
  return {};
}

}  // namespace brig::policy
