#include "policy/verify_seccomp.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/text.hpp"

namespace brig::policy {
namespace {

using nlohmann::json;

// What must never be open, whatever the data files say. Kept by hand, and on purpose not derived from them.
const std::set<std::string_view> kNever{"_sysctl",
                                        "acct",
                                        "add_key",
                                        "adjtimex",
                                        "afs_syscall",
                                        "bpf",
                                        "chroot",
                                        "clock_adjtime",
                                        "clock_adjtime64",
                                        "clock_settime",
                                        "clock_settime64",
                                        "clone3",
                                        "create_module",
                                        "delete_module",
                                        "fanotify_init",
                                        "fanotify_mark",
                                        "finit_module",
                                        "fsconfig",
                                        "fsmount",
                                        "fsopen",
                                        "fspick",
                                        "get_kernel_syms",
                                        "init_module",
                                        "io_uring_enter",
                                        "io_uring_register",
                                        "io_uring_setup",
                                        "ioperm",
                                        "iopl",
                                        "kexec_file_load",
                                        "kexec_load",
                                        "keyctl",
                                        "listmount",
                                        "lookup_dcookie",
                                        "lsm_set_self_attr",
                                        "migrate_pages",
                                        "modify_ldt",
                                        "mount",
                                        "mount_setattr",
                                        "move_mount",
                                        "move_pages",
                                        "name_to_handle_at",
                                        "nfsservctl",
                                        "open_by_handle_at",
                                        "open_tree",
                                        "open_tree_attr",
                                        "pciconfig_iobase",
                                        "pciconfig_read",
                                        "pciconfig_write",
                                        "perf_event_open",
                                        "pivot_root",
                                        "process_madvise",
                                        "process_mrelease",
                                        "query_module",
                                        "quotactl",
                                        "quotactl_fd",
                                        "reboot",
                                        "remap_file_pages",
                                        "request_key",
                                        "setdomainname",
                                        "sethostname",
                                        "setns",
                                        "settimeofday",
                                        "socketcall",
                                        "statmount",
                                        "stime",
                                        "swapoff",
                                        "swapon",
                                        "sysfs",
                                        "syslog",
                                        "umount",
                                        "umount2",
                                        "unshare",
                                        "uselib",
                                        "userfaultfd",
                                        "ustat",
                                        "vhangup",
                                        "vm86",
                                        "vm86old",
                                        "vmsplice"};

const std::set<std::string_view> kTracing{"kcmp", "pidfd_getfd", "process_vm_readv", "process_vm_writev",
                                          "ptrace"};
const std::set<std::string_view> kByName{"mbind", "memfd_secret", "set_mempolicy", "set_mempolicy_home_node"};

// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
constexpr std::uint64_t kNewNamespaces =
    0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000;

struct Test {
  unsigned index = 0;
  std::string op;
  std::uint64_t value = 0;
  std::uint64_t value_two = 0;
};

class Reading {
 public:
  explicit Reading(const Expectations& expectations) : expected_(expectations) {}

  std::vector<std::string> run(const json& profile) {
    if (!profile.is_object()) {
      wrong("is not an object");
      return std::move(wrong_);
    }
    for (const auto& [key, value] : profile.items())
      if (key != "defaultAction" && key != "defaultErrnoRet" && key != "archMap" && key != "syscalls")
        wrong("has the unknown key " + quoted(key));
    auto action = profile.find("defaultAction");
    if (action == profile.end() || *action != "SCMP_ACT_ERRNO")
      wrong("must refuse by default (SCMP_ACT_ERRNO)");
    auto error = profile.find("defaultErrnoRet");
    if (error != profile.end() && (!error->is_number_unsigned() || *error < 1u || *error > 133u))
      wrong("must give a true error number by default, for 0 would be success");
    architectures(profile);
    auto rules = profile.find("syscalls");
    if (rules == profile.end() || !rules->is_array()) {
      wrong("has no list of system calls");
      return std::move(wrong_);
    }
    for (const auto& rule : *rules) read_rule(rule);
    return std::move(wrong_);
  }

 private:
  void wrong(std::string text) { wrong_.push_back("the seccomp profile " + std::move(text)); }

  // A compat ABI would bring its own numbers, socketcall among them, which no argument test can look into.
  void architectures(const json& profile) {
    auto map = profile.find("archMap");
    if (map == profile.end() || !map->is_array() || map->empty()) return wrong("names no architecture");
    for (const auto& entry : *map) {
      if (!entry.is_object() || entry.size() != 2 || !entry.contains("architecture") ||
          !entry.contains("subArchitectures"))
        return wrong("has an architecture that is not understood");
      const auto& name = entry["architecture"];
      if (name != "SCMP_ARCH_X86_64" && name != "SCMP_ARCH_AARCH64") wrong("names an unknown architecture");
      if (!entry["subArchitectures"].is_array() || !entry["subArchitectures"].empty())
        wrong("opens a compat ABI");
    }
  }

  void read_rule(const json& rule) {
    if (!rule.is_object()) return wrong("has a rule that is not an object");
    for (const auto& [key, value] : rule.items())
      if (key != "names" && key != "action" && key != "args" && key != "errnoRet")
        return wrong("has a rule with the unknown key " + quoted(key));
    auto names = rule.find("names");
    if (names == rule.end() || !names->is_array() || names->empty()) return wrong("has a rule without names");
    auto action = rule.find("action");
    bool opens = action != rule.end() && *action == "SCMP_ACT_ALLOW";
    if (!opens && (action == rule.end() || *action != "SCMP_ACT_ERRNO"))
      return wrong("has a rule with an action that is neither allow nor error");
    auto error = rule.find("errnoRet");
    if (opens ? error != rule.end()
              : error == rule.end() || !error->is_number_unsigned() || *error < 1u || *error > 133u)
      return wrong("has a rule whose error number does not fit its action");
    std::vector<Test> tests;
    if (!read_tests(rule, tests)) return wrong("has a rule with arguments that are not understood");
    for (const auto& name : *names) {
      if (!name.is_string() || !is_word(name.get_ref<const std::string&>()))
        return wrong("has a rule for a name that is none");
      if (opens) opened(name.get_ref<const std::string&>(), tests);
    }
  }

  static bool is_word(const std::string& name) {
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
  }

  static bool read_tests(const json& rule, std::vector<Test>& out) {
    auto args = rule.find("args");
    if (args == rule.end()) return true;
    if (!args->is_array()) return false;
    std::set<unsigned> seen;
    for (const auto& arg : *args) {
      if (!arg.is_object()) return false;
      Test test;
      for (const auto& [key, value] : arg.items()) {
        if (key == "op" && value.is_string())
          test.op = value.get<std::string>();
        else if (key == "index" && value.is_number_unsigned() && value <= 5u)
          test.index = value.get<unsigned>();
        else if (key == "value" && value.is_number_unsigned())
          test.value = value.get<std::uint64_t>();
        else if (key == "valueTwo" && value.is_number_unsigned())
          test.value_two = value.get<std::uint64_t>();
        else
          return false;
      }
      if (!arg.contains("op") || !arg.contains("index") || !arg.contains("value")) return false;
      // Runtimes read two tests of one argument as alternatives, against every expectation.
      if (!seen.insert(test.index).second) return false;
      out.push_back(std::move(test));
    }
    return true;
  }

  void opened(const std::string& name, const std::vector<Test>& tests) {
    if (kNever.contains(name)) return wrong("opens " + name);
    if (kTracing.contains(name) && !expected_.ptrace) return wrong("opens " + name + " without the grant");
    if (kByName.contains(name) &&
        std::find(expected_.granted_syscalls.begin(), expected_.granted_syscalls.end(), name) ==
            expected_.granted_syscalls.end())
      return wrong("opens " + name + " without the grant");
    if (name == "clone" && !clone_is_safe(tests)) return wrong("lets clone make namespaces");
    if (name == "socket" && !socket_is_safe(tests))
      return wrong("opens a kind of socket that must stay closed");
    if (name == "socketpair" && !equals(tests, 0, {1}))
      return wrong("opens socket pairs other than unix ones");
    if (name == "ioctl" && !ioctl_is_safe(tests)) return wrong("opens an ioctl that types into terminals");
    if (name == "personality" && !equals(tests, 0, {0, 0x20000, 0xffffffff}))
      return wrong("opens personalities that weaken a process");
  }

  static const Test* of(const std::vector<Test>& tests, unsigned index) {
    for (const auto& test : tests)
      if (test.index == index) return &test;
    return nullptr;
  }

  static bool equals(const std::vector<Test>& tests, unsigned index, std::set<std::uint64_t> values) {
    const auto* test = of(tests, index);
    return test && test->op == "SCMP_CMP_EQ" && values.contains(test->value);
  }

  static bool clone_is_safe(const std::vector<Test>& tests) {
    const auto* flags = of(tests, 0);
    return flags && flags->op == "SCMP_CMP_MASKED_EQ" && (flags->value & kNewNamespaces) == kNewNamespaces &&
           (flags->value_two & kNewNamespaces) == 0;
  }

  static bool socket_is_safe(const std::vector<Test>& tests) {
    if (equals(tests, 0, {1})) return true;
    if (equals(tests, 0, {16})) return equals(tests, 2, {0});  // route netlink
    if (!equals(tests, 0, {2, 10})) return false;
    const auto* type = of(tests, 1);
    if (!type || type->op != "SCMP_CMP_MASKED_EQ" || type->value != 0xf) return false;
    if (type->value_two == 1) return equals(tests, 2, {0, 6});   // TCP
    if (type->value_two == 2) return equals(tests, 2, {0, 17});  // UDP
    return false;
  }

  // The kernel looks at 32 bits, so a test is worth something only if it does so too.
  static bool ioctl_is_safe(const std::vector<Test>& tests) {
    const auto* request = of(tests, 1);
    if (!request || request->op != "SCMP_CMP_MASKED_EQ" || request->value > 0xffffffff) return false;
    for (std::uint64_t closed : {0x5412u, 0x541cu, 0x5423u})  // TIOCSTI, TIOCLINUX, TIOCSETD
      if ((closed & request->value) == request->value_two) return false;
    return true;
  }

  const Expectations& expected_;
  std::vector<std::string> wrong_;
};

}  // namespace

bool plain_json(std::string_view text) {
  std::vector<std::set<std::string>> open;
  bool twice = false;
  auto watch = [&](int depth, json::parse_event_t event, json& value) {
    if (depth > 24) twice = true;
    if (event == json::parse_event_t::object_start) open.emplace_back();
    if (event == json::parse_event_t::object_end && !open.empty()) open.pop_back();
    if (event == json::parse_event_t::key && !open.empty())
      twice = !open.back().insert(value.get<std::string>()).second || twice;
    return true;
  };
  auto parsed = json::parse(text, watch, false);
  return !parsed.is_discarded() && !twice;
}

std::vector<std::string> verify_seccomp(std::string_view profile, const Expectations& expectations) {
  if (!plain_json(profile)) return {"the seccomp profile is not plain JSON"};
  return Reading(expectations).run(json::parse(profile, nullptr, false));
}

}  // namespace brig::policy
