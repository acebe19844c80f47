// What skills say of themselves, and what of a stranger's directory becomes their files.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/unique_fd.hpp"
#include "service/bundle.hpp"
#include "service/skill_card.hpp"
#include "session/skills.hpp"

namespace brig::service {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

SkillCard card(const std::string& matter) {
  auto read = read_skill_card("---\n" + matter + "\n---\n# text\n");
  EXPECT_TRUE(read) << matter << ": " << (read ? "" : read.error().message);
  return read ? *read : SkillCard{};
}
std::string refused(const std::string& text) {
  auto read = read_skill_card(text);
  EXPECT_FALSE(read) << text;
  return read ? "" : read.error().message;
}
std::string refused_matter(const std::string& matter) {
  return refused("---\n" + matter + "\n---\n");
}

TEST(SkillCards, AreReadAsPeopleWriteThem) {
  EXPECT_EQ(card("name: a-b\ndescription: Does it, well."), (SkillCard{"a-b", "Does it, well."}));
  EXPECT_EQ(card("name: \"a\"   # mine\ndescription: 'it''s: \"so\"'"), (SkillCard{"a", "it's: \"so\""}));
  EXPECT_EQ(card("name: a\ndescription: >-\n  One\n  two.\n\n  Three."), (SkillCard{"a", "One two. Three."}));
  EXPECT_EQ(card("name: a\ndescription: |\n  key: value\nlicense: x"), (SkillCard{"a", "key: value"}));
  EXPECT_EQ(card("name: a\ndescription: One\n  two"), (SkillCard{"a", "One two"}));
  EXPECT_EQ(card("name: a # not of it\ndescription: b#c"), (SkillCard{"a", "b#c"}));
  EXPECT_EQ(card("# first\nallowed-tools:\n- Bash\n  - Read\nmetadata:\n  name: other\n  description: *x\n"
                 "name: a\ndescription: \"x\\ty\""),
            (SkillCard{"a", "x\\x09y"}));
  auto windows = read_skill_card("\xEF\xBB\xBF---\r\nname: a\r\ndescription: b\r\n---\r\n");
  ASSERT_TRUE(windows) << windows.error().message;
  EXPECT_EQ(*windows, (SkillCard{"a", "b"}));
}

TEST(SkillCards, AreRefusedForWhatIsMissingOrOdd) {
  EXPECT_THAT(refused(""), HasSubstr("does not begin with"));
  EXPECT_THAT(refused("# My skill\n"), HasSubstr("does not begin with"));
  EXPECT_THAT(refused("---\nname: a\n"), HasSubstr("no second line"));
  EXPECT_THAT(refused("---\nname: a\n" + std::string(kMaxFrontMatter, ' ') + "\n---\n"),
              HasSubstr("no second line"));
  EXPECT_THAT(refused_matter("description: b"), HasSubstr("no name"));
  EXPECT_THAT(refused_matter("name: a"), HasSubstr("no description"));
  EXPECT_THAT(refused_matter("name: a\nname: b"), HasSubstr("twice; the second is line 3"));
  EXPECT_THAT(refused_matter("name:\ndescription: b"), HasSubstr("empty name"));
  EXPECT_THAT(refused_matter("name: a\ndescription: ''"), HasSubstr("empty description"));
  EXPECT_THAT(refused_matter("nonsense"), HasSubstr("line 2 that is not as in"));
  EXPECT_THAT(refused_matter("name:a"), HasSubstr("not as in"));
  for (const char* value :
       {"*x", "&x y", "!tag x", "[a]", "{a: b}", "\"open", "'a' b", "\"\\x41\"", "a: b", "- a", ">2x"})
    EXPECT_THAT(refused_matter("name: " + std::string(value)), HasSubstr("no plain text")) << value;
  EXPECT_THAT(refused_matter("name: " + std::string(65, 'a') + "\ndescription: b"), HasSubstr("over 64"));
  EXPECT_THAT(refused_matter("name: a\ndescription: " + std::string(1025, 'a')), HasSubstr("over 1024"));
  EXPECT_THAT(refused_matter("name: a\ndescription: \xff"), HasSubstr("no text in UTF-8"));
}

class SkillBundles : public testing::Test {
 protected:
  SkillBundles() {
    char name[] = "/tmp/brig-skill-XXXXXX";
    dir = ::mkdtemp(name);
    fs::create_directories(paths().layer(layer));
    put("SKILL.md", "---\nname: a\ndescription: b\n---\n");
  }
  ~SkillBundles() override { fs::remove_all(dir); }

  StatePaths paths() const { return StatePaths(dir / "state"); }
  fs::path kept() const { return paths().layer(layer) / session::kSkillFiles; }
  void put(const fs::path& path, const std::string& text, mode_t mode = 0600) {
    fs::create_directories((dir / "source" / path).parent_path());
    std::ofstream(dir / "source" / path) << text;
    ::chmod((dir / "source" / path).c_str(), mode);
  }
  Result<Bundle> keep() {
    fs::remove_all(kept());
    UniqueFd source(::open((dir / "source").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return keep_bundle(paths(), layer, source.get());
  }
  std::string why() {
    auto done = keep();
    EXPECT_FALSE(done);
    return done ? "" : done.error().message;
  }
  mode_t mode(const char* path) const {
    struct stat status {};
    EXPECT_EQ(::lstat((kept() / path).c_str(), &status), 0) << path;
    return status.st_mode;
  }

  fs::path dir;
  LayerId layer{"0123456789abcdef"};
};

TEST_F(SkillBundles, ArePlainFilesThatEverybodyMayRead) {
  put("bin/run", "#!/bin/sh\n", 06711);
  put("secret", "x", 0400);
  put(".git/config", "x");
  put("sub/.git/kept", "x");
  fs::create_symlink("bin/run", dir / "source" / "link");
  auto bundle = keep();
  ASSERT_TRUE(bundle) << bundle.error().message;
  EXPECT_EQ(bundle->card, (SkillCard{"a", "b"}));
  EXPECT_EQ(mode("bin/run"), mode_t{S_IFREG | 0755});
  EXPECT_EQ(mode("bin"), mode_t{S_IFDIR | 0755});
  EXPECT_EQ(mode("secret"), mode_t{S_IFREG | 0644});
  EXPECT_EQ(mode("link"), mode_t{S_IFREG | 0755});
  EXPECT_FALSE(fs::exists(kept() / ".git"));
  EXPECT_TRUE(fs::exists(kept() / "sub/.git/kept"));
  // Never the artefact of a service with the same files.
  UniqueFd fd(::open(kept().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_NE(hash_tree(fd.get())->hash, bundle->tree.hash);
  EXPECT_EQ(hash_tree(fd.get())->bytes, bundle->tree.bytes);
  auto again = keep();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->tree.hash, bundle->tree.hash);
}

TEST_F(SkillBundles, AreRefusedForWhatTheyMayNotHold) {
  auto one = [&](const fs::path& name, const char* said, const std::function<void(const fs::path&)>& make) {
    make(dir / "source" / name);
    EXPECT_THAT(why(), HasSubstr(said));
    fs::remove_all(dir / "source" / name);
  };
  std::ofstream(dir / "outside") << "secret";
  one("out", "leads to no file of it", [](auto path) { fs::create_symlink("../outside", path); });
  one("abs", "leads to no file of it", [](auto path) { fs::create_symlink("/etc/passwd", path); });
  one("gone", "leads to no file of it", [](auto path) { fs::create_symlink("nowhere", path); });
  one("here", "leads to no file of it", [](auto path) { fs::create_symlink(".", path); });
  one("pipe", "neither a file", [](auto path) { ::mkfifo(path.c_str(), 0600); });
  one("b\nad", "no printable text", [](auto path) { std::ofstream{path}; });
  one("d", "deeper than 32", [](auto path) {
    for (int i = 0; i < 33; ++i) path /= "d";
    fs::create_directories(path);
  });
  one("many", "more than 10000", [](auto path) {
    fs::create_directories(path);
    for (int i = 0; i < 10'000; ++i) std::ofstream{path / std::to_string(i)};
  });
  one("big", "more than 256 MiB", [](auto path) {
    std::ofstream{path};
    fs::resize_file(path, (256u << 20) + 1);
  });
  fs::remove(dir / "source/SKILL.md");
  EXPECT_THAT(why(), HasSubstr("it has no SKILL.md at its root"));
  fs::create_directories(dir / "source/SKILL.md");
  EXPECT_FALSE(keep());
}

}  // namespace
}  // namespace brig::service
