#include "policy/verify.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/names.hpp"
#include "core/text.hpp"
#include "policy/verify_seccomp.hpp"

namespace brig::policy {
namespace {

using nlohmann::json;

// Keys with one safe value. All of them must be there: what is not said, the image or the engine decides.
json fixed_body() {
  return json::parse(R"({
    "Domainname": "", "User": "1000:1000", "Entrypoint": ["/run/brig/init"], "Cmd": [], "Env": [],
    "WorkingDir": "/", "Healthcheck": {"Test": ["NONE"]}, "StopSignal": "SIGTERM", "StopTimeout": 10,
    "AttachStdin": false, "AttachStdout": false, "AttachStderr": false, "OpenStdin": false, "StdinOnce": false,
    "Tty": false})");
}
json fixed_host() {
  return json::parse(R"({
    "Privileged": false, "CapAdd": [], "CapDrop": ["ALL"], "ReadonlyRootfs": true, "Devices": [],
    "DeviceCgroupRules": [], "DeviceRequests": [], "NetworkMode": "none", "PidMode": "", "IpcMode": "private",
    "UTSMode": "", "CgroupnsMode": "private", "UsernsMode": "", "PublishAllPorts": false, "OomKillDisable": false,
    "AutoRemove": false, "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
    "LogConfig": {"Type": "none", "Config": {}}, "Init": false})");
}

// At least what Docker itself hides.
constexpr const char* kHidden[] = {
    "/proc/asound",     "/proc/acpi",        "/proc/kcore",       "/proc/keys", "/proc/latency_stats",
    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"};
constexpr const char* kFrozen[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

// `path` names `root` or something in it; compared part by part.
bool inside(std::string_view path, std::string_view root) {
  auto a = split(path, '/');
  auto b = split(root, '/');
  while (!b.empty() && b.back().empty()) b.pop_back();
  return a.size() >= b.size() && std::equal(b.begin(), b.end(), a.begin());
}

bool clean(std::string_view path) {
  if (path.size() < 2 || path.size() > 4095 || path.front() != '/' || !is_utf8(path)) return false;
  auto parts = split(path, '/');
  return std::all_of(parts.begin() + 1, parts.end(), [](std::string_view p) {
    return !p.empty() && p != "." && p != ".." && std::none_of(p.begin(), p.end(), [](char c) {
      return static_cast<unsigned char>(c) < 32 || c == 127;
    });
  });
}

class Reading {
 public:
  explicit Reading(const Expectations& expected) : expected_(expected) {}

  std::vector<Violation> run(std::string_view text) {
    if (text.size() > 1024 * 1024 || !plain_json(text)) {
      wrong("body", "is not plain JSON of at most 1 MiB");
      return std::move(found_);
    }
    auto body = json::parse(text, nullptr, false);
    if (!body.is_object()) {
      wrong("body", "is not an object");
      return std::move(found_);
    }
    keys(body, "", fixed_body(), {"Image", "Hostname", "Labels", "HostConfig", "NetworkDisabled"}, {});
    if (expected_.image.compare(0, 7, "sha256:") != 0 || get(body, "Image") != expected_.image)
      wrong("Image", "must be the expected image, by its id");
    const auto& host_name = get(body, "Hostname");
    if (!host_name.is_string() || host_name.get_ref<const std::string&>().empty() ||
        host_name.get_ref<const std::string&>().find_first_not_of(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != std::string::npos)
      wrong("Hostname", "must be letters, digits and '-'");
    if (get(body, "Labels") != json(expected_.labels) || expected_.labels.empty())
      wrong("Labels", "must be the expected ones, no more and no fewer");
    // Either way the sandbox is alone with its loopback; who needs a hosts file must have been given one.
    if (get(body, "NetworkDisabled") != json(!expected_.hosts_file.empty()))
      wrong("NetworkDisabled", "must be true exactly where a hosts file is mounted");
    const auto& host = get(body, "HostConfig");
    if (host.is_object())
      host_config(host);
    else
      wrong("HostConfig", "is not an object");
    return std::move(found_);
  }

 private:
  void wrong(std::string where, std::string what) { found_.push_back({std::move(where), std::move(what)}); }

  static const json& get(const json& object, const char* key) {
    static const json none;
    auto it = object.find(key);
    return it == object.end() ? none : *it;
  }

  void keys(const json& object, const std::string& prefix, const json& fixed,
            const std::set<std::string>& examined, const std::set<std::string>& optional) {
    for (const auto& [key, value] : object.items()) {
      auto it = fixed.find(key);
      if (it != fixed.end()) {
        if (*it != value || it->type() != value.type())
          if (!(it->is_number() && value.is_number_integer() && *it == value))
            wrong(prefix + key, "must be " + it->dump());
      } else if (!examined.contains(key) && !optional.contains(key)) {
        wrong(prefix + printable(key, 60), "is a key that no sandbox has");
      }
    }
    for (const auto& [key, value] : fixed.items())
      if (!object.contains(key)) wrong(prefix + key, "is missing, so somebody else would decide");
    for (const auto& key : examined)
      if (!object.contains(key)) wrong(prefix + key, "is missing, so somebody else would decide");
  }

  void host_config(const json& host) {
    keys(host, "HostConfig.", fixed_host(),
         {"SecurityOpt", "MaskedPaths", "ReadonlyPaths", "Runtime", "Mounts", "Tmpfs", "ShmSize", "Memory",
          "MemorySwap", "NanoCpus", "PidsLimit", "Ulimits", "OomScoreAdj"},
         {"MemorySwappiness"});
    security(get(host, "SecurityOpt"));
    superset("MaskedPaths", get(host, "MaskedPaths"), kHidden);
    superset("ReadonlyPaths", get(host, "ReadonlyPaths"), kFrozen);
    if (expected_.runtime.empty() || get(host, "Runtime") != expected_.runtime)
      wrong("HostConfig.Runtime", "must be the expected runtime");
    mounts(get(host, "Mounts"));
    tmpfs(get(host, "Tmpfs"));
    amount("ShmSize", get(host, "ShmSize"), expected_.max_tmpfs);
    amount("Memory", get(host, "Memory"), expected_.max_memory);
    if (get(host, "MemorySwap") != get(host, "Memory"))
      wrong("HostConfig.MemorySwap", "must equal Memory, which means no swap");
    if (host.contains("MemorySwappiness") && get(host, "MemorySwappiness") != 0)
      wrong("HostConfig.MemorySwappiness", "must be 0");
    amount("NanoCpus", get(host, "NanoCpus"), expected_.max_milli_cpus * 1'000'000);
    amount("PidsLimit", get(host, "PidsLimit"), expected_.max_pids);
    ulimits(get(host, "Ulimits"));
    const auto& score = get(host, "OomScoreAdj");
    if (!score.is_number_integer() || score < std::max(0, expected_.min_oom_score_adj) || score > 1000)
      wrong("HostConfig.OomScoreAdj",
            "must be from " + std::to_string(expected_.min_oom_score_adj) + " to 1000");
  }

  void amount(const char* key, const json& value, std::uint64_t most) {
    // The engine reads signed 64 bits; 0 and what wraps around would be "no limit".
    bool fine = value.is_number_integer() && value > 0 && value <= std::uint64_t{1} << 62;
    if (!fine)
      wrong(std::string("HostConfig.") + key, "must be a limit above 0");
    else if (most > 0 && value > most)
      wrong(std::string("HostConfig.") + key, "is above the bound of " + std::to_string(most));
  }

  void security(const json& options) {
    const char* where = "HostConfig.SecurityOpt";
    if (!options.is_array() || options.size() != 2)
      return wrong(where, "must be no-new-privileges and a seccomp profile, nothing else");
    int no_new = 0, filters = 0;
    for (const auto& option : options) {
      if (!option.is_string()) return wrong(where, "holds something that is no text");
      std::string_view text = option.get_ref<const std::string&>();
      if (text == "no-new-privileges") {
        ++no_new;
      } else if (text.substr(0, 8) == "seccomp=") {
        ++filters;
        for (auto& sentence : verify_seccomp(text.substr(8), expected_)) wrong(where, std::move(sentence));
      } else {
        wrong(where, "holds " + quoted(text) + ", which no sandbox has");
      }
    }
    if (no_new != 1 || filters != 1) wrong(where, "must hold no-new-privileges and one seccomp profile");
  }

  template <std::size_t N>
  void superset(const char* key, const json& paths, const char* const (&least)[N]) {
    auto where = std::string("HostConfig.") + key;
    if (!paths.is_array()) return wrong(where, "must be a list");
    for (const auto& path : paths)
      if (!path.is_string() || !clean(path.get_ref<const std::string&>()))
        wrong(where, "holds what is no path");
    for (const auto* path : least)
      if (std::find(paths.begin(), paths.end(), path) == paths.end())
        wrong(where, std::string("lacks ") + path);
  }

  void mounts(const json& list) {
    if (!list.is_array()) return wrong("HostConfig.Mounts", "must be a list");
    std::set<std::string> targets;
    std::size_t matched = 0;
    for (const auto& mount : list) {
      if (!mount.is_object() || mount.size() != 5 || get(mount, "Type") != "bind" ||
          !get(mount, "Source").is_string() || !get(mount, "Target").is_string() ||
          !get(mount, "ReadOnly").is_boolean() ||
          get(mount, "BindOptions") != json{{"Propagation", "rprivate"}, {"NonRecursive", true}}) {
        wrong("HostConfig.Mounts", "holds something other than a plain private bind");
        continue;
      }
      auto source = get(mount, "Source").get<std::string>();
      auto target = get(mount, "Target").get<std::string>();
      bool writable = !get(mount, "ReadOnly").get<bool>();
      if (!targets.insert(target).second) wrong("HostConfig.Mounts", quoted(target) + " is mounted twice");
      one_mount(source, target, writable);
      matched += std::any_of(expected_.mounts.begin(), expected_.mounts.end(), [&](const ExpectedMount& m) {
        return m.source == source && m.target == target && m.writable == writable;
      });
    }
    if (matched != list.size() || matched != expected_.mounts.size())
      wrong("HostConfig.Mounts", "must be the expected mounts, no more and no fewer");
    if (!targets.contains("/run/brig")) wrong("HostConfig.Mounts", "lacks the link at /run/brig");
  }

  // Judged even though it is expected: who computed the expectation may have been fooled too.
  void one_mount(const std::string& source, const std::string& target, bool writable) {
    auto bad = [&](std::string why) {
      wrong("HostConfig.Mounts", quoted(source, 200) + " at " + quoted(target, 200) + " " + std::move(why));
    };
    if (!clean(source) || !clean(target)) return bad("is not a plain absolute path");
    if (target == "/run/brig") {
      if (writable) bad("must be read-only");
      if (source != expected_.link_dir) bad("is not the link directory");
    } else if (source == expected_.link_dir) {
      bad("shows the link directory at another place");
    }
    if (target == "/workspace" && source != expected_.workspace_dir) bad("is not the workspace");
    // The project itself may also be granted at another place; a session's copy is shown once.
    if (target != "/workspace" && source == expected_.workspace_dir && inside(source, expected_.state_dir))
      bad("shows the workspace at another place");
    if (source == expected_.hosts_file && !source.empty() && (target != "/etc/hosts" || writable))
      bad("must be read-only at /etc/hosts");
    if (source == expected_.resolv_file && !source.empty() && (target != "/etc/resolv.conf" || writable))
      bad("must be read-only at /etc/resolv.conf");
    bool in_etc = (target == "/etc/hosts" && source == expected_.hosts_file) ||
                  (target == "/etc/resolv.conf" && source == expected_.resolv_file);
    if (skill(source)) {
      auto parts = split(target, '/');
      if (writable) bad("must be read-only");
      if (parts.size() < 3 || parts[parts.size() - 2] != "skills") bad("is not among skills");
      in_etc = parts.size() > 4 && parts[1] == "etc";
    }
    if (target != "/run/brig" && !in_etc)
      for (const char* taken : {"/proc", "/sys", "/dev", "/run", "/etc", "/bin", "/sbin", "/lib", "/lib64",
                                "/usr/bin", "/usr/lib"})
        if (inside(target, taken)) bad("covers what the sandbox itself needs");
    for (const char* held : {"/workspace", "/home/agent", "/tmp"})
      if (target != held && inside(held, target)) bad("covers what the sandbox itself needs");
    if (target == "/home/agent" || target == "/tmp") bad("covers what the sandbox itself needs");

    for (const char* closed :
         {"/proc", "/sys", "/dev", "/boot", "/run", "/var/run", "/var/lib/docker", "/var/lib/containerd",
          "/var/lib/containers", "/var/lib/kubelet", "/etc/docker", "/etc/containerd"})
      if (overlaps(source, closed) && !own(source)) bad(std::string("shows ") + closed + " of the host");
    for (const auto& socket : expected_.engine_sockets)
      if (overlaps(source, socket)) bad("is or holds the engine's socket");
    auto file = source.substr(source.rfind('/') + 1);
    for (const char* engine : {"docker.sock", "docker.raw.sock", "containerd.sock", "podman.sock",
                               "crio.sock", "dockershim.sock", "buildkitd.sock"})
      if (file == engine) bad("is an engine's socket");
    if (!expected_.state_dir.empty() && overlaps(source, expected_.state_dir) && !own(source))
      bad("shows Brig's own state");
  }

  static bool overlaps(std::string_view a, std::string_view b) { return inside(a, b) || inside(b, a); }

  // A config volume's content, or what was made for this session's configuration; and expected to be that.
  bool configuration(const std::string& source) const {
    if (std::find(expected_.config.begin(), expected_.config.end(), source) == expected_.config.end())
      return false;
    auto parts = split(source, '/');
    auto state = split(expected_.state_dir, '/').size();
    if (inside(source, expected_.state_dir + "/volumes"))
      return parts.size() > state + 2 && parts[state + 2] == "data";
    auto link = split(expected_.link_dir, '/');
    return inside(source, expected_.state_dir + "/sessions") && parts.size() > state + 3 &&
           link.size() > state + 1 && parts[state + 1] == link[state + 1] &&
           (parts[state + 2] == "config" || parts[state + 2] == "overlays");
  }

  // Files that nobody writes any more; and expected to be those.
  bool skill(const std::string& source) const {
    if (std::find(expected_.skills.begin(), expected_.skills.end(), source) == expected_.skills.end())
      return false;
    auto parts = split(source, '/');
    auto state = split(expected_.state_dir, '/').size();
    return !expected_.state_dir.empty() && inside(source, expected_.state_dir + "/layers") &&
           parts.size() == state + 3 && is_layer_id(parts[state + 1]) && parts[state + 2] == "files";
  }

  // The places in Brig's state that belong to this very session, or that many may have.
  bool own(const std::string& source) const {
    if (!expected_.state_dir.empty() && (configuration(source) || skill(source))) return true;
    if (expected_.state_dir.empty() || !inside(source, expected_.state_dir + "/sessions")) return false;
    if (split(source, '/').size() < split(expected_.state_dir, '/').size() + 3)
      return false;  // sessions/ID/x
    return source == expected_.link_dir || source == expected_.workspace_dir ||
           source == expected_.hosts_file || source == expected_.resolv_file;
  }

  void tmpfs(const json& map) {
    static const std::set<std::string> kPlaces{"/tmp", "/home/agent", "/run/user/1000"};
    if (!map.is_object()) return wrong("HostConfig.Tmpfs", "must be an object");
    for (const auto& place : kPlaces)
      if (!map.contains(place)) wrong("HostConfig.Tmpfs", "lacks " + place);
    for (const auto& [place, value] : map.items()) {
      if ((!kPlaces.contains(place) && !leads_to_mount(place)) || !value.is_string()) {
        wrong("HostConfig.Tmpfs", quoted(place) + " is no place for one");
        continue;
      }
      tmpfs_options(place, value.get<std::string>());
    }
  }

  // Between the home and something mounted in it, and not in anything mounted.
  bool leads_to_mount(const std::string& place) const {
    if (!clean(place) || place == "/home/agent" || !inside(place, "/home/agent")) return false;
    bool leads = false;
    for (const auto& mount : expected_.mounts) {
      if (inside(place, mount.target)) return false;
      leads = leads || inside(mount.target, place);
    }
    return leads;
  }

  void tmpfs_options(const std::string& place, const std::string& text) {
    static const std::set<std::string_view> kKnown{"rw",        "nosuid",    "nodev",    "exec",    "noexec",
                                                   "mode=1777", "mode=0700", "uid=1000", "gid=1000"};
    std::set<std::string_view> seen;
    std::uint64_t size = 0;
    for (auto option : split(text, ',')) {
      if (!seen.insert(option).second)
        wrong("HostConfig.Tmpfs", place + " says " + quoted(option) + " twice");
      if (option.substr(0, 5) == "size=") {
        auto digits = option.substr(5);
        bool fine = size == 0 && !digits.empty() && digits.size() <= 18 &&
                    digits.find_first_not_of("0123456789") == std::string_view::npos;
        size = fine ? std::stoull(std::string(digits)) : 0;
        if (size == 0) wrong("HostConfig.Tmpfs", place + " has a size that is none");
      } else if (!kKnown.contains(option)) {
        wrong("HostConfig.Tmpfs", place + " has the unknown option " + quoted(option));
      }
    }
    if (!seen.contains("nosuid") || !seen.contains("nodev") || size == 0)
      wrong("HostConfig.Tmpfs", place + " must be nosuid, nodev and have a size");
    if (seen.contains("mode=1777") != (place == "/tmp"))
      wrong("HostConfig.Tmpfs", place + " has the wrong mode");
    if (expected_.max_tmpfs > 0 && size > expected_.max_tmpfs)
      wrong("HostConfig.Tmpfs", place + " is above the bound of " + std::to_string(expected_.max_tmpfs));
  }

  void ulimits(const json& list) {
    const char* where = "HostConfig.Ulimits";
    if (!list.is_array() || list.size() != 2) return wrong(where, "must limit nofile and core, nothing else");
    std::set<std::string> names;
    for (const auto& limit : list) {
      if (!limit.is_object() || limit.size() != 3 || !get(limit, "Name").is_string())
        return wrong(where, "holds something that is no limit");
      auto name = get(limit, "Name").get<std::string>();
      names.insert(name);
      for (const char* kind : {"Soft", "Hard"}) {
        const auto& value = get(limit, kind);
        bool whole = value.is_number_integer() && value >= 0;
        std::uint64_t most = expected_.max_nofile ? expected_.max_nofile : 1'048'576;
        if (!whole || (name == "core" && value != 0) || (name == "nofile" && (value == 0 || value > most)))
          wrong(where, quoted(name) + " has a value out of bounds");
      }
    }
    if (names != std::set<std::string>{"core", "nofile"})
      wrong(where, "must limit nofile and core, nothing else");
  }

  const Expectations& expected_;
  std::vector<Violation> found_;
};

}  // namespace

std::vector<Violation> verify(std::string_view body, const Expectations& expectations) {
  return Reading(expectations).run(body);
}

}  // namespace brig::policy
