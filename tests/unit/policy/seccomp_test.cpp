#include "policy/seccomp.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace brig::policy {
namespace {

using nlohmann::json;

// What the filter answers: 0 for "runs", else the error number. An evaluator of its own, so that the rules
// are tested by what they do and not by how they are written.
int answer(const json& profile, const std::string& name, std::vector<std::uint64_t> args = {}) {
  args.resize(6);
  for (const auto& rule : profile["syscalls"]) {
    bool named = false;
    for (const auto& n : rule["names"]) named |= n == name;
    if (!named) continue;
    bool all = true;
    for (const auto& t : rule["args"]) {
      auto actual = args[t["index"].get<std::size_t>()];
      auto value = t["value"].get<std::uint64_t>();
      auto op = t["op"].get<std::string>();
      if (op == "SCMP_CMP_EQ")
        all &= actual == value;
      else if (op == "SCMP_CMP_GT")
        all &= actual > value;
      else if (op == "SCMP_CMP_MASKED_EQ")
        all &= (actual & value) == t["valueTwo"].get<std::uint64_t>();
      else
        ADD_FAILURE() << "unknown test " << op;
    }
    if (all) return rule["action"] == "SCMP_ACT_ALLOW" ? 0 : rule["errnoRet"].get<int>();
  }
  return profile["defaultErrnoRet"].get<int>();
}

json plain() {
  return json::parse(*seccomp_profile({}));
}

TEST(Seccomp, EveryCallStandsInOneGroupAndEveryGroupHasAReason) {
  std::map<std::string, std::string> seen;
  std::set<std::string> conditional{"socket", "socketpair"};
  for (const auto& group : syscall_groups()) {
    EXPECT_GT(group.reason.size(), 10u) << group.name;
    EXPECT_THAT(group.action, ::testing::AnyOf("allow", "deny", "absent", "ptrace", "grantable"))
        << group.name;
    for (const auto& name : group.syscalls) {
      if (conditional.contains(name)) continue;
      EXPECT_TRUE(seen.emplace(name, group.name).second)
          << name << " is in " << seen[name] << " and " << group.name;
    }
  }
}

TEST(Seccomp, WhatMustBeClosedIs) {
  auto p = plain();
  for (const char* name : {"io_uring_setup",
                           "bpf",
                           "userfaultfd",
                           "keyctl",
                           "add_key",
                           "request_key",
                           "perf_event_open",
                           "kexec_load",
                           "init_module",
                           "mount",
                           "umount2",
                           "fsopen",
                           "open_tree",
                           "move_mount",
                           "pivot_root",
                           "chroot",
                           "unshare",
                           "setns",
                           "ptrace",
                           "process_vm_readv",
                           "open_by_handle_at",
                           "name_to_handle_at",
                           "acct",
                           "swapon",
                           "reboot",
                           "settimeofday",
                           "iopl",
                           "ioperm",
                           "mbind",
                           "a_call_of_the_future"})
    EXPECT_NE(answer(p, name), 0) << name;
  EXPECT_EQ(answer(p, "clone3"), 38) << "so that libc falls back";
  EXPECT_EQ(answer(p, "a_call_of_the_future"), 38);
  EXPECT_EQ(answer(p, "mount"), 1);
}

TEST(Seccomp, WhatAgentsNeedIsOpen) {
  auto p = plain();
  for (const char* name : {"read",          "openat",          "openat2",
                           "execve",        "futex",           "epoll_pwait",
                           "mmap",          "mprotect",        "statx",
                           "getrandom",     "memfd_create",    "pidfd_open",
                           "rseq",          "seccomp",         "landlock_restrict_self",
                           "prctl",         "prlimit64",       "sched_setaffinity",
                           "wait4",         "waitid",          "membarrier",
                           "inotify_init1", "copy_file_range", "fchmodat2",
                           "close_range",   "sendfile",        "splice"})
    EXPECT_EQ(answer(p, name), 0) << name;
}

TEST(Seccomp, CloneMakesThreadsAndChildrenOnly) {
  auto p = plain();
  EXPECT_EQ(answer(p, "clone", {17}), 0);
  EXPECT_EQ(answer(p, "clone", {0x3d0f00}), 0) << "pthread_create";
  for (std::uint64_t flag :
       {0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000})
    for (std::uint64_t more : {std::uint64_t{17}, std::uint64_t{0x3d0f00}, std::uint64_t{1} << 40})
      EXPECT_NE(answer(p, "clone", {flag | more}), 0) << std::hex << flag;
}

TEST(Seccomp, SocketsAreOfFewKinds) {
  auto p = plain();
  constexpr std::uint64_t kNonblock = 04000, kCloexec = 02000000;
  for (std::uint64_t domain = 0; domain < 64; ++domain)
    for (std::uint64_t type = 0; type < 16; ++type)
      for (std::uint64_t protocol : {0, 1, 6, 12, 15, 17, 58, 132, 136, 255, 262, 300})
        for (std::uint64_t flags : {std::uint64_t{0}, kNonblock | kCloexec}) {
          bool inet = (domain == 2 || domain == 10) && ((type == 1 && (protocol == 0 || protocol == 6)) ||
                                                        (type == 2 && (protocol == 0 || protocol == 17)));
          bool open = domain == 1 || inet || (domain == 16 && protocol == 0);
          EXPECT_EQ(answer(p, "socket", {domain, type | flags, protocol}) == 0, open)
              << domain << " " << type << " " << protocol;
        }
  for (std::uint64_t family : {17, 38, 40, 44}) EXPECT_EQ(answer(p, "socket", {family, 1, 0}), 97);
  EXPECT_NE(answer(p, "socket", {(std::uint64_t{1} << 32) | 40, 1, 0}), 0);
  EXPECT_NE(answer(p, "socketpair", {2, 1, 0}), 0);
  EXPECT_EQ(answer(p, "socketpair", {1, 1, 0}), 0);
}

TEST(Seccomp, NobodyTypesIntoTerminals) {
  auto p = plain();
  for (std::uint64_t upper : {std::uint64_t{0}, std::uint64_t{1} << 32, std::uint64_t{0xdeadbeef} << 32})
    for (std::uint64_t closed : {0x5412, 0x541c, 0x5423})
      EXPECT_NE(answer(p, "ioctl", {0, upper | closed}), 0);
  for (std::uint64_t open :
       std::vector<std::uint64_t>{0x5401, 0x5402, 0x5410, 0x5411, 0x5413, 0x5414, 0x541b, 0x541d, 0x5421,
                                  0x5422, 0x5424, 0x5451, 0x0, 0xffffffff, 0x80045430u, 0x40049409})
    EXPECT_EQ(answer(p, "ioctl", {0, open}), 0) << std::hex << open;
  for (std::uint64_t request = 0x5300; request < 0x5500; ++request)
    EXPECT_EQ(answer(p, "ioctl", {0, request}) == 0,
              request != 0x5412 && request != 0x541c && request != 0x5423);
}

TEST(Seccomp, GrantsOpenWhatTheySayAndNoMore) {
  auto traced = json::parse(*seccomp_profile({GrantPtrace{}}));
  EXPECT_EQ(answer(traced, "ptrace"), 0);
  EXPECT_NE(answer(traced, "mbind"), 0);
  auto named = json::parse(*seccomp_profile({GrantSyscalls{{"mbind"}}}));
  EXPECT_EQ(answer(named, "mbind"), 0);
  EXPECT_NE(answer(named, "set_mempolicy"), 0);
  EXPECT_NE(answer(named, "ptrace"), 0);
  EXPECT_EQ(seccomp_profile({GrantSyscalls{{"bpf"}}}).error().code, Code::denied);
  EXPECT_EQ(seccomp_profile({GrantSyscalls{{"no_such"}}}).error().code, Code::invalid);
}

TEST(Seccomp, DataIsDeterministic) {
  EXPECT_EQ(*seccomp_profile({}), *seccomp_profile({}));
}

}  // namespace
}  // namespace brig::policy
