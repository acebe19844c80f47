// The JSON Schema is for editors, the parser decides; here they are held together.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "policy/profile.hpp"
#include "policy/request.hpp"
#include "policy/seccomp.hpp"

namespace brig::policy {
namespace {

using nlohmann::json;
using Adapter = valijson::adapters::NlohmannJsonAdapter;

class Schema : public ::testing::Test {
 protected:
  Schema() : text_(json::parse(profile_schema())) {
    valijson::SchemaParser().populateSchema(Adapter(text_), schema_);
  }

  bool fits(const json& profile) {
    valijson::Validator validator;
    return validator.validate(schema_, Adapter(profile), nullptr);
  }

  json text_;
  valijson::Schema schema_;
};

std::string refusal(const json& request) {
  auto r = parse_request(request);
  return r ? "" : r.error().message;
}

TEST_F(Schema, TakesAndRefusesWhatTheParserDoes) {
  for (
      const char* text :
      {R"({})", R"({"runtime":"runsc"})", R"({"workspace":{"mode":"readonly"}})", R"({"workspace":{}})",
       R"({"limits":{"memory":"4 GiB","cpus":1.5,"pids":8,"nofile":64,"disk":"1G","tmp":"1M","home":65536,"run":"1m",
            "shm":"64MiB","oom_score_adj":0}})",
       R"({"limits":{"cpus":"0.5","memory":"1.5 GiB"}})",
       R"({"grants":{"ptrace":true,"project_write":false}})", R"({"grants":{"syscalls":["mbind"]}})",
       R"({"grants":{"mount":[{"source":"/srv/a","target":"/mnt/a"}]}})", R"({"egress":{}})",
       R"({"egress":{"allow":["a.example.com","*.example.org:443"],"deny":["10.0.0.0/8"],"ask":true}})",
       R"({"egress":{"presets":["npm","pip","apt","provider"]}})"}) {
    auto object = json::parse(text);
    EXPECT_TRUE(fits(object)) << text;
    EXPECT_EQ(refusal(object), "") << text;
  }
  for (const char* text : {R"({"x":1})",
                           R"({"runtime":"kata"})",
                           R"({"runtime":1})",
                           R"({"workspace":"overlay"})",
                           R"({"workspace":{"mode":"direct"}})",
                           R"({"limits":{"memroy":1}})",
                           R"({"limits":{"memory":true}})",
                           R"({"limits":{"memory":"lots"}})",
                           R"({"limits":{"pids":7}})",
                           R"({"limits":{"pids":"9"}})",
                           R"({"limits":{"nofile":1048577}})",
                           R"({"limits":{"oom_score_adj":-1}})",
                           R"({"limits":{"cpus":0}})",
                           R"({"limits":{"cpus":"1e3"}})",
                           R"({"grants":{"ptrace":1}})",
                           R"({"grants":{"syscalls":["bpf"]}})",
                           R"({"grants":{"syscalls":"mbind"}})",
                           R"({"grants":{"mount":[{"source":"/srv/a"}]}})",
                           R"({"grants":{"mount":[{"source":"srv","target":"/mnt/a"}]}})",
                           R"({"grants":{"mount":{}}})",
                           R"({"egress":["a.example.com"]})",
                           R"({"egress":{"allow":"a.example.com"}})",
                           R"({"egress":{"allow":[""]}})",
                           R"({"egress":{"presets":["pypi"]}})",
                           R"({"egress":{"ask":"yes"}})",
                           R"([])"}) {
    auto object = json::parse(text);
    EXPECT_FALSE(fits(object)) << text;
    EXPECT_NE(refusal(object), "") << text;
  }
}

// The parser lists the keys it knows when it meets one it does not.
TEST_F(Schema, HasTheParsersKeys) {
  auto known = [](const std::string& message) {
    std::set<std::string> out;
    auto list = message.substr(message.find("known are ") + 10);
    std::stringstream words(list);
    for (std::string word; std::getline(words, word, ',');)
      out.insert(word.substr(word.find_first_not_of(' ')));
    return out;
  };
  auto keys = [](const json& object) {
    std::set<std::string> out;
    for (const auto& [key, value] : object.items()) out.insert(key);
    return out;
  };
  const auto& top = text_["properties"];
  EXPECT_EQ(keys(top), known(parse_profile("zzz = 1", "x.toml").error().message));
  EXPECT_EQ(keys(top["limits"]["properties"]), known(refusal({{"limits", {{"zzz", 1}}}})));
  EXPECT_EQ(keys(top["workspace"]["properties"]), known(refusal({{"workspace", {{"zzz", 1}}}})));
  EXPECT_EQ(keys(top["grants"]["properties"]), known(refusal({{"grants", {{"zzz", 1}}}})));
  auto mount = json::parse(R"({"grants":{"mount":[{"source":"/srv/a","target":"/mnt/a","zzz":1}]}})");
  EXPECT_EQ(keys(top["grants"]["properties"]["mount"]["items"]["properties"]), known(refusal(mount)));
  EXPECT_EQ(keys(top["egress"]["properties"]), known(refusal({{"egress", {{"zzz", 1}}}})));
  std::set<std::string> grantable, offered;
  for (const auto& group : syscall_groups())
    if (group.action == "grantable") grantable.insert(group.syscalls.begin(), group.syscalls.end());
  for (const auto& name : top["grants"]["properties"]["syscalls"]["items"]["enum"]) offered.insert(name);
  EXPECT_EQ(grantable, offered);
}

// Profiles as the schema sees them: rewritten as requests are, with the two keys that requests lack.
TEST_F(Schema, TakesEveryBuiltInProfile) {
  for (const auto& p : built_in_profiles()) {
    Request same{p.runtime, p.workspace, p.limits, p.grants, p.egress};
    auto object = to_json(same);
    object["name"] = p.name;
    object["description"] = p.description;
    EXPECT_TRUE(fits(object)) << p.name << " " << object.dump();
  }
}

}  // namespace
}  // namespace brig::policy
