#include <cstring>

#include "core/text.hpp"
#include "core/units.hpp"
#include "doctor/evaluate.hpp"

namespace brig::doctor {

namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
// Less than this and sessions fail; less than that and they soon will.
constexpr std::uint64_t kTooLittle = kGiB / 2;
constexpr std::uint64_t kLittle = 5 * kGiB;
constexpr std::uint64_t kFewInodes = 50'000;
// A clock before this was never set: 2025-01-01.
constexpr WallTime kEarliest{Millis{1'735'689'600'000}};

void judge_kernel(const HostFacts& host, std::vector<Finding>& out) {
  if (!host.is_root) {
    out.push_back(
        bad("root", "brigd does not run as root, so it cannot mount workspaces", "systemctl restart brigd"));
  }
  for (const auto& [name, err] : host.syscalls) {
    if (err == 0) {
      out.push_back(good("kernel." + name, "Linux " + printable(host.kernel, 64) + " has it"));
    } else {
      out.push_back(bad("kernel." + name, "the kernel refuses it: " + std::string(std::strerror(err)),
                        "boot Linux 5.19 or newer, and let no seccomp filter of brigd's service forbid it"));
    }
  }
  if (host.workspace) {
    out.push_back(
        bad("kernel.overlay", printable(host.workspace->message, 600),
            "boot Linux 5.19 or newer with overlayfs and user namespaces (sysctl user.max_user_namespaces), "
            "and keep the state directory on ext4, xfs or btrfs"));
  } else {
    out.push_back(
        good("kernel.overlay", "a workspace was mounted and taken down: overlay on idmapped layers works"));
  }
  if (host.disk_limit) {
    out.push_back(bad("disk.limit", printable(host.disk_limit->message, 600),
                      "modprobe loop && apt-get install e2fsprogs"));
  } else {
    out.push_back(
        good("disk.limit", "a workspace with a limit was mounted and taken down: loop devices work"));
  }
}

void judge_mounts(const HostFacts& host, std::vector<Finding>& out) {
  if (!host.shares_mounts) return;
  if (*host.shares_mounts) {
    out.push_back(good("engine.mounts", "the engine sees what brigd mounts"));
  } else {
    out.push_back(
        warning("engine.mounts",
                "the engine lives in another mount namespace than brigd, and may see empty workspaces",
                "remove PrivateTmp, PrivateMounts, Protect… and ReadOnlyPaths from brigd's service, then "
                "systemctl daemon-reload && systemctl restart brigd"));
  }
}

void judge_state(const HostFacts& host, std::vector<Finding>& out) {
  auto dir = printable(host.state_dir.native(), 200);
  if (host.state_error) {
    out.push_back(bad("state", printable(host.state_error->message, 400), "install -d -m 0711 " + dir));
  } else if (host.state_uid != 0) {
    out.push_back(bad(
        "state",
        dir + " belongs to uid " + std::to_string(host.state_uid) + ", who could change what brigd relies on",
        "chown root:root " + dir));
  } else if (host.state_mode & 066) {
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(host.state_mode & 07777));
    out.push_back(bad("state", dir + " is open to others (mode " + mode + ")", "chmod 0711 " + dir));
  } else {
    out.push_back(good("state", dir + " is root's alone"));
  }
}

void judge_space(const char* check, const Space& space, std::vector<Finding>& out) {
  auto path = printable(space.path.native(), 200);
  auto detail = format_size(space.free_bytes) + " free at " + path;
  auto remedy = "free space at " + path + ": brig rm ended sessions, docker system prune";
  if (space.free_bytes < kTooLittle) {
    out.push_back(bad(check, detail, remedy));
  } else if (space.free_bytes < kLittle) {
    out.push_back(warning(check, detail, remedy));
  } else if (space.counts_inodes && space.free_inodes < kFewInodes) {
    out.push_back(warning(
        check, detail + ", but room for only " + std::to_string(space.free_inodes) + " more files", remedy));
  } else {
    out.push_back(good(check, detail));
  }
}

void judge_group(const HostFacts& host, std::vector<Finding>& out) {
  auto group = printable(host.group, 64);
  if (host.group.empty()) {
    out.push_back(good("group", "only root may use Brig ([service] group is empty)"));
  } else if (host.group_exists) {
    out.push_back(good("group", "members of " + group + " may use Brig"));
  } else {
    out.push_back(warning(
        "group", "there is no group " + group + ", so only root may use Brig",
        "groupadd --system " + group + " && usermod -aG " + group + " USER && systemctl restart brigd"));
  }
}

void judge_trust(const HostFacts& host, std::vector<Finding>& out) {
  auto setting = printable(host.trust_setting, 200);
  if (host.trust_error) {
    out.push_back(
        bad("trust", printable(host.trust_error->message, 400),
            "set [trust] ca_bundle in brig.toml to a readable PEM file, \"auto\" or \"none\", then systemctl "
            "restart brigd"));
  } else if (host.trust_outdated) {
    out.push_back(warning(
        "trust",
        "the authorities of [trust] ca_bundle = \"" + setting + "\" have changed since brigd took them",
        "systemctl restart brigd"));
  } else if (host.trust_file.empty()) {
    out.push_back(good("trust", "sandboxes and builds trust what their images bring ([trust] ca_bundle = \"" +
                                    setting + "\" adds nothing)"));
  } else if (host.trust_certificates == 0) {
    out.push_back(bad("trust",
                      "the bundle " + printable(host.trust_file.native(), 200) + " has no certificate in it",
                      "systemctl restart brigd"));
  } else {
    out.push_back(good("trust", "sandboxes and builds trust this host's " +
                                    std::to_string(host.trust_certificates) +
                                    " authorities ([trust] ca_bundle = \"" + setting + "\")"));
  }
}

void judge_clock(const HostFacts& host, std::vector<Finding>& out) {
  auto now = format_time(host.now);
  if (host.now < kEarliest) {
    out.push_back(bad("clock", "the clock says " + now + ", so tokens expire wrongly and TLS fails",
                      "timedatectl set-ntp true"));
  } else if (!host.clock_synchronised) {
    out.push_back(warning("clock", "the clock says " + now + ", but nothing keeps it right",
                          "timedatectl set-ntp true"));
  } else {
    out.push_back(good("clock", now + ", kept right"));
  }
}

}  // namespace

void evaluate_host(const HostFacts& host, std::vector<Finding>& out) {
  judge_kernel(host, out);
  if (host.init_error) {
    out.push_back(bad("init", printable(host.init_error->message, 400),
                      "install Brig again: it brings brig-init, which every sandbox starts with"));
  } else {
    out.push_back(good("init", printable(host.init.native(), 200)));
  }
  judge_mounts(host, out);
  judge_state(host, out);
  if (host.state_space) judge_space("disk.state", *host.state_space, out);
  if (host.engine_space) judge_space("disk.engine", *host.engine_space, out);
  judge_group(host, out);
  judge_trust(host, out);
  judge_clock(host, out);
}

}  // namespace brig::doctor
