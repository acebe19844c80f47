// Every way known to us in which a create request could be made dangerous, one step each.
//
// Threads: plain values. Failure: none.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace brig::policy::testing {

struct Mutation {
  std::string name;
  std::function<void(nlohmann::json&)> apply;
};

inline std::vector<Mutation> mutations() {
  using nlohmann::json;
  std::vector<Mutation> out;
  auto set = [&](const std::string& pointer, const json& value) {
    out.push_back({pointer + " = " + value.dump().substr(0, 120),
                   [pointer, value](json& body) { body[json::json_pointer(pointer)] = value; }});
  };
  auto host = [&](const std::string& key, const json& value) { set("/HostConfig/" + key, value); };
  auto erase = [&](const std::string& parent, const std::string& key) {
    out.push_back({"erase " + parent + "/" + key,
                   [parent, key](json& body) { body[json::json_pointer(parent)].erase(key); }});
  };
  auto mount = [](const json& source, const json& target, bool readonly) {
    return json{{"Type", "bind"},
                {"Source", source},
                {"Target", target},
                {"ReadOnly", readonly},
                {"BindOptions", {{"Propagation", "rprivate"}, {"NonRecursive", true}}}};
  };
  auto add_mount = [&](const json& m) {
    out.push_back({"mount " + m.dump(), [m](json& body) { body["HostConfig"]["Mounts"].push_back(m); }});
  };
  auto change_mount = [&](std::size_t i, const std::string& key, const json& value) {
    set("/HostConfig/Mounts/" + std::to_string(i) + "/" + key, value);
  };

  // Power.
  host("Privileged", true);
  host("Privileged", "true");
  host("Privileged", 1);
  host("privileged", true);
  host("PRIVILEGED", true);
  for (const char* cap : {"ALL", "SYS_ADMIN", "CAP_SYS_PTRACE", "NET_RAW"})
    host("CapAdd", json::array({cap}));
  host("CapAdd", nullptr);
  host("CapDrop", json::array());
  host("CapDrop", json::array({"NET_RAW"}));
  host("Capabilities", json::array({"CAP_SYS_ADMIN"}));
  host("ReadonlyRootfs", false);
  host("GroupAdd", json::array({"0"}));
  host("Runtime", "other");
  host("Runtime", "");
  host("Sysctls", {{"kernel.shm_rmid_forced", "1"}});
  host("MaskedPaths", json::array());
  host("MaskedPaths", nullptr);
  host("ReadonlyPaths", json::array());
  host("Isolation", "process");
  for (const char* user : {"", "0", "root", "0:0", "1000", "1000:0", "1001:1001"}) set("/User", user);

  // Walls.
  for (const char* mode : {"host", "bridge", "default", "", "container:abc", "NONE"})
    host("NetworkMode", mode);
  for (const char* mode : {"host", "container:abc"}) host("PidMode", mode);
  for (const char* mode : {"host", "shareable", "container:abc", "none", ""}) host("IpcMode", mode);
  host("UTSMode", "host");
  for (const char* mode : {"host", ""}) host("CgroupnsMode", mode);
  host("UsernsMode", "host");
  host("CgroupParent", "/");
  host("Cgroup", "host");
  host("PortBindings", {{"80/tcp", json::array({{{"HostPort", "80"}}})}});
  host("PublishAllPorts", true);
  host("Dns", json::array({"192.0.2.1"}));
  host("ExtraHosts", json::array({"a:192.0.2.1"}));
  host("Links", json::array({"other:o"}));
  set("/NetworkingConfig", {{"EndpointsConfig", {{"bridge", json::object()}}}});
  set("/ExposedPorts", {{"80/tcp", json::object()}});
  set("/MacAddress", "02:42:ac:11:00:02");

  // Devices.
  host("Devices",
       json::array(
           {{{"PathOnHost", "/dev/kvm"}, {"PathInContainer", "/dev/kvm"}, {"CgroupPermissions", "rwm"}}}));
  host("DeviceCgroupRules", json::array({"a *:* rwm"}));
  host("DeviceRequests", json::array({{{"Count", -1}}}));

  // Files.
  host("Binds", json::array({"/var/run/docker.sock:/var/run/docker.sock"}));
  host("Binds", json::array({"/:/host"}));
  host("binds", json::array({"/:/host"}));
  host("VolumesFrom", json::array({"other"}));
  host("VolumeDriver", "local");
  set("/Volumes", {{"/data", json::object()}});
  host("ContainerIDFile", "/etc/cron.d/x");
  for (const char* source : {"/",
                             "/run",
                             "/run/docker.sock",
                             "/var/run/docker.sock",
                             "/var/run",
                             "/var",
                             "/run/../run/docker.sock",
                             "//run/docker.sock",
                             "/run/./docker.sock",
                             "/srv/engines/one.sock",
                             "/srv/engines",
                             "/srv",
                             "/proc",
                             "/proc/1/root",
                             "/sys",
                             "/dev",
                             "/etc/docker",
                             "/var/lib/docker",
                             "/var/lib/brig",
                             "/var/lib/brig/brig.db",
                             "/var/lib/brig/sessions",
                             "/var/lib/brig/sessions/fedcba9876543210/upper",
                             "/home/u/.docker/docker.sock",
                             "/run/containerd/containerd.sock",
                             "/home/u",
                             "docker.sock",
                             ""})
    add_mount(mount(source, "/mnt/x", true));
  add_mount(mount("/srv/x", "/", true));
  add_mount(mount("/srv/x", "/proc", true));
  add_mount(mount("/srv/x", "/run/brig", true));
  add_mount(mount("/srv/x", "/workspace", false));
  add_mount({{"Type", "volume"}, {"Source", "v"}, {"Target", "/mnt/x"}, {"ReadOnly", false}});
  add_mount({{"Type", "npipe"}, {"Source", "v"}, {"Target", "/mnt/x"}, {"ReadOnly", false}});
  add_mount({{"Type", "volume"},
             {"Source", "v"},
             {"Target", "/mnt/x"},
             {"VolumeOptions",
              {{"DriverConfig",
                {{"Name", "local"}, {"Options", {{"type", "none"}, {"o", "bind"}, {"device", "/"}}}}}}}});
  change_mount(0, "ReadOnly", false);
  change_mount(0, "Source", "/run");
  change_mount(0, "Source", "/var/lib/brig/sessions/fedcba9876543210/link");
  change_mount(0, "Target", "/mnt/link");
  change_mount(0, "BindOptions", {{"Propagation", "rshared"}, {"NonRecursive", true}});
  change_mount(1, "BindOptions", {{"Propagation", "rprivate"}, {"NonRecursive", false}});
  change_mount(1, "BindOptions", {{"Propagation", "rprivate"}});
  change_mount(1, "Source", "/home/u/app");
  change_mount(1, "Type", "volume");
  change_mount(1, "Consistency", "cached");
  change_mount(2, "ReadOnly", false);
  change_mount(2, "Source", "/etc");
  change_mount(2, "Source", "/var/lib/brig/brig.db");
  change_mount(2, "Target", "/etc/passwd");
  change_mount(2, "Target", "/etc");
  set("/HostConfig/Mounts", json::array());
  host("Tmpfs", json::object());
  set("/HostConfig/Tmpfs/~1tmp", "rw,exec,mode=1777,size=1048576");
  set("/HostConfig/Tmpfs/~1tmp", "rw,nosuid,nodev,exec,mode=1777");
  set("/HostConfig/Tmpfs/~1tmp", "rw,nosuid,nodev,exec,mode=1777,size=0");
  set("/HostConfig/Tmpfs/~1tmp", "rw,nosuid,nodev,suid,exec,mode=1777,size=1048576");
  set("/HostConfig/Tmpfs/~1tmp", "rw,nosuid,nodev,dev,exec,mode=1777,size=1048576");
  set("/HostConfig/Tmpfs/~1tmp", "rw,nosuid,nodev,exec,mode=1777,size=1048576,size=9223372036854775807");
  set("/HostConfig/Tmpfs/~1tmp", "rw,nosuid,nodev,exec,mode=1777,size=1125899906842624");
  set("/HostConfig/Tmpfs/~1home~1agent", "rw,nosuid,nodev,exec,mode=4777,uid=0,size=1048576");
  set("/HostConfig/Tmpfs/~1run~1brig", "rw,nosuid,nodev,exec,mode=1777,size=1048576");
  host("StorageOpt", {{"size", "120G"}});

  // Measure.
  for (const char* key : {"Memory", "NanoCpus", "PidsLimit", "ShmSize"})
    for (const json& value :
         {json(0), json(-1), json(nullptr), json(9223372036854775807), json("1"), json(1.5)})
      host(key, value);
  host("Memory", std::uint64_t{1} << 63);
  host("MemorySwap", -1);
  host("MemorySwap", 0);
  host("MemorySwappiness", 100);
  host("MemoryReservation", 1);
  host("KernelMemory", 1);
  host("OomKillDisable", true);
  host("OomScoreAdj", -1000);
  host("OomScoreAdj", 0);
  host("Ulimits", json::array());
  set("/HostConfig/Ulimits/0/Hard", -1);
  set("/HostConfig/Ulimits/0/Hard", 1 << 30);
  set("/HostConfig/Ulimits/1/Hard", -1);
  set("/HostConfig/Ulimits/0/Name", "memlock");
  host("CpusetCpus", "0");
  host("CpuRealtimeRuntime", 950000);
  host("BlkioWeight", 1000);

  // Life.
  host("AutoRemove", true);
  host("RestartPolicy", {{"Name", "always"}, {"MaximumRetryCount", 0}});
  host("LogConfig", {{"Type", "json-file"}, {"Config", json::object()}});
  host("LogConfig", {{"Type", "none"}, {"Config", {{"syslog-address", "tcp://192.0.2.1"}}}});
  host("Init", true);
  host("ConsoleSize", json::array({1, 1}));
  set("/Entrypoint", json::array({"/bin/sh"}));
  set("/Entrypoint", "/run/brig/init");
  set("/Entrypoint", nullptr);
  set("/Cmd", json::array({"-c", "x"}));
  set("/Env", json::array({"KEY=value"}));
  set("/WorkingDir", "/workspace");
  set("/Healthcheck", {{"Test", {"CMD-SHELL", "true"}}});
  set("/Healthcheck", nullptr);
  set("/StopSignal", "SIGKILL");
  set("/StopTimeout", -1);
  set("/Tty", true);
  set("/OpenStdin", true);
  set("/Image", "debian:12");
  set("/Image", "sha256:" + std::string(64, 'b'));
  set("/Hostname", "a b");
  set("/Hostname", "");
  set("/Domainname", "x");
  set("/Shell", json::array({"/bin/sh"}));
  set("/OnBuild", json::array({"RUN true"}));
  set("/NetworkDisabled", false);
  set("/NetworkDisabled", nullptr);
  set("/Labels/brig.owner", "uid:0");
  set("/Labels/extra", "x");
  set("/Labels", json::object());
  erase("/Labels", "brig.policy");

  // What is not said, others decide.
  for (const char* key : {"Image", "User", "Entrypoint", "Cmd", "Env", "WorkingDir", "Healthcheck",
                          "StopSignal", "Labels", "HostConfig", "Tty", "Hostname"})
    erase("", key);
  for (const char* key : {"Privileged",     "CapAdd",         "CapDrop",
                          "SecurityOpt",    "ReadonlyRootfs", "MaskedPaths",
                          "ReadonlyPaths",  "Devices",        "DeviceCgroupRules",
                          "DeviceRequests", "Runtime",        "NetworkMode",
                          "PidMode",        "IpcMode",        "UTSMode",
                          "CgroupnsMode",   "UsernsMode",     "Mounts",
                          "Tmpfs",          "ShmSize",        "Memory",
                          "MemorySwap",     "NanoCpus",       "PidsLimit",
                          "Ulimits",        "OomScoreAdj",    "AutoRemove",
                          "RestartPolicy",  "LogConfig",      "Init"})
    erase("/HostConfig", key);

  // Confinement.
  auto options = [&](const std::string& name, const json& value) {
    out.push_back(
        {"SecurityOpt " + name, [value](json& body) { body["HostConfig"]["SecurityOpt"] = value; }});
  };
  options("empty", json::array());
  options("none", nullptr);
  options("unconfined", {"no-new-privileges", "seccomp=unconfined"});
  options("builtin", {"no-new-privileges", "seccomp=builtin"});
  options("path", {"no-new-privileges", "seccomp=/etc/passwd"});
  options("empty profile", {"no-new-privileges", "seccomp={}"});
  options("allow all", {"no-new-privileges", R"(seccomp={"defaultAction":"SCMP_ACT_ALLOW"})"});
  auto append = [&](const std::string& option) {
    out.push_back({"SecurityOpt + " + option,
                   [option](json& body) { body["HostConfig"]["SecurityOpt"].push_back(option); }});
  };
  for (const char* option : {"apparmor=unconfined", "apparmor:unconfined", "label=disable", "label:disable",
                             "seccomp=unconfined", "seccomp:unconfined", "systempaths=unconfined",
                             "no-new-privileges:false", "no-new-privileges=false", "credentialspec=file://x"})
    append(option);
  out.push_back({"no-new-privileges:false",
                 [](json& body) { body["HostConfig"]["SecurityOpt"][0] = "no-new-privileges:false"; }});

  auto filter = [&](const std::string& name, std::function<void(json&)> change) {
    out.push_back({"seccomp " + name, [change](json& body) {
                     auto& option = body["HostConfig"]["SecurityOpt"][1];
                     auto profile = json::parse(option.get<std::string>().substr(8));
                     change(profile);
                     option = "seccomp=" + profile.dump();
                   }});
  };
  for (const char* action : {"SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE", "SCMP_ACT_NOTIFY", ""})
    filter(std::string("default ") + action, [action](json& p) { p["defaultAction"] = action; });
  filter("default success", [](json& p) { p["defaultErrnoRet"] = 0; });
  filter("flags", [](json& p) { p["flags"] = {"SECCOMP_FILTER_FLAG_SPEC_ALLOW"}; });
  filter("listener", [](json& p) { p["listenerPath"] = "/run/x"; });
  filter("x32", [](json& p) { p["archMap"][0]["subArchitectures"] = {"SCMP_ARCH_X32"}; });
  filter("x86", [](json& p) { p["archMap"][0]["architecture"] = "SCMP_ARCH_X86"; });
  filter("architectures", [](json& p) { p["architectures"] = {"SCMP_ARCH_X86"}; });
  filter("no architecture", [](json& p) { p.erase("archMap"); });
  filter("no rules", [](json& p) { p.erase("syscalls"); });
  auto rule = [&](const json& names, const json& args = json::array()) {
    filter("opens " + names.dump() + args.dump(), [names, args](json& p) {
      p["syscalls"].push_back({{"names", names}, {"action", "SCMP_ACT_ALLOW"}, {"args", args}});
    });
  };
  for (const char* name : {"bpf",
                           "io_uring_setup",
                           "userfaultfd",
                           "keyctl",
                           "add_key",
                           "request_key",
                           "perf_event_open",
                           "kexec_load",
                           "kexec_file_load",
                           "init_module",
                           "finit_module",
                           "delete_module",
                           "mount",
                           "umount2",
                           "fsopen",
                           "fsmount",
                           "move_mount",
                           "open_tree",
                           "mount_setattr",
                           "pivot_root",
                           "chroot",
                           "unshare",
                           "setns",
                           "clone3",
                           "ptrace",
                           "process_vm_readv",
                           "process_vm_writev",
                           "pidfd_getfd",
                           "open_by_handle_at",
                           "name_to_handle_at",
                           "acct",
                           "swapon",
                           "reboot",
                           "settimeofday",
                           "clock_settime",
                           "iopl",
                           "ioperm",
                           "syslog",
                           "quotactl",
                           "fanotify_init",
                           "mbind",
                           "memfd_secret",
                           "socketcall",
                           "clone",
                           "socket",
                           "socketpair",
                           "ioctl",
                           "personality",
                           "MOUNT",
                           "mount "})
    rule(json::array({name}));
  auto arg = [](unsigned index, const char* op, std::uint64_t value, std::uint64_t two = 0) {
    return json{{"index", index}, {"op", op}, {"value", value}, {"valueTwo", two}};
  };
  for (std::uint64_t family : {3, 4, 9, 15, 17, 21, 29, 30, 31, 38, 40, 41, 44, 45})
    rule({"socket"}, json::array({arg(0, "SCMP_CMP_EQ", family)}));
  rule({"socket"}, json::array({arg(0, "SCMP_CMP_EQ", (std::uint64_t{1} << 32) | 17)}));
  rule({"socket"}, json::array({arg(0, "SCMP_CMP_EQ", 2)}));
  rule({"socket"}, json::array({arg(0, "SCMP_CMP_EQ", 2), arg(1, "SCMP_CMP_MASKED_EQ", 0xf, 3)}));
  rule({"socket"}, json::array({arg(0, "SCMP_CMP_EQ", 2), arg(1, "SCMP_CMP_MASKED_EQ", 0x3, 1)}));
  rule({"socket"}, json::array({arg(0, "SCMP_CMP_EQ", 2), arg(1, "SCMP_CMP_MASKED_EQ", 0xf, 1),
                                arg(2, "SCMP_CMP_EQ", 132)}));
  rule({"socket"}, json::array({arg(0, "SCMP_CMP_EQ", 16)}));
  rule({"socket"}, json::array({arg(0, "SCMP_CMP_EQ", 16), arg(2, "SCMP_CMP_EQ", 12)}));
  rule({"socket"}, json::array({arg(0, "SCMP_CMP_NE", 40)}));
  rule({"socket"}, json::array({arg(0, "SCMP_CMP_EQ", 1), arg(0, "SCMP_CMP_EQ", 40)}));
  rule({"clone"}, json::array({arg(0, "SCMP_CMP_MASKED_EQ", 0x6e020000, 0)}));
  rule({"clone"}, json::array({arg(0, "SCMP_CMP_MASKED_EQ", 0x7e020000, 0x10000000)}));
  rule({"clone"}, json::array({arg(0, "SCMP_CMP_NE", 0x10000000)}));
  rule({"clone"}, json::array({arg(1, "SCMP_CMP_MASKED_EQ", 0x7e020000, 0)}));
  rule({"ioctl"}, json::array({arg(1, "SCMP_CMP_NE", 0x5412)}));
  rule({"ioctl"}, json::array({arg(1, "SCMP_CMP_EQ", 0x5412)}));
  rule({"ioctl"}, json::array({arg(1, "SCMP_CMP_MASKED_EQ", 0xff00, 0x5400)}));
  rule({"ioctl"}, json::array({arg(1, "SCMP_CMP_MASKED_EQ", 0x100000000, 0)}));
  rule({"ioctl"}, json::array({arg(2, "SCMP_CMP_EQ", 1)}));
  rule({"personality"}, json::array({arg(0, "SCMP_CMP_EQ", 0x40000)}));
  rule({"personality"}, json::array({arg(0, "SCMP_CMP_GE", 0)}));
  for (const char* action : {"SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_LOG"})
    filter(std::string("rule with ") + action, [action](json& p) {
      p["syscalls"].push_back({{"names", {"mount"}}, {"action", action}, {"args", json::array()}});
    });
  filter("rule that succeeds without running", [](json& p) {
    p["syscalls"].push_back({{"names", {"setuid"}}, {"action", "SCMP_ACT_ERRNO"}, {"errnoRet", 0}});
  });
  filter("conditional include", [](json& p) {
    p["syscalls"].push_back(
        {{"names", {"read"}}, {"action", "SCMP_ACT_ALLOW"}, {"includes", {{"caps", {"CAP_BPF"}}}}});
  });
  filter("name", [](json& p) { p["syscalls"].push_back({{"name", "mount"}, {"action", "SCMP_ACT_ALLOW"}}); });
  return out;
}

}  // namespace brig::policy::testing
