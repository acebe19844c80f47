// What may be deployed, and that it reads back from the ledger as it was.
#include "service/spec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace brig::service {
namespace {

using testing::HasSubstr;

Spec npm(std::string package, std::string range = {}, std::string bin = {}) {
  Spec spec;
  spec.npm = NpmSource{std::move(package), std::move(range), std::move(bin), {}};
  return spec;
}

TEST(Spec, TakesPackagesAsRegistriesHaveThem) {
  for (const char* name : {"a", "server-everything", "@modelcontextprotocol/server-everything", "JSONStream"})
    EXPECT_TRUE(check_spec(npm(name))) << name;
  for (const char* range :
       {"", "1", "1.2.3", "^1.2", "~0.3", ">=1 <2", "1.x", "latest", "1.0.0-rc.1+build", "1 || 2"})
    EXPECT_TRUE(check_spec(npm("a", range))) << range;
}

// Whatever npm would take for something else than a package of the registry.
TEST(Spec, RefusesWhatIsNoPackage) {
  for (const char* name :
       {"",    "-g",    "--registry=x",  "../x",      "/x", "./x", "x/y",  "@x",    "@/y",   "@x/", "@x/y/z",
        "x@1", "npm:x", "git+https://x", "https://x", ".x", "a b", "a\nb", "@x/-y", "x.tgz/"})
    EXPECT_FALSE(check_spec(npm(name))) << name;
  EXPECT_FALSE(check_spec(npm(std::string(215, 'a'))));
  for (const char* range :
       {"npm:other", "file:x", "https://x", "git+ssh://x", "../x", "-x", "1;2", "$(x)", "a/b"})
    EXPECT_FALSE(check_spec(npm("a", range))) << range;
  for (const char* bin : {"../x", "-x", ".x", "a/b", "a b"})
    EXPECT_FALSE(check_spec(npm("a", "", bin))) << bin;
}

TEST(Spec, RefusesWhatCannotBe) {
  Spec none, both = npm("a"), python = npm("a"), secret = npm("a"), small = npm("a");
  both.directory = DirectorySource{"/x", {}, {}};
  python.runtime = Runtime::python;
  secret.args = {"--key=$vault:x"};
  small.memory = 1;
  for (const auto& spec : {none, both, python, secret, small}) EXPECT_FALSE(check_spec(spec));
  Spec relative;
  relative.directory = DirectorySource{"x", {}, {}};
  EXPECT_FALSE(check_spec(relative));
}

TEST(Spec, TakesRepositoriesThatCanBeClonedSafely) {
  auto git = [](std::string url, std::string ref = {}, std::string key = {}) {
    Spec spec;
    spec.git = RepositorySource{std::move(url), std::move(ref), std::move(key)};
    return spec;
  };
  auto full = git("https://git.example.com/a/b.git", "v1", "token");
  EXPECT_TRUE(check_spec(full));
  EXPECT_TRUE(check_spec(git("http://git.example.com:8080/a")));
  for (const char* url : {"", "/srv/a", "file:///srv/a", "ssh://h/a", "git@h:a", "ext::sh -c id", "https://h",
                          "https://u:p@h/a", "https://*.h/a", "https://h/a b", "--upload-pack=x"})
    EXPECT_FALSE(check_spec(git(url))) << url;
  EXPECT_FALSE(check_spec(git("https://h/a", "-x")));
  EXPECT_FALSE(check_spec(git("http://h/a", "", "token")));  // everybody on the way would see it
  EXPECT_FALSE(check_spec(git("https://h/a", "", "../token")));
  auto back = spec_from_json(spec_to_json(full));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->git, full.git);
}

TEST(Spec, ReachesServersElsewhereByUrlsWithoutSecrets) {
  Spec spec;
  spec.remote = RemoteSource{"https://mcp.example.com/mcp?x=1"};
  EXPECT_TRUE(check_spec(spec));
  auto back = spec_from_json(spec_to_json(spec));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->remote, spec.remote);
  for (const char* url : {"http://10.1.2.3:8080/mcp", "https://[2001:db8::1]/", "https://mcp.example.com"}) {
    spec.remote->url = url;
    EXPECT_TRUE(check_spec(spec)) << url;
  }
  for (const char* url : {"", "mcp.example.com", "ftp://h/", "https://", "https://u:p@h/", "https://*.h/",
                          "https://h/a b", "https://h:99999/", "stdio:x"}) {
    spec.remote->url = url;
    EXPECT_FALSE(check_spec(spec)) << url;
  }
  spec.remote->url = "https://h.example/";
  spec.args = {"x"};
  EXPECT_FALSE(check_spec(spec));
}

TEST(Spec, TakesImagesByNamesThatARegistryCanHave) {
  auto of = [](std::string reference, std::string key = {}) {
    Spec spec;
    spec.image = ImageSource{std::move(reference), std::move(key), true};
    return spec;
  };
  auto full = of("registry.example.com:5000/team/server:2", "login");
  full.args = {"--x"};
  EXPECT_TRUE(check_spec(full));
  auto back = spec_from_json(spec_to_json(full));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->image, full.image);
  EXPECT_EQ(source_text(full), "image registry.example.com:5000/team/server:2");
  for (const char* name : {"", "-x", "/x", "../x", "a b", "a?x=1", "a#b", "https://h/a", "a\n"})
    EXPECT_FALSE(check_spec(of(name))) << name;
  EXPECT_FALSE(check_spec(of("a", "../key")));
  full.runtime = Runtime::node;
  EXPECT_FALSE(check_spec(full));
  full.runtime.reset();
  full.skill = true;
  EXPECT_FALSE(check_spec(full));
}

TEST(Spec, KnowsReferencesToTheVault) {
  std::map<std::string, Secret> env{{"A", Secret("$vault:the-key")}, {"B", Secret("plain")}};
  EXPECT_TRUE(check_env(env));
  EXPECT_EQ(vault_key_of(env["A"]), "the-key");
  EXPECT_EQ(vault_key_of(env["B"]), "");
  for (const char* value : {"x$vault:key", "$vault:", "$vault:a b", "$vault:../x"}) {
    std::map<std::string, Secret> bad{{"A", Secret(value)}};
    auto checked = check_env(bad);
    ASSERT_FALSE(checked) << value;
    EXPECT_THAT(checked.error().message, HasSubstr("config.env.A")) << value;
  }
  std::map<std::string, Secret> name{{"A-B", Secret("x")}};
  EXPECT_FALSE(check_env(name));
}

TEST(Spec, ReadsBackFromTheLedger) {
  auto spec = npm("@a/b", "^1", "run");
  spec.npm->allow_scripts = {"native"};
  spec.args = {"mcp", "--x"};
  spec.allow = {*egress::read_rule("backend.test:443", egress::Verb::allow)};
  spec.memory = 256u << 20;
  spec.milli_cpus = 500;
  spec.idle = std::chrono::minutes(10);
  auto back = spec_from_json(spec_to_json(spec));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->npm, spec.npm);
  EXPECT_EQ(back->args, spec.args);
  EXPECT_EQ(back->allow, spec.allow);
  EXPECT_EQ(back->memory, spec.memory);
  EXPECT_EQ(back->milli_cpus, spec.milli_cpus);
  EXPECT_EQ(back->idle, spec.idle);
  for (auto idle : {Millis(999), Millis(std::chrono::hours(24 * 30 + 1))}) {
    spec.idle = idle;
    EXPECT_THAT(check_spec(spec).error().message, HasSubstr("config.idle")) << idle.count();
  }
  Spec local;
  local.directory = DirectorySource{"/srv/tools", 1000, 100};
  local.runtime = Runtime::python;
  back = spec_from_json(spec_to_json(local));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->directory, local.directory);
  EXPECT_EQ(back->runtime, Runtime::python);
  for (const char* text : {"", "[]", "{}", R"({"npm":{"package":"../x"}})"})
    EXPECT_FALSE(spec_from_json(text)) << text;

  std::map<std::string, Secret> env{{"A", Secret("v\"1\n")}, {"B", Secret("")}};
  auto read = env_from_text(env_to_text(env));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ((*read)["A"].reveal(), "v\"1\n");
}

}  // namespace
}  // namespace brig::service
