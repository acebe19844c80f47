#include "policy/profile.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "policy/request.hpp"

namespace brig::policy {
namespace {

using ::testing::HasSubstr;

std::string refusal(std::string_view toml) {
  auto r = parse_profile(toml, "x.toml");
  if (r) return "accepted";
  EXPECT_EQ(r.error().code, Code::invalid) << r.error().message;
  return r.error().message;
}

TEST(Profile, ReadsEverything) {
  auto r = parse_profile(R"(
name = "big"
description = "For builds."
runtime = "crun"
[workspace]
mode = "overlay"
[limits]
memory = "8 GiB"
cpus = 1.5
pids = 2048
nofile = 4096
disk = 1073741824
tmp = "2G"
home = "1G"
run = "1M"
shm = "1G"
oom_score_adj = 700
[grants]
project_write = true
ptrace = true
syscalls = ["mbind", "mbind"]
[[grants.mount]]
source = "/srv/data"
target = "/data"
)",
                         "dir/ignored.toml");
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_EQ(r->name, "big");
  EXPECT_EQ(r->runtime, Runtime::crun);
  EXPECT_EQ(r->limits.memory, 8ull << 30);
  EXPECT_EQ(r->limits.milli_cpus, 1500u);
  EXPECT_EQ(r->limits.disk, 1ull << 30);
  EXPECT_EQ(r->limits.oom_score_adj, 700u);
  ASSERT_EQ(r->grants.size(), 4u);
  EXPECT_EQ(std::get<GrantMount>(r->grants[1]), (GrantMount{"/srv/data", "/data", false}));
  EXPECT_EQ(std::get<GrantSyscalls>(r->grants[3]).names, std::vector<std::string>{"mbind"});
}

TEST(Profile, IsNamedAfterItsFile) {
  EXPECT_EQ(parse_profile("", "dir/night-shift.toml")->name, "night-shift");
  EXPECT_FALSE(parse_profile("", "dir/night shift.toml"));
}

TEST(Profile, UnknownKeysNameLineAndNearest) {
  EXPECT_THAT(
      refusal("\n[limits]\nmemroy = \"1G\"\n"),
      ::testing::AllOf(HasSubstr("x.toml:3:"), HasSubstr("'memroy'"), HasSubstr("did you mean 'memory'")));
  EXPECT_THAT(refusal("runtim = \"runc\""), HasSubstr("did you mean 'runtime'"));
  EXPECT_THAT(refusal("[grants]\n[[grants.mount]]\nsource='/srv/a'\ntarget='/a'\nwriteable=true"),
              ::testing::AllOf(HasSubstr("x.toml:5:"), HasSubstr("did you mean 'writable'")));
  EXPECT_THAT(refusal("[workspace]\nmod = 'overlay'"), HasSubstr("did you mean 'mode'"));
}

TEST(Profile, ValuesThatMakeNoSenseNameFieldAndRange) {
  EXPECT_THAT(refusal("[limits]\nmemory = \"lots\""),
              ::testing::AllOf(HasSubstr("x.toml:2:"), HasSubstr("limits.memory"), HasSubstr("lots")));
  EXPECT_THAT(refusal("[limits]\nmemory = \"1K\""), HasSubstr("limits.memory"));
  EXPECT_THAT(refusal("[limits]\nmemory = -1"), HasSubstr("limits.memory"));
  EXPECT_THAT(refusal("[limits]\nmemory = 1.5"), HasSubstr("limits.memory"));
  EXPECT_THAT(refusal("[limits]\ncpus = nan"), HasSubstr("limits.cpus"));
  EXPECT_THAT(refusal("[limits]\ncpus = -1"), HasSubstr("limits.cpus"));
  EXPECT_THAT(refusal("[limits]\ncpus = inf"), HasSubstr("limits.cpus"));
  EXPECT_THAT(refusal("[limits]\ncpus = \"1e3\""), HasSubstr("limits.cpus"));
  EXPECT_THAT(refusal("[limits]\npids = 2020-01-01"), HasSubstr("limits.pids"));
  EXPECT_THAT(refusal("[limits]\noom_score_adj = -500"), HasSubstr("limits.oom_score_adj"));
  EXPECT_THAT(refusal("limits = 3"), HasSubstr("[limits] must be a table"));
  EXPECT_THAT(refusal("runtime = \"kata\""), HasSubstr("known are runc"));
  EXPECT_THAT(refusal("runtime = 1"), HasSubstr("must be text"));
  EXPECT_THAT(refusal("[grants]\nptrace = \"yes\""), HasSubstr("true or false"));
}

TEST(Profile, GrantsThatMustNotBe) {
  EXPECT_THAT(refusal("[grants]\nsyscalls = [\"bpf\"]"), HasSubstr("stays closed"));
  EXPECT_THAT(refusal("[grants]\nsyscalls = [\"read\"]"), HasSubstr("open already"));
  EXPECT_THAT(refusal("[grants]\nsyscalls = [\"mbnd\"]"), HasSubstr("did you mean 'mbind'"));
  auto mount = [](std::string source, std::string target) {
    return refusal("[[grants.mount]]\nsource = \"" + source + "\"\ntarget = \"" + target + "\"\n");
  };
  EXPECT_THAT(mount("/", "/data"), HasSubstr("whole host"));
  EXPECT_THAT(mount("/run/docker.sock", "/data"), HasSubstr("/run"));
  EXPECT_THAT(mount("/srv/docker.sock", "/data"), HasSubstr("socket"));
  EXPECT_THAT(mount("/srv/../etc", "/data"), HasSubstr("without '.', '..'"));
  EXPECT_THAT(mount("/srv/a", "/run/brig"), HasSubstr("taken"));
  EXPECT_THAT(mount("/srv/a", "/workspace/x"), HasSubstr("taken"));
  EXPECT_THAT(mount("/srv/a", "/"), HasSubstr("needed"));
  EXPECT_THAT(mount("srv", "/a"), HasSubstr("absolute"));
}

TEST(Profile, BrokenFilesSayWhere) {
  EXPECT_THAT(refusal("a = \n"), HasSubstr("x.toml:1:"));
  EXPECT_THAT(refusal("[limits]\npids = 9\npids = 10\n"), HasSubstr("x.toml:3:"));
  EXPECT_THAT(refusal("\xff\xfe"), HasSubstr("UTF-8"));
  EXPECT_THAT(refusal(std::string_view("a\0b", 3)), HasSubstr("UTF-8"));
  EXPECT_EQ(parse_profile(std::string(300 * 1024, '#'), "x.toml").error().code, Code::too_large);
  // Texts that fail assertions inside toml++.
  for (auto text : {"[[[x]]]", "[=]", "[\nx]", "[[ [", "[.a]", "a. = 1", "[a.]", "a\xd0\x92 = 1",
                    "\xd0\x92 = 1", "a = \xc2\xa9"})
    EXPECT_NE(refusal(text), "accepted") << text;
  EXPECT_NE(refusal("a = " + std::string(5000, '[')), "accepted");
}

TEST(Profile, FourAreBuiltIn) {
  std::vector<std::string> names;
  for (const auto& p : built_in_profiles()) {
    names.push_back(p.name);
    EXPECT_TRUE(p.built_in);
    EXPECT_FALSE(p.description.empty()) << p.name;
    EXPECT_TRUE(p.grants.empty()) << p.name;
  }
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("default", "strict", "crun", "gvisor"));
}

TEST(Request, RoundTrips) {
  auto object = nlohmann::json::parse(R"({"runtime":"runsc","workspace":{"mode":"readonly"},
    "limits":{"memory":"2 GiB","cpus":0.25,"pids":99},
    "grants":{"ptrace":true,"syscalls":["mbind"],"mount":[{"source":"/srv/a","target":"/mnt/a","writable":true}]}})");
  auto r = parse_request(object);
  ASSERT_TRUE(r) << r.error().message;
  auto again = parse_request(to_json(*r));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*r, *again);
  EXPECT_EQ(r->limits.milli_cpus, 250u);
  EXPECT_EQ(to_json(Request{}), nlohmann::json::object());
}

TEST(Request, IsAsStrictAsAProfile) {
  auto refused = [](const char* text) { return parse_request(nlohmann::json::parse(text)).error().message; };
  EXPECT_THAT(refused(R"({"limits":{"memroy":1}})"), HasSubstr("did you mean 'memory'"));
  EXPECT_THAT(refused(R"([])"), HasSubstr("must be a table"));
  EXPECT_THAT(refused(R"({"name":"x"})"), HasSubstr("no key of a policy request"));
  EXPECT_THAT(refused(R"({"limits":{"memory":18446744073709551615}})"), HasSubstr("limits.memory"));
  EXPECT_THAT(refused(R"({"limits":null})"), HasSubstr("must be a table"));
}

}  // namespace
}  // namespace brig::policy
