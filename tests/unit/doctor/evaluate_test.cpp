#include "doctor/evaluate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <functional>
#include <set>

#include "healthy.hpp"

namespace brig::doctor {
namespace {

using ::testing::HasSubstr;
using Grade = Finding::Grade;

const Finding* find(const std::vector<Finding>& findings, std::string_view check) {
  for (auto& finding : findings) {
    if (finding.check == check) return &finding;
  }
  return nullptr;
}

TEST(Evaluate, AHealthyMachineHasNothingToDo) {
  auto findings = evaluate(healthy());
  EXPECT_GT(findings.size(), 15u);
  std::set<std::string> seen;
  for (auto& finding : findings) {
    EXPECT_EQ(finding.grade, Grade::good) << finding.check << ": " << finding.detail;
    EXPECT_TRUE(finding.remedy.empty()) << finding.check;
    EXPECT_FALSE(finding.detail.empty()) << finding.check;
    EXPECT_TRUE(seen.insert(finding.check).second) << finding.check << " is there twice";
  }
}

struct Miss {
  const char* check;
  Grade grade;
  const char* detail;  // what it says
  const char* remedy;  // what it advises
  std::function<void(Facts&)> spoil;
};

Error error(Code code, const char* message) {
  return Error{code, message, "", false};
}

const Miss kMisses[] = {
    {"engine", Grade::bad, "no answer", "systemctl start docker",
     [](Facts& f) { f.engine.error = error(Code::unavailable, "no answer"); }},
    {"engine", Grade::bad, "too old", "apt-get install docker.io",
     [](Facts& f) { f.engine.error = error(Code::unsupported, "too old"); }},
    {"engine", Grade::bad, "permission", "run brigd as root",
     [](Facts& f) { f.engine.error = error(Code::denied, "permission"); }},
    {"engine.users", Grade::bad, "rootless", "as root", [](Facts& f) { f.engine.rootless = true; }},
    {"engine.users", Grade::bad, "userns-remap", "daemon.json",
     [](Facts& f) { f.engine.userns_remap = true; }},
    {"cgroup.memory", Grade::bad, "cannot limit memory", "+memory",
     [](Facts& f) { f.engine.memory_limit = false; }},
    {"cgroup.memory", Grade::bad, "cannot limit memory", "cgroup_enable=memory",
     [](Facts& f) { f.engine.memory_limit = false, f.engine.cgroup_version = 1; }},
    {"cgroup.pids", Grade::bad, "cannot limit processes", "+pids",
     [](Facts& f) { f.engine.pids_limit = false; }},
    {"cgroup.cpu", Grade::bad, "cannot limit cpu", "+cpu", [](Facts& f) { f.engine.cpu_quota = false; }},
    {"cgroup.swap", Grade::warning, "cannot limit swap", "swapaccount=1",
     [](Facts& f) { f.engine.swap_limit = false; }},
    {"seccomp", Grade::bad, "cannot apply", "libseccomp", [](Facts& f) { f.engine.seccomp = false; }},
    {"runtime.runc", Grade::bad, "not registered", "daemon.json",
     [](Facts& f) { f.engine.runtimes = {"crun"}; }},
    {"runtime.crun", Grade::warning, "not registered", "apt-get install crun",
     [](Facts& f) { f.engine.runtimes = {"runc"}; }},
    {"runtime.runsc", Grade::warning, "gVisor", "--host-uds=all",
     [](Facts& f) { f.engine.runtimes = {"runc"}; }},
    {"root", Grade::bad, "as root", "systemctl", [](Facts& f) { f.host.is_root = false; }},
    {"kernel.openat2", Grade::bad, "refuses", "5.19", [](Facts& f) { f.host.syscalls["openat2"] = ENOSYS; }},
    {"kernel.overlay", Grade::bad, "no overlay", "5.19",
     [](Facts& f) { f.host.workspace = error(Code::unsupported, "no overlay"); }},
    {"disk.limit", Grade::bad, "no loop", "modprobe loop",
     [](Facts& f) { f.host.disk_limit = error(Code::unsupported, "no loop"); }},
    {"engine.mounts", Grade::warning, "another mount namespace", "PrivateTmp",
     [](Facts& f) { f.host.shares_mounts = false; }},
    {"init", Grade::bad, "not there", "install Brig again",
     [](Facts& f) { f.host.init_error = error(Code::not_found, "not there"); }},
    {"state", Grade::bad, "not there", "install -d",
     [](Facts& f) { f.host.state_error = error(Code::not_found, "not there"); }},
    {"state", Grade::bad, "uid 1000", "chown root", [](Facts& f) { f.host.state_uid = 1000; }},
    {"state", Grade::bad, "mode 0755", "chmod 0711", [](Facts& f) { f.host.state_mode = 0755; }},
    {"disk.state", Grade::bad, "free at /var/lib/brig", "brig rm",
     [](Facts& f) { f.host.state_space->free_bytes = 1 << 20; }},
    {"disk.state", Grade::warning, "2.0 GiB free", "brig rm",
     [](Facts& f) { f.host.state_space->free_bytes = std::uint64_t{2} << 30; }},
    {"disk.state", Grade::warning, "only 7 more files", "brig rm",
     [](Facts& f) { f.host.state_space->free_inodes = 7; }},
    {"disk.engine", Grade::bad, "/var/lib/docker", "prune",
     [](Facts& f) { f.host.engine_space->free_bytes = 0; }},
    {"group", Grade::warning, "no group brig", "groupadd --system brig",
     [](Facts& f) { f.host.group_exists = false; }},
    {"trust", Grade::bad, "unreadable", "ca_bundle",
     [](Facts& f) { f.host.trust_error = error(Code::denied, "unreadable"); }},
    {"trust", Grade::bad, "no certificate", "restart brigd", [](Facts& f) { f.host.trust_file = "/x"; }},
    {"trust", Grade::warning, "changed", "restart brigd", [](Facts& f) { f.host.trust_outdated = true; }},
    {"clock", Grade::bad, "1970", "set-ntp", [](Facts& f) { f.host.now = WallTime{}; }},
    {"clock", Grade::warning, "keeps it right", "set-ntp",
     [](Facts& f) { f.host.clock_synchronised = false; }},
    {"image.shell", Grade::warning, "other sources", "brig image build shell",
     [](Facts& f) { f.images[0].stale = true; }},
    {"images", Grade::bad, "listing failed", "brig image",
     [](Facts& f) { f.images_error = error(Code::protocol, "listing failed"); }},
};

TEST(Evaluate, EveryMissIsToldWithItsRemedy) {
  for (auto& miss : kMisses) {
    auto facts = healthy();
    miss.spoil(facts);
    auto findings = evaluate(facts);
    auto* finding = find(findings, miss.check);
    ASSERT_TRUE(finding) << miss.check;
    EXPECT_EQ(finding->grade, miss.grade) << miss.check;
    EXPECT_THAT(finding->detail, HasSubstr(miss.detail)) << miss.check;
    EXPECT_THAT(finding->remedy, HasSubstr(miss.remedy)) << miss.check;
    for (auto& other : findings) {
      EXPECT_EQ(other.remedy.empty(), other.grade == Grade::good) << other.check;
    }
  }
}

TEST(Evaluate, WithoutAnEngineNothingElseOfItIsJudged) {
  auto facts = healthy();
  facts.engine = {};
  facts.engine.error = error(Code::unavailable, "no answer");
  auto findings = evaluate(facts);
  EXPECT_FALSE(find(findings, "seccomp"));
  EXPECT_FALSE(find(findings, "image.shell"));
  EXPECT_TRUE(find(findings, "kernel.overlay"));
}

TEST(Evaluate, WhatIsNotBuiltYetIsNoMiss) {
  auto facts = healthy();
  facts.images[0].built = false;
  auto findings = evaluate(facts);
  EXPECT_EQ(find(findings, "image.shell")->grade, Grade::good);
  EXPECT_THAT(find(findings, "image.shell")->detail, HasSubstr("brig image build shell"));
}

TEST(Evaluate, StrangersTextIsPrintable) {
  auto facts = healthy();
  facts.engine.version = "20\x1b[31m\xff";
  facts.images[0].provider = "a\nb";
  for (auto& finding : evaluate(facts)) {
    for (char c : finding.check + finding.detail + finding.remedy) {
      EXPECT_TRUE(static_cast<unsigned char>(c) >= 32) << finding.check;
    }
  }
}

}  // namespace
}  // namespace brig::doctor
