#include <algorithm>
#include <array>

#include "core/text.hpp"
#include "doctor/evaluate.hpp"

namespace brig::doctor {

namespace {

constexpr const char* kRestart = "systemctl restart docker";

std::string register_runtime(std::string_view name, std::string_view path) {
  return "apt-get install " + std::string(name == "runsc" ? "runsc" : name) + ", add {\"runtimes\": {\"" +
         std::string(name) + "\": {\"path\": \"" + std::string(path) +
         "\"}}} to /etc/docker/daemon.json, then " + kRestart;
}

void judge_reach(const EngineFacts& engine, std::vector<Finding>& out) {
  if (!engine.error) {
    out.push_back(good("engine", "Docker " + printable(engine.version, 40) + ", API " +
                                     printable(engine.api, 16) + ", at " + printable(engine.endpoint, 200)));
    return;
  }
  auto detail = printable(engine.error->message, 600);
  switch (engine.error->code) {
    case Code::denied:
      out.push_back(bad("engine", detail,
                        "run brigd as root, or let its user reach " + printable(engine.endpoint, 200)));
      break;
    case Code::unsupported:
      out.push_back(
          bad("engine", detail, "apt-get install docker.io (20.10 or newer), then " + std::string(kRestart)));
      break;
    default:
      out.push_back(bad("engine", detail, "systemctl start docker, or set [engine] host in brig.toml"));
  }
}

void judge_users(const EngineFacts& engine, std::vector<Finding>& out) {
  if (engine.rootless) {
    out.push_back(bad("engine.users",
                      "the engine runs rootless, so it cannot see the workspaces brigd mounts",
                      "run the engine as root: systemctl enable --now docker"));
  } else if (engine.userns_remap) {
    out.push_back(
        bad("engine.users",
            "the engine shifts all uids (userns-remap), so the owner of a project is not who it seems inside",
            "remove \"userns-remap\" from /etc/docker/daemon.json, then " + std::string(kRestart)));
  } else {
    out.push_back(
        good("engine.users", "the engine runs as root and maps no uids; Brig maps the project's owner"));
  }
}

void judge_cgroup(const EngineFacts& engine, std::vector<Finding>& out) {
  out.push_back(good("cgroup", "version " + std::to_string(engine.cgroup_version)));
  struct Controller {
    const char* check;
    bool there;
    const char* what;
  };
  auto version = engine.cgroup_version;
  for (auto& [check, there, what] :
       std::array<Controller, 3>{{{"cgroup.memory", engine.memory_limit, "memory"},
                                  {"cgroup.pids", engine.pids_limit, "processes"},
                                  {"cgroup.cpu", engine.cpu_quota, "cpu time"}}}) {
    if (there) {
      out.push_back(good(check, "the engine can limit " + std::string(what)));
      continue;
    }
    std::string name = std::string(check).substr(7);
    out.push_back(bad(check, "the engine cannot limit " + std::string(what),
                      version >= 2
                          ? "echo +" + name + " > /sys/fs/cgroup/cgroup.subtree_control, then " + kRestart
                          : "boot with cgroup_enable=" + name + " on the kernel's command line"));
  }
  if (engine.swap_limit) {
    out.push_back(good("cgroup.swap", "the engine can limit swap"));
  } else {
    out.push_back(warning(
        "cgroup.swap",
        "the engine cannot limit swap, so a sandbox at its memory limit may go on into the host's swap",
        "boot with swapaccount=1 on the kernel's command line, or swapoff -a"));
  }
}

void judge_runtimes(const EngineFacts& engine, std::vector<Finding>& out) {
  auto has = [&](std::string_view name) {
    return std::find(engine.runtimes.begin(), engine.runtimes.end(), name) != engine.runtimes.end();
  };
  if (has("runc")) {
    out.push_back(good("runtime.runc", "registered in the engine"));
  } else {
    out.push_back(bad("runtime.runc", "not registered in the engine; most profiles ask for it",
                      register_runtime("runc", "/usr/sbin/runc")));
  }
  if (has("crun")) {
    out.push_back(good("runtime.crun", "registered in the engine"));
  } else {
    out.push_back(warning("runtime.crun",
                          "not registered in the engine; profiles that ask for it are refused",
                          register_runtime("crun", "/usr/bin/crun")));
  }
  if (has("runsc")) {
    out.push_back(good("runtime.runsc", "registered in the engine"));
  } else {
    out.push_back(warning(
        "runtime.runsc", "not registered in the engine; profiles that ask for gVisor are refused",
        "apt-get install runsc, register a wrapper that runs `runsc --network=none --host-uds=all \"$@\"` as "
        "\"runsc\" in /etc/docker/daemon.json, then " +
            std::string(kRestart)));
  }
}

}  // namespace

void evaluate_engine(const EngineFacts& engine, std::vector<Finding>& out) {
  judge_reach(engine, out);
  if (engine.error) return;
  judge_users(engine, out);
  judge_cgroup(engine, out);
  if (engine.seccomp) {
    out.push_back(good("seccomp", "the engine applies seccomp profiles"));
  } else {
    out.push_back(
        bad("seccomp", "the engine cannot apply seccomp profiles; Brig starts no sandbox without",
            "apt-get install --reinstall docker.io libseccomp2, on a kernel with CONFIG_SECCOMP_FILTER"));
  }
  judge_runtimes(engine, out);
}

}  // namespace brig::doctor
