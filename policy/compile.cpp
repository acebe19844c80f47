#include "policy/compile.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/text.hpp"
#include "policy/host_path.hpp"
#include "policy/limits.hpp"
#include "policy/seccomp.hpp"

namespace brig::policy {
namespace {

using nlohmann::json;

// Docker's own, and what further tells about the host or lets a process meddle with it.
constexpr const char* kMasked[] = {"/proc/acpi",
                                   "/proc/asound",
                                   "/proc/config.gz",
                                   "/proc/interrupts",
                                   "/proc/kallsyms",
                                   "/proc/kcore",
                                   "/proc/key-users",
                                   "/proc/keys",
                                   "/proc/kmsg",
                                   "/proc/latency_stats",
                                   "/proc/modules",
                                   "/proc/sched_debug",
                                   "/proc/scsi",
                                   "/proc/slabinfo",
                                   "/proc/timer_list",
                                   "/proc/timer_stats",
                                   "/proc/vmallocinfo",
                                   "/proc/zoneinfo",
                                   "/sys/devices/virtual/powercap",
                                   "/sys/firmware",
                                   "/sys/fs/bpf",
                                   "/sys/kernel/debug",
                                   "/sys/kernel/notes",
                                   "/sys/kernel/security",
                                   "/sys/kernel/tracing",
                                   "/sys/kernel/vmcoreinfo",
                                   "/sys/module"};
constexpr const char* kReadonly[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                     "/proc/sysrq-trigger"};

Error invalid(std::string message) {
  return {Code::invalid, std::move(message), "policy: compile", false};
}
Error denied(std::string message) {
  return {Code::denied, std::move(message), "policy: compile", false};
}

bool lies_in(const std::string& path, const std::string& root) {
  return path.size() > root.size() + 1 && path.compare(0, root.size(), root) == 0 && path[root.size()] == '/';
}

Result<std::string> engine_runtime(Runtime runtime, const Facts& facts) {
  auto it = facts.runtime_names.find(runtime);
  auto name = it == facts.runtime_names.end() ? std::string(to_string(runtime)) : it->second;
  if (std::find(facts.engine_runtimes.begin(), facts.engine_runtimes.end(), name) ==
      facts.engine_runtimes.end()) {
    std::vector<std::string> known;
    for (const auto& r : facts.engine_runtimes) known.push_back(printable(r, 40));
    return Error{Code::unsupported,
                 "the engine has no runtime " + quoted(name) + " (it has " + join(known, ", ") +
                     "); add it to the engine's daemon.json, or choose a profile with another runtime",
                 "policy: compile", false};
  }
  return name;
}

Result<void> check_image(const Facts& facts) {
  const auto& id = facts.image.str();
  if (id.size() != 71 || id.compare(0, 7, "sha256:") != 0 ||
      id.find_first_not_of("0123456789abcdef", 7) != std::string::npos)
    return invalid("image " + quoted(id) +
                   " must be given by its id (sha256:…), which cannot be moved to another");
  if (!facts.image_volumes.empty())
    return denied(
        "the image declares the volume " + quoted(facts.image_volumes.front(), 200) +
        ", which the engine would create writable and without a limit; remove VOLUME from its Dockerfile");
  for (const auto& key : facts.image_label_keys)
    if (key.compare(0, 5, "brig.") == 0)
      return denied("the image carries the label " + quoted(key) +
                    ", and labels beginning with brig. are Brig's own; remove it from its Dockerfile");
  return {};
}

Result<void> check_names(const Facts& facts) {
  BRIG_CHECK(check_name("container name", facts.container_name));
  BRIG_CHECK(check_name("installation", facts.installation));
  if (!is_session_id(facts.session.str()))
    return invalid("session id " + quoted(facts.session.str()) + " is none");
  if (facts.owner.empty() || facts.owner.size() > 128 || !is_utf8(facts.owner) ||
      printable(facts.owner, 128) != facts.owner)
    return invalid("owner " + quoted(facts.owner) + " must be 1 to 128 printable bytes");
  const auto& host = facts.hostname;
  bool fine = !host.empty() && host.size() <= 63 && host.front() != '-' && host.back() != '-' &&
              std::all_of(host.begin(), host.end(), [](char c) {
                return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
              });
  if (!fine)
    return invalid("host name " + quoted(host) + " must be 1 to 63 letters, digits and '-', not at its ends");
  return {};
}

// An Effective is a plain value that anybody can make; to the engine a 0 in it would mean "no limit".
Result<void> check_limits(const Effective& effective) {
  for (const auto& info : limit_table()) {
    auto value = effective.limits.*info.value;
    if (value < info.least || value > info.most)
      return invalid("limits." + std::string(info.key) + " " + format_limit(info, value) + " must be from " +
                     format_limit(info, info.least) + " to " + format_limit(info, info.most));
  }
  return {};
}

json bind(const std::string& source, const char* target, bool writable) {
  // Not recursive: what is mounted below the source on the host stays there.
  return {{"Type", "bind"},
          {"Source", source},
          {"Target", target},
          {"ReadOnly", !writable},
          {"BindOptions", {{"Propagation", "rprivate"}, {"NonRecursive", true}}}};
}

// Engines mount what lies deeper later, whatever the order of the request. So one that a later one covers is
// left out: that is what mounting in order would have come to.
Result<std::vector<FactMount>> config_mounts(const Facts& facts) {
  if (facts.config.size() > 128)
    return Error{Code::too_large, "a sandbox takes at most 128 mounts of configuration", "policy: compile",
                 false};
  auto volumes = facts.state_dir + "/volumes";
  auto session = facts.state_dir + "/sessions/" + facts.session.str();
  std::vector<FactMount> out;
  for (const auto& mount : facts.config) {
    BRIG_CHECK(check_absolute("config source", mount.source));
    BRIG_CHECK(check_mount_target("config path", mount.target));
    auto rest =
        mount.source.substr(lies_in(mount.source, volumes) ? volumes.size() + 1 : mount.source.size());
    auto slash = rest.find('/');
    bool of_volume = slash != std::string::npos &&
                     (rest.substr(slash) == "/data" || rest.compare(slash, 6, "/data/") == 0);
    if (!of_volume && !lies_in(mount.source, session + "/config") &&
        !lies_in(mount.source, session + "/overlays"))
      return denied("config source " + quoted(mount.source, 200) +
                    " is neither a config volume nor of session " + facts.session.str());
    std::erase_if(out, [&](const FactMount& earlier) {
      return earlier.target == mount.target || lies_in(earlier.target, mount.target);
    });
    out.push_back(mount);
  }
  return out;
}

// CLIs that look for skills in the system's own configuration have a directory for nothing else there.
Result<void> check_bundle(const FactBundle& bundle, const Facts& facts) {
  BRIG_CHECK(check_absolute("skill source", bundle.source));
  BRIG_CHECK(check_absolute("skill path", bundle.target));
  auto layers = facts.state_dir + "/layers/";
  auto rest = bundle.source.substr(std::min(layers.size(), bundle.source.size()));
  auto slash = rest.find('/');
  if (bundle.source != layers + rest || !is_layer_id(rest.substr(0, slash)) || slash == std::string::npos ||
      rest.substr(slash) != "/files")
    return denied("skill source " + quoted(bundle.source, 200) + " is no bundle");
  auto parent = bundle.target.substr(0, bundle.target.rfind('/'));
  if (!parent.ends_with("/skills"))
    return denied("skill path " + quoted(bundle.target, 200) + " does not lie in a directory called skills");
  bool of_a_cli = lies_in(parent, "/etc") && parent != "/etc/skills";
  return of_a_cli ? Result<void>() : check_mount_target("skill path", bundle.target);
}

Result<json> mounts(const Effective& effective, const Facts& facts) {
  BRIG_CHECK(check_absolute("state directory", facts.state_dir));
  BRIG_CHECK(check_absolute("link directory", facts.link_dir));
  BRIG_CHECK(check_absolute("workspace", facts.workspace_dir));
  if (facts.state_dir == "/") return invalid("the state directory cannot be the root of the host");
  auto sessions = facts.state_dir + "/sessions/" + facts.session.str();
  if (!lies_in(facts.link_dir, sessions))
    return denied("link directory " + quoted(facts.link_dir, 200) + " is not of session " +
                  facts.session.str());
  // Also where it is the project itself, which is mounted there with its owner mapped.
  if (!lies_in(facts.workspace_dir, sessions) || facts.workspace_dir == facts.link_dir ||
      lies_in(facts.workspace_dir, facts.link_dir) || lies_in(facts.link_dir, facts.workspace_dir)) {
    return denied("workspace " + quoted(facts.workspace_dir, 200) + " is not of session " +
                  facts.session.str());
  }

  json out = json::array();
  out.push_back(bind(facts.link_dir, "/run/brig", false));
  out.push_back(bind(facts.workspace_dir, "/workspace", effective.workspace == Workspace::overlay));
  auto add_file = [&](const char* what, const std::string& file, const char* target) -> Result<void> {
    if (file.empty()) return {};
    BRIG_CHECK(check_absolute(what, file));
    if (!lies_in(file, sessions) || file == facts.link_dir || file == facts.workspace_dir ||
        lies_in(file, facts.link_dir) || lies_in(file, facts.workspace_dir))
      return denied(std::string(what) + " " + quoted(file, 200) + " is not of session " +
                    facts.session.str());
    out.push_back(bind(file, target, false));
    return {};
  };
  BRIG_CHECK(add_file("hosts file", facts.hosts_file, "/etc/hosts"));
  BRIG_CHECK(add_file("resolver file", facts.resolv_file, "/etc/resolv.conf"));
  BRIG_TRY(auto config, config_mounts(facts));
  for (const auto& mount : config) out.push_back(bind(mount.source, mount.target.c_str(), mount.writable));
  for (const auto& mount : effective.mounts()) {
    for (const auto& own : config)
      if (own.target == mount.target)
        return invalid("grants.mount.target " + quoted(mount.target, 200) +
                       " is where the provider keeps its configuration; use another place");
    auto it = facts.real_path.find(mount.source);
    if (it == facts.real_path.end())
      return invalid("nobody has resolved the symbolic links in " + quoted(mount.source, 200));
    BRIG_CHECK(check_host_path("grants.mount.source", it->second, facts.state_dir, facts.engine_sockets));
    BRIG_CHECK(check_mount_target("grants.mount.target", mount.target));
    out.push_back(bind(it->second, mount.target.c_str(), mount.writable));
  }
  // The runtime makes the places where it mounts, and must not do that in what is somebody's.
  std::set<std::string> taken;
  for (const auto& mount : config) taken.insert(mount.target);
  for (const auto& mount : effective.mounts()) taken.insert(mount.target);
  for (const auto& bundle : facts.bundles) {
    BRIG_CHECK(check_bundle(bundle, facts));
    bool covered = std::any_of(taken.begin(), taken.end(), [&](const std::string& place) {
      return place == bundle.target || lies_in(bundle.target, place) || lies_in(place, bundle.target);
    });
    if (covered) continue;
    out.push_back(bind(bundle.source, bundle.target.c_str(), false));
    taken.insert(bundle.target);
  }
  return out;
}

// Directories between the home and what is mounted in it are made by the runtime, as root's. Each gets a
// tmpfs of the agent's own instead, unless it lies in something mounted.
std::set<std::string> home_directories(const json& mounts) {
  static const std::string kHome = "/home/agent";
  std::set<std::string> out;
  for (const auto& mount : mounts) {
    const auto& target = mount["Target"].get_ref<const std::string&>();
    if (!lies_in(target, kHome)) continue;
    for (auto at = target.find('/', kHome.size() + 1); at != std::string::npos; at = target.find('/', at + 1))
      out.insert(target.substr(0, at));
  }
  for (const auto& mount : mounts) {
    const auto& target = mount["Target"].get_ref<const std::string&>();
    std::erase_if(out, [&](const std::string& path) { return path == target || lies_in(path, target); });
  }
  return out;
}

json tmpfs(const Limits<std::uint64_t>& limits, const json& mounts) {
  auto own = ",uid=1000,gid=1000,size=";
  // /tmp and the home may hold programs: npm, pip, compilers and node's native modules run what they unpack.
  json out = {
      {"/tmp", "rw,nosuid,nodev,exec,mode=1777,size=" + std::to_string(limits.tmp)},
      {"/home/agent", std::string("rw,nosuid,nodev,exec,mode=0700") + own + std::to_string(limits.home)},
      {"/run/user/1000", std::string("rw,nosuid,nodev,noexec,mode=0700") + own + std::to_string(limits.run)}};
  for (const auto& path : home_directories(mounts)) out[path] = out["/home/agent"];
  return out;
}

}  // namespace

std::string hosts_text(std::string_view hostname) {
  return "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 " + std::string(hostname) +
         "\n";
}

Result<CreateRequest> compile(const Effective& effective, const Facts& facts) {
  BRIG_CHECK(check_names(facts));
  BRIG_CHECK(check_image(facts));
  BRIG_CHECK(check_limits(effective));
  BRIG_TRY(auto runtime, engine_runtime(effective.runtime, facts));
  BRIG_TRY(auto seccomp, seccomp_profile(effective.grants));
  BRIG_TRY(auto binds, mounts(effective, facts));
  const auto& limits = effective.limits;
  auto memory = tmpfs(limits, binds);

  json host{
      // Power.
      {"Privileged", false},
      {"CapAdd", json::array()},
      {"CapDrop", {"ALL"}},
      {"SecurityOpt", {"no-new-privileges", "seccomp=" + seccomp}},
      {"ReadonlyRootfs", true},
      {"MaskedPaths", kMasked},
      {"ReadonlyPaths", kReadonly},
      {"Devices", json::array()},
      {"DeviceCgroupRules", json::array()},
      {"DeviceRequests", json::array()},
      {"Runtime", runtime},
      // Walls.
      {"NetworkMode", "none"},
      {"PidMode", ""},
      {"IpcMode", "private"},
      {"UTSMode", ""},
      {"CgroupnsMode", "private"},
      {"UsernsMode", ""},
      {"PublishAllPorts", false},
      // Files.
      {"Mounts", std::move(binds)},
      {"Tmpfs", std::move(memory)},
      {"ShmSize", limits.shm},
      // Measure.
      {"Memory", limits.memory},
      {"MemorySwap", limits.memory},
      {"NanoCpus", limits.milli_cpus * 1'000'000},
      {"PidsLimit", limits.pids},
      {"Ulimits",
       {{{"Name", "nofile"}, {"Soft", limits.nofile}, {"Hard", limits.nofile}},
        {{"Name", "core"}, {"Soft", 0}, {"Hard", 0}}}},
      {"OomScoreAdj", limits.oom_score_adj},
      {"OomKillDisable", false},
      // Life: Brig's alone, so the engine neither restarts, removes, logs nor supervises.
      {"AutoRemove", false},
      {"RestartPolicy", {{"Name", "no"}, {"MaximumRetryCount", 0}}},
      {"LogConfig", {{"Type", "none"}, {"Config", json::object()}}},
      {"Init", false},
  };
  // Only there: cgroup v2 has no such knob, and no swap is no swap.
  if (facts.engine_cgroup == 1) host["MemorySwappiness"] = 0;

  json body{
      {"Image", facts.image.str()},
      {"Hostname", facts.hostname},
      {"Domainname", ""},
      {"User", "1000:1000"},
      {"Entrypoint", {"/run/brig/init"}},
      {"Cmd", json::array()},
      {"Env", json::array()},
      {"WorkingDir", "/"},
      {"Healthcheck", {{"Test", {"NONE"}}}},
      {"NetworkDisabled", !facts.hosts_file.empty()},
      {"StopSignal", "SIGTERM"},
      {"StopTimeout", 10},
      {"AttachStdin", false},
      {"AttachStdout", false},
      {"AttachStderr", false},
      {"OpenStdin", false},
      {"StdinOnce", false},
      {"Tty", false},
      {"Labels",
       {{kLabelInstallation, facts.installation},
        {kLabelSession, facts.session.str()},
        {kLabelOwner, facts.owner},
        {kLabelGeneration, std::to_string(facts.generation)},
        {kLabelPolicy, policy_hash(effective)}}},
      {"HostConfig", std::move(host)},
  };
  return CreateRequest{facts.container_name, body.dump(-1, ' ', false, json::error_handler_t::replace)};
}

}  // namespace brig::policy
