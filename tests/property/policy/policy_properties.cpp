// No input yields a dangerous container, and the second reader agrees with the first.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <nlohmann/json.hpp>

#include "fixture.hpp"
#include "generators.hpp"
#include "mutations.hpp"
#include "policy/explain.hpp"
#include "policy/request.hpp"

namespace brig::policy {
namespace {

using nlohmann::json;

struct Made {
  Effective effective;
  Facts facts;
  std::string body;
};

// Whatever gets through from random ceiling, profile, request and facts; most are refused, so a few are
// tried.
std::optional<Made> made() {
  for (int i = 0; i < 20; ++i) {
    auto ceiling = *testing::any_ceiling();
    auto profile = *testing::any_profile();
    auto request = *testing::any_request();
    auto facts = *testing::any_facts();
    auto e = resolve(ceiling, profile, request);
    if (!e) continue;
    if (e->has_project_write() && *rc::gen::arbitrary<bool>()) facts.workspace_dir = *testing::nasty_path();
    if (auto body = compile(*e, facts)) return Made{*e, facts, body->body};
  }
  return std::nullopt;
}

bool under(const std::string& path, const std::string& root) {
  return (path + "/").starts_with(root + "/");
}

RC_GTEST_PROP(Compile, SatisfiesTheSecondReader, ()) {
  auto m = made();
  RC_PRE(m.has_value());
  RC_CLASSIFY(!m->effective.mounts().empty(), "with mounts");
  RC_CLASSIFY(m->effective.has_ptrace(), "with ptrace");
  RC_CLASSIFY(m->effective.has_project_write(), "with the project itself");
  auto found = verify(m->body, testing::expect(m->effective, m->facts));
  if (!found.empty()) RC_LOG() << testing::text(found);
  RC_ASSERT(found.empty());
}

// A third, blunt reading: what must never be in the text of any request.
RC_GTEST_PROP(Compile, NeverYieldsDanger, ()) {
  auto m = made();
  RC_PRE(m.has_value());
  auto body = json::parse(m->body);
  const auto& host = body["HostConfig"];
  RC_ASSERT(host["Privileged"] == false);
  RC_ASSERT(host["CapAdd"].empty());
  RC_ASSERT(host["CapDrop"] == json::array({"ALL"}));
  for (const char* mode : {"NetworkMode", "PidMode", "IpcMode", "UTSMode", "CgroupnsMode", "UsernsMode"})
    RC_ASSERT(host[mode] != "host");
  RC_ASSERT(host["NetworkMode"] == "none");
  RC_ASSERT(!host.contains("Binds"));
  RC_ASSERT(!host.contains("VolumesFrom"));
  RC_ASSERT(host["Devices"].empty());
  RC_ASSERT(body["User"] == "1000:1000");
  RC_ASSERT(body["Env"].empty());
  RC_ASSERT(host["SecurityOpt"].size() == 2u);
  for (const auto& option : host["SecurityOpt"]) {
    auto text = option.get<std::string>();
    RC_ASSERT(text.find("unconfined") == std::string::npos);
    if (text.starts_with("seccomp=")) {
      auto filter = json::parse(text.substr(8));
      RC_ASSERT(filter["defaultAction"] == "SCMP_ACT_ERRNO");
      for (const auto& rule : filter["syscalls"])
        if (rule["action"] == "SCMP_ACT_ALLOW")
          for (const char* closed :
               {"mount", "bpf", "setns", "unshare", "keyctl", "init_module", "io_uring_setup"})
            for (const auto& name : rule["names"]) RC_ASSERT(name != closed);
    }
  }
  for (const auto& mount : host["Mounts"]) {
    auto source = mount["Source"].get<std::string>();
    RC_ASSERT(mount["Type"] == "bind");
    RC_ASSERT(source.starts_with("/") && source.size() > 1);
    for (const char* closed : {"/run/docker.sock", "/var/run/docker.sock", "/srv/engines/one.sock", "/proc",
                               "/sys", "/dev", "/var/lib/docker"}) {
      RC_ASSERT(!under(source, closed));
      RC_ASSERT(!under(closed, source));
    }
    RC_ASSERT(source.find("/../") == std::string::npos);
    RC_ASSERT(source.find("docker.sock") == std::string::npos);
  }
}

// Any one of the dangerous steps is seen, whatever policy it was done to.
RC_GTEST_PROP(Verify, FindsAnyMutation, ()) {
  static const auto all = testing::mutations();
  auto m = made();
  RC_PRE(m.has_value());
  const auto& mutation =
      all[*rc::gen::resize(rc::kNominalSize, rc::gen::inRange<std::size_t>(0, all.size()))];
  auto before = json::parse(m->body);
  auto after = before;
  mutation.apply(after);
  const bool changed = after != before;  // by itself: RapidCheck cannot show documents
  RC_PRE(changed);
  RC_LOG() << mutation.name;
  RC_PRE(before["HostConfig"]["Mounts"].size() > 2 || mutation.name.find("/Mounts/2") == std::string::npos);
  // Two of the steps are what a grant gives.
  if (m->effective.has_ptrace() || !m->effective.grants.empty()) {
    for (const char* name :
         {"ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "mbind", "memfd_secret"})
      RC_PRE(mutation.name.find("seccomp opens [\"" + std::string(name)) == std::string::npos);
  }
  RC_ASSERT(!verify(after.dump(), testing::expect(m->effective, m->facts)).empty());
}

// Noise in any place: a value replaced, a key renamed or added.
RC_GTEST_PROP(Verify, FindsNoise, ()) {
  auto m = made();
  RC_PRE(m.has_value());
  auto body = json::parse(m->body);
  auto& object = *rc::gen::arbitrary<bool>() ? body : body["HostConfig"];
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  auto key = *rc::gen::elementOf(keys);
  auto old = object[key];
  switch (*rc::gen::resize(rc::kNominalSize, rc::gen::inRange(0, 4))) {
    case 0:
      object.erase(key);
      break;
    case 1:
      object[key] = json::object({{"x", *rc::gen::inRange(-9, 9)}});
      break;
    case 2:
      object.erase(key);
      object[key + "s"] = old;
      break;
    default:
      object["X" + key] = old;
      break;
  }
  RC_PRE(!(key == "MemorySwappiness" && !object.contains("XMemorySwappiness") &&
           !object.contains("MemorySwappinesss") && !object.contains(key)));
  RC_ASSERT(!verify(body.dump(), testing::expect(m->effective, m->facts)).empty());
}

RC_GTEST_PROP(Verify, SurvivesAnyText, (const std::string& text)) {
  RC_ASSERT(!verify(text, testing::expect(Effective{}, testing::facts())).empty());
}

RC_GTEST_PROP(Explain, AgreesWithResolve, ()) {
  auto ceiling = *testing::any_ceiling();
  auto profile = *testing::any_profile();
  auto request = *testing::any_request();
  auto e = resolve(ceiling, profile, request);
  auto x = explain(ceiling, profile, request);
  RC_ASSERT(e.ok() == x.ok());
  RC_PRE(e.ok());
  RC_ASSERT(x->hash == policy_hash(*e));
  RC_ASSERT(x->grants.size() == e->grants.size());
}

RC_GTEST_PROP(Request, SurvivesTheWire, ()) {
  auto request = *testing::any_request();
  auto once = parse_request(to_json(request));
  RC_PRE(once.ok());
  auto twice = parse_request(to_json(*once));
  RC_ASSERT(twice.ok());
  RC_ASSERT(*once == *twice);
  RC_ASSERT(once->limits == request.limits);
}

RC_GTEST_PROP(Parser, SurvivesAnyText, (const std::string& text)) {
  (void)parse_profile(text, "x.toml");
  (void)parse_ceiling(text, "x.toml");
}

}  // namespace
}  // namespace brig::policy
