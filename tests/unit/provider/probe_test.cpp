#include "provider/probe.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "provider/identities.hpp"

namespace brig::provider {
namespace {

namespace fs = std::filesystem;

class Probing : public ::testing::Test {
 protected:
  Probing() {
    std::string pattern = (fs::temp_directory_path() / "brig-probe-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) std::abort();
    dir = pattern;
  }
  ~Probing() override { fs::remove_all(dir); }
  void put(const char* name, const std::string& content) { std::ofstream(dir / name) << content; }
  Probe look() { return probe(dir, files); }

  fs::path dir;
  std::vector<image::ProbeFile> files = {
      {"auth.json", {"tokens.refresh", "KEY"}, {"email", "name"}, "tokens.id"},
      {"other.json", {}, {"active"}, ""}};
};

TEST_F(Probing, SaysWhoIsLoggedIn) {
  EXPECT_TRUE(look().exists);
  EXPECT_EQ(look().authenticated, false);
  // {"email":"a@example.com"}
  put("auth.json", R"({"tokens": {"refresh": "r", "id": "e30.eyJlbWFpbCI6ImFAZXhhbXBsZS5jb20ifQ.sig"}})");
  EXPECT_EQ(look().authenticated, true);
  EXPECT_EQ(look().account, "a@example.com");
  put("auth.json", R"({"KEY": "k"})");
  put("other.json", R"({"active": "b@example.com"})");
  EXPECT_EQ(look().authenticated, true);
  EXPECT_EQ(look().account, "b@example.com");
}

TEST_F(Probing, WhatIsNoAccountIsNotShown) {
  put("other.json", R"({"active": "sk-0123456789012345678901234567890123456789"})");
  EXPECT_EQ(look().account, "");
  put("other.json", R"({"active": "a@b\u001b[2J"})");
  EXPECT_EQ(look().account, "");
  put("other.json", "{\"active\": \"" + std::string(500, 'a') + "@b\"}");
  EXPECT_EQ(look().account, "");
}

TEST_F(Probing, NonsenseIsNotKnown) {
  for (const char* text :
       {"", "[", "[]", "null", R"({"tokens": 1})", R"({"tokens": {"id": "a.b"}})",
        R"({"tokens": {"id": "a.!!.c"}})", R"({"tokens": {"id": "e30.W10.x"}})", R"({"KEY": 5})"}) {
    put("auth.json", text);
    EXPECT_EQ(look().authenticated, false) << text;
    EXPECT_EQ(look().account, "") << text;
  }
  put("auth.json", std::string(100'000, '['));
  EXPECT_EQ(look().authenticated, false);
}

TEST_F(Probing, NoConfigurationAndNothingDeclared) {
  auto absent = probe(dir / "absent", files);
  EXPECT_FALSE(absent.exists);
  EXPECT_EQ(absent.authenticated, false);
  EXPECT_FALSE(probe(dir, {}).authenticated);
}

TEST(Identity, NamesVolumesAndPointsTheCliAtThem) {
  image::Provider provider;
  provider.id = ProviderId("gemini");
  provider.profile_env = "HOME_OF_IT";
  provider.profile_env_is_parent = true;
  provider.config = {{"/home/agent/.gemini", false, false, "", image::Sharing::shared, {}},
                     {"/home/agent/.g.json", true, true, "{}", image::Sharing::exclusive, {}}};
  Identity identity{"1f2e3d4c", "Work", "/home/agent/second/.gemini", false, {}};
  auto wanted = volumes_of(provider, identity);
  ASSERT_EQ(wanted.size(), 2u);
  EXPECT_EQ(wanted[0].volume, "brig-gemini-1f2e3d4c-1");
  EXPECT_EQ(wanted[0].target, "/home/agent/second/.gemini");
  EXPECT_TRUE(wanted[0].writable);
  EXPECT_EQ(wanted[1].volume, "brig-gemini-1f2e3d4c-2");
  EXPECT_EQ(wanted[1].target, "/home/agent/.g.json");
  EXPECT_FALSE(wanted[1].writable);
  EXPECT_EQ(environment_of(provider, identity),
            (std::map<std::string, std::string>{{"HOME_OF_IT", "/home/agent/second"}}));
}

}  // namespace
}  // namespace brig::provider
