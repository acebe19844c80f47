// Where servers begin, in directories as strangers leave them.
#include "service/entry.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "core/unique_fd.hpp"

namespace brig::service {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class Entries : public testing::Test {
 protected:
  Entries() {
    char name[] = "/tmp/brig-entry-XXXXXX";
    dir = ::mkdtemp(name);
    root.reset(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~Entries() override { fs::remove_all(dir); }

  void put(const std::string& path, const std::string& text = "x") {
    fs::create_directories((dir / path).parent_path());
    std::ofstream(dir / path) << text;
  }
  Result<Entry> find(Runtime runtime = Runtime::node) { return find_entry(root.get(), spec, runtime); }
  std::string why(Runtime runtime = Runtime::node) {
    auto found = find(runtime);
    EXPECT_FALSE(found);
    return found ? "" : found.error().message;
  }

  fs::path dir;
  UniqueFd root;
  Spec spec;
};

class NpmEntries : public Entries {
 protected:
  NpmEntries() { spec.npm = NpmSource{"@a/server", "", "", {}}; }
  void manifest(const std::string& text) { put("node_modules/@a/server/package.json", text); }
};

TEST_F(NpmEntries, AreTheCommandOfThePackage) {
  put("node_modules/@a/server/dist/cli.js");
  put("node_modules/@a/server/other.js");
  spec.args = {"mcp"};
  manifest(R"({"version": "1.2.3", "bin": "./dist/cli.js"})");
  auto entry = find();
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->version, "1.2.3");
  EXPECT_THAT(entry->command,
              ElementsAre("node", "/workspace/.service/node_modules/@a/server/dist/cli.js", "mcp"));
  manifest(R"({"bin": {"only": "dist/cli.js"}})");
  EXPECT_TRUE(find());
  manifest(R"({"bin": {"other": "other.js", "server": "dist/cli.js"}})");
  ASSERT_TRUE(find());
  EXPECT_THAT(find()->command[1], HasSubstr("dist/cli.js"));
  spec.npm->bin = "other";
  EXPECT_THAT(find()->command[1], HasSubstr("other.js"));
}

TEST_F(NpmEntries, RunOnBunOrByThemselvesWhereThatIsSaid) {
  put("node_modules/@a/server/run");
  manifest(R"({"bin": "run"})");
  spec.runtime = Runtime::bun;
  ASSERT_TRUE(find());
  EXPECT_THAT(find()->command, ElementsAre("bun", "/workspace/.service/node_modules/@a/server/run"));
  spec.runtime = Runtime::binary;
  ASSERT_TRUE(find());
  EXPECT_THAT(find()->command, ElementsAre("/workspace/.service/node_modules/@a/server/run"));
}

TEST_F(NpmEntries, AreRefusedByName) {
  EXPECT_THAT(why(), HasSubstr("node_modules/@a/server/package.json"));
  manifest("{}");
  EXPECT_THAT(why(), HasSubstr("has no command"));
  manifest(R"({"bin": {"one": "x.js", "two": "y.js"}})");
  EXPECT_THAT(why(), HasSubstr("one, two"));
  for (const char* path : {"../../../etc/passwd", "/etc/passwd", "", "nowhere.js", "."}) {
    manifest(R"({"bin": ")" + std::string(path) + "\"}");
    EXPECT_THAT(why(), HasSubstr("no file of the package")) << path;
  }
  manifest(R"({"bin": "link.js"})");
  fs::create_symlink("/etc/passwd", dir / "node_modules/@a/server/link.js");
  EXPECT_THAT(why(), HasSubstr("no file of the package"));
  for (const char* text : {"", "[]", "{", R"({"bin": 7})"}) {
    manifest(text);
    EXPECT_FALSE(find()) << text;
  }
}

TEST_F(Entries, OfNodeAreMainThenBinThenTheUsual) {
  put("index.js");
  EXPECT_THAT(find()->command[1], HasSubstr(".service/index.js"));
  put("src/index.ts");
  EXPECT_THAT(find()->command[1], HasSubstr("src/index.ts"));
  put("src/index.js");
  EXPECT_THAT(find()->command[1], HasSubstr("src/index.js"));
  put("dist/index.js");
  EXPECT_THAT(find()->command[1], HasSubstr("dist/index.js"));
  put("package.json", R"({"bin": {"z": "z.js", "a": "a.js"}})");
  put("z.js");
  put("a.js");
  EXPECT_THAT(find()->command[1], HasSubstr("z.js"));
  put("package.json", R"({"main": "./lib/main.js", "version": "2.0.0", "bin": "z.js"})");
  EXPECT_THAT(find()->command[1], HasSubstr("z.js"));  // main is not there
  put("lib/main.js");
  EXPECT_THAT(find()->command[1], HasSubstr("lib/main.js"));
  EXPECT_EQ(find()->version, "2.0.0");
}

TEST_F(Entries, OfPythonAreTheUsualOrAModule) {
  spec.args = {"--x"};
  EXPECT_THAT(find(Runtime::python)->command, ElementsAre("python3", "-m", "server", "--x"));
  put("src/main.py");
  EXPECT_THAT(find(Runtime::python)->command[1], HasSubstr("src/main.py"));
  put("main.py");
  EXPECT_THAT(find(Runtime::python)->command[1], HasSubstr(".service/main.py"));
  put("src/server.py");
  EXPECT_THAT(find(Runtime::python)->command[1], HasSubstr("src/server.py"));
  put("server.py");
  EXPECT_THAT(find(Runtime::python)->command[1], HasSubstr(".service/server.py"));
}

TEST_F(Entries, AreRefusedWhereTheManifestIsOdd) {
  EXPECT_THAT(why(), HasSubstr("nothing to start"));
  fs::create_directory(dir / "package.json");
  EXPECT_THAT(why(), HasSubstr("'package.json' is not a plain file"));
  fs::remove(dir / "package.json");
  fs::create_symlink("/etc/hostname", dir / "package.json");
  EXPECT_FALSE(find());
}

TEST_F(Entries, OfBunAreThoseOfNode) {
  put("src/index.ts");
  spec.args = {"--x"};
  auto entry = find(Runtime::bun);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->runtime, Runtime::bun);
  EXPECT_THAT(entry->command, ElementsAre("bun", "/workspace/.service/src/index.ts", "--x"));
}

TEST_F(Entries, OfProgramsAreThoseThatMayBeExecuted) {
  put("server");
  put("bin/other");
  EXPECT_THAT(why(Runtime::binary), HasSubstr("let it be executable"));
  put("bin/server");
  fs::permissions(dir / "bin/server", fs::perms::owner_all);
  spec.args = {"--x"};
  auto entry = find(Runtime::binary);
  ASSERT_TRUE(entry);
  EXPECT_THAT(entry->command, ElementsAre("/workspace/.service/bin/server", "--x"));
  fs::permissions(dir / "server", fs::perms::group_exec);
  EXPECT_THAT(find(Runtime::binary)->command[0], HasSubstr(".service/server"));
  fs::remove(dir / "server");
  fs::create_symlink("/bin/sh", dir / "server");
  EXPECT_THAT(find(Runtime::binary)->command[0], HasSubstr("bin/server"));
}

TEST_F(Entries, TellTheRuntime) {
  EXPECT_EQ(detect_runtime(root.get()), Runtime::node);
  put("requirements.txt");
  EXPECT_EQ(detect_runtime(root.get()), Runtime::python);
  put("package.json");
  EXPECT_EQ(detect_runtime(root.get()), Runtime::node);
  for (const char* file : {"bun.lockb", "bun.lock", "bunfig.toml"}) {
    put(file);
    EXPECT_EQ(detect_runtime(root.get()), Runtime::bun) << file;
    fs::remove(dir / file);
  }
}

// Versions are told apart by it, also from what was written before.
TEST(EntryText, StaysAsItWas) {
  const std::string text = R"({"command":["node","/x"],"runtime":"node","version":"1.2.3"})";
  auto read = entry_from_json(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(entry_to_json(*read), text);
  const std::string skill = R"({"skill":{"description":"d","name":"n"},"version":"v"})";
  auto card = entry_from_json(skill);
  ASSERT_TRUE(card);
  EXPECT_EQ(entry_to_json(*card), skill);
}

TEST(EntryText, ReadsBack) {
  Entry entry;
  entry.version = "sha256:0123456789ab";
  entry.command = {"/server", "--x"};
  entry.image = {ImageId("sha256:01"), "registry.example.com/a@sha256:02", "/app"};
  auto back = entry_from_json(entry_to_json(entry));
  ASSERT_TRUE(back && back->image);
  EXPECT_EQ(back->command, entry.command);
  EXPECT_EQ(back->image->id, entry.image->id);
  EXPECT_EQ(back->image->digest, entry.image->digest);
  EXPECT_EQ(back->image->directory, "/app");
  for (auto runtime : kRuntimes) {
    Entry plain;
    plain.runtime = runtime;
    plain.command = {"x"};
    auto read = entry_from_json(entry_to_json(plain));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->runtime, runtime);
    EXPECT_FALSE(read->image);
  }
  for (const char* text : {"", "[]", "{}", R"({"command": []})", R"({"image": {"id": "x"}})"})
    EXPECT_EQ(entry_from_json(text).error().code, Code::corrupt) << text;
}

}  // namespace
}  // namespace brig::service
