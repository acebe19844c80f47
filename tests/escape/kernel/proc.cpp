// What /proc, /sys and /dev would give away. Nothing is ever written: to be let in is to have got out.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "agent/tools.hpp"

namespace brig::escape {
namespace {

// The instrument: the same functions on files that are ours.
Proof files_open() {
  return proven_by("kernel.own_files", [] {
    auto path = own_name("proof");
    int fd = ::open(path.c_str(), O_CREAT | O_WRONLY, 0600);
    (void)!::write(fd, "x", 1);
    ::close(fd);
    bool fine = reads(path).is == Outcome::Is::escaped && writes(path).is == Outcome::Is::escaped;
    ::unlink(path.c_str());
    return fine ? escaped() : broken("not even an own file");
  });
}

struct Place {
  const char* name;
  const char* path;
  const char* reason;
};
constexpr Place kWritten[] = {
    {"core_pattern", "/proc/sys/kernel/core_pattern", "the host runs what it names, as root"},
    {"modprobe", "/proc/sys/kernel/modprobe", "the host runs what it names, as root"},
    {"hotplug", "/proc/sys/kernel/hotplug", "the host runs what it names, as root"},
    {"poweroff_cmd", "/proc/sys/kernel/poweroff_cmd", "the host runs what it names, as root"},
    {"uevent_helper", "/sys/kernel/uevent_helper", "the host runs what it names, as root"},
    {"binfmt_misc", "/proc/sys/fs/binfmt_misc/register",
     "the host runs what it names, for anybody's programs"},
    {"sysrq", "/proc/sysrq-trigger", "resets the machine"},
    {"sysrq_setting", "/proc/sys/kernel/sysrq", "belongs to the host"},
    {"panic_on_oom", "/proc/sys/vm/panic_on_oom", "belongs to the host"},
    {"overcommit", "/proc/sys/vm/overcommit_memory", "belongs to the host"},
    {"dmesg_restrict", "/proc/sys/kernel/dmesg_restrict", "belongs to the host"},
    {"ip_forward", "/proc/sys/net/ipv4/ip_forward", "belongs to the network namespace's owner"},
    {"unprivileged_ports", "/proc/sys/net/ipv4/ip_unprivileged_port_start",
     "belongs to the namespace's owner"},
    {"pid_max", "/proc/sys/kernel/pid_max", "belongs to the host"},
    {"irq", "/proc/irq/default_smp_affinity", "belongs to the host"},
    {"kernel_messages", "/dev/kmsg", "writes into the host's log"},
    {"transparent_hugepages", "/sys/kernel/mm/transparent_hugepage/enabled", "belongs to the host"},
    {"cpu_online", "/sys/devices/system/cpu/cpu1/online", "takes a CPU from the host"},
    {"power_state", "/sys/power/state", "puts the host to sleep"},
    {"pci_rescan", "/sys/bus/pci/rescan", "belongs to the host"},
    {"block_scheduler", "/sys/block/loop0/queue/scheduler", "belongs to the host"},
    {"tracing", "/sys/kernel/tracing/tracing_on", "sees all that the kernel does"},
    {"loop_control", "/dev/loop-control", "makes block devices"},
    {"kvm", "/dev/kvm", "a large part of the kernel, for virtual machines"},
    {"mem_write", "/dev/mem", "the machine's memory"},
    {"loop_device", "/dev/loop0", "a block device of the host"},
    {"disk", "/dev/vda", "the host's disk"},
    {"console", "/dev/tty1", "the host's console"},
};
constexpr Place kRead[] = {
    {"kcore", "/proc/kcore", "the kernel's memory"},
    {"kmsg", "/proc/kmsg", "the kernel's log"},
    {"dev_kmsg", "/dev/kmsg", "the kernel's log"},
    {"config", "/proc/config.gz", "what the kernel is made of"},
    {"keys", "/proc/keys", "key rings of others"},
    {"timer_list", "/proc/timer_list", "addresses and processes of the host"},
    {"sched_debug", "/proc/sched_debug", "processes of the host"},
    {"slabinfo", "/proc/slabinfo", "what helps to aim at the kernel's heap"},
    {"vmallocinfo", "/proc/vmallocinfo", "addresses of the kernel"},
    {"interrupts", "/proc/interrupts", "timing of what others do"},
    {"modules", "/proc/modules", "what is loaded, and where"},
    {"page_map", "/proc/kpagecount", "whose memory lies where"},
    {"firmware", "/sys/firmware/memmap/0/start", "the machine's tables"},
    {"debugfs", "/sys/kernel/debug/sched/debug", "the kernel's insides"},
    {"powercap", "/sys/devices/virtual/powercap/intel-rapl/intel-rapl:0/energy_uj",
     "a side channel to others' keys"},
    {"key_users", "/proc/key-users", "users of the host"},
    {"notes", "/sys/kernel/notes", "addresses of the kernel (CVE-2024-26816)"},
    {"vmcoreinfo", "/sys/kernel/vmcoreinfo", "addresses of the kernel"},
};

[[maybe_unused]] const bool places_kept = [] {
  for (const auto& place : kWritten) {
    std::string path = place.path;
    keep({"kernel", std::string("write_") + place.name, place.reason, [=] { return writes(path); },
          files_open()});
  }
  for (const auto& place : kRead) {
    std::string path = place.path;
    keep({"kernel", std::string("read_") + place.name, place.reason, [=] { return reads(path); },
          files_open()});
  }
  return true;
}();

ATTEMPT(kernel, fuse, "mounts file systems", files_open(), "narrow",
        "gVisor's own, which mounts nothing of the host's") {
  return writes("/dev/fuse");
}

Outcome sets_oom_score(std::string_view score) {
  int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return refused(std::strerror(errno));
  return answer_of(::write(fd, score.data(), score.size()));
}

// Everything below `root`, while `look` has nothing to say about it.
Outcome walk(const std::string& root, int depth,
             const std::function<Outcome(const std::string&, unsigned char)>& look) {
  DIR* dir = ::opendir(root.c_str());
  if (!dir) return refused();
  Outcome out = refused();
  while (auto* entry = ::readdir(dir)) {
    std::string name = entry->d_name, path = root + (root == "/" ? "" : "/") + name;
    if (name == "." || name == "..") continue;
    out = look(path, entry->d_type);
    if (out.is == Outcome::Is::refused && entry->d_type == DT_DIR && depth > 0)
      out = walk(path, depth - 1, look);
    if (out.is == Outcome::Is::escaped) break;
  }
  ::closedir(dir);
  return out;
}

Outcome finds_writable_below(const std::string& root, int depth) {
  return walk(root, depth, [](const std::string& path, unsigned char) {
    struct stat about {};
    if (::lstat(path.c_str(), &about) != 0 || (about.st_mode & S_IFMT) != S_IFREG) return refused();
    if (::access(path.c_str(), W_OK) != 0) return refused();
    auto got = writes(path);
    return got.is == Outcome::Is::absent ? refused() : got;
  });
}

}  // namespace

ATTEMPT(kernel, addresses_of_symbols, "kernel addresses are masked") {
  auto text = content("/proc/kallsyms", 4096);
  return text.empty() || text.starts_with("0000000000000000") ? refused() : escaped(text.substr(0, 40));
}
ATTEMPT(kernel, writable_sysctl, "/proc/sys is read-only, and not the agent's") {
  return finds_writable_below("/proc/sys", 6);
}
ATTEMPT(kernel, writable_sysfs, "/sys is read-only, and not the agent's") {
  return finds_writable_below("/sys/kernel", 4);
}
ATTEMPT(kernel, writable_cgroup, "no cgroup is the agent's to change: its limits would not hold") {
  return finds_writable_below("/sys/fs/cgroup", 3);
}
ATTEMPT(kernel, release_agent, "the host runs what it names, as root, when a cgroup empties") {
  return walk("/sys/fs/cgroup", 3, [](const std::string& path, unsigned char) {
    if (!path.ends_with("/release_agent") && !path.ends_with("/notify_on_release")) return refused();
    auto got = writes(path);
    return got.is == Outcome::Is::escaped ? got : refused();
  });
}
ATTEMPT(kernel, new_cgroup, "a cgroup of one's own could be without limits") {
  return walk("/sys/fs/cgroup", 0, [](const std::string& path, unsigned char) {
    auto mine = path + "/brig-escape";
    if (::mkdir(mine.c_str(), 0700) != 0) return refused();
    ::rmdir(mine.c_str());
    return escaped(mine + " was made");
  });
}
ATTEMPT(kernel, any_device, "only the harmless devices are there") {
  return walk("/dev", 2, [](const std::string& path, unsigned char) {
    struct stat about {};
    if (::lstat(path.c_str(), &about) != 0) return refused();
    if ((about.st_mode & S_IFMT) == S_IFBLK) return escaped(path + " is a block device");
    if ((about.st_mode & S_IFMT) != S_IFCHR) return refused();
    // gVisor's own, which lead nowhere.
    if (told("ESCAPE_RUNTIME") == "runsc" && (path == "/dev/fuse" || path == "/dev/net/tun"))
      return refused();
    for (const char* harmless : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom",
                                 "/dev/tty", "/dev/console", "/dev/ptmx", "/dev/pts/"})
      if (path.starts_with(harmless)) return refused();
    return escaped(path + " is a device");
  });
}
ATTEMPT(kernel, less_likely_to_be_killed, "oom_score_adj goes up only",
        proven_by("kernel.more_likely_to_be_killed", [] { return sets_oom_score("999"); }), "narrow",
        "gVisor remembers it, and the host never hears of it") {
  return sets_oom_score("-900");
}
ATTEMPT(kernel, processes_of_others, "the pid namespace holds the sandbox's own processes and no others") {
  return walk("/proc", 0, [](const std::string& path, unsigned char) {
    auto name = path.substr(6);
    if (name.find_first_not_of("0123456789") != std::string::npos) return refused();
    auto who = content(path + "/comm");
    for (const char* host : {"dockerd", "containerd", "brigd"})
      if (who.starts_with(host)) return escaped("sees " + who);
    return refused();
  });
}

}  // namespace brig::escape
