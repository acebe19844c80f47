#include "review/screen.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include "apply_fixture.hpp"

namespace brig::review {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

TEST(ScreenRules, MatchPartsAtAnyDepth) {
  EXPECT_TRUE(matches(".git/**/hooks/**", ".git/hooks/pre-commit"));
  EXPECT_TRUE(matches(".git/**/hooks/**", "sub/.git/modules/x/hooks/post-checkout"));
  EXPECT_TRUE(matches(".git/**/hooks/**", ".git/hooks")) << "should it be a link";
  EXPECT_FALSE(matches(".git/**/hooks/**", "src/hooks/x"));
  EXPECT_FALSE(matches(".git/**/config", ".git/objects/ab/config-not"));
  EXPECT_TRUE(matches("*.code-workspace", "a/b.code-workspace"));
  EXPECT_TRUE(matches("CLAUDE.md", "docs/claude.md"));
  EXPECT_FALSE(matches(".npmrc", "not.npmrc"));
}

TEST(ScreenRules, SeeThroughDisguises) {
  for (auto path : {".GIT/hooks/x", ".git./hooks/x", ".git /HOOKS/x", "GIT~1/hooks/x",
                    ".g\xe2\x80\x8bit/hooks/x", ".gi\xc2\xadt/hooks/x"}) {
    EXPECT_TRUE(matches(".git/**/hooks/**", path)) << path;
  }
  EXPECT_EQ(folded("GRÖSSE"), folded("grösse"));
  EXPECT_EQ(folded("Ünïcode"), folded("ÜNÏCODE"));
  EXPECT_NE(folded("a\xff"), folded("a\xfe"));
}

TEST(ScreenRules, EachHasAReason) {
  for (const auto& rule : screening_rules()) {
    EXPECT_FALSE(rule.reason.empty()) << rule.pattern;
    EXPECT_FALSE(rule.pattern.empty());
  }
}

class Screen : public Applying {
 protected:
  std::vector<std::string> concerns(ApplyRequest request = {}) {
    auto report = apply(request);
    if (!report) return {report.error().message};
    return said(report->concerns);
  }
};

TEST_F(Screen, PlantedFilesHaveToBeAllowedByName) {
  fs::create_directories(project / ".git" / "hooks");
  write_text(project / ".git" / "config", "[core]\n");
  write_text(project / "fine", "f");
  mount();
  auto host = shape(project);
  agent([] {
    write_text(".git/hooks/pre-commit", "#!/bin/sh\nrm -rf /\n");
    ::chmod(".git/hooks/pre-commit", 0755);
    write_text(".git/config", "[core]\n\tfsmonitor = evil\n");
    write_text(".git/index", "is no concern");
    write_text(".envrc", "evil");
    fs::create_directory(".vscode");
    write_text(".vscode/tasks.json", "{}");
    fs::create_directories("sub/.Git/hooks");
    write_text("sub/.Git/hooks/x", "evil");
    write_text("fine", "edited");
  });
  EXPECT_THAT(concerns(), UnorderedElementsAre(HasSubstr(".envrc: shells run it"),
                                               HasSubstr(".git/config: git runs programs"),
                                               HasSubstr(".git/hooks/pre-commit: git runs it"),
                                               HasSubstr(".vscode/tasks.json: editors run"),
                                               HasSubstr("sub/.Git/hooks/x: git runs it")));
  EXPECT_EQ(shape(project), host) << "nothing was applied";
  ApplyRequest request;
  request.allow = Named({".vscode", ".envrc"});
  request.skip = Named({".git/hooks", ".git/config", "sub"});
  EXPECT_THAT(concerns(request), IsEmpty());
  EXPECT_EQ(read_text(project / ".envrc"), "evil");
  EXPECT_EQ(read_text(project / ".git" / "config"), "[core]\n");
  EXPECT_FALSE(fs::exists(project / "sub"));
  EXPECT_EQ(read_text(project / "fine"), "edited");
}

TEST_F(Screen, LinksThatLeadElsewhere) {
  fs::create_directories(project / "a" / "b");
  mount();
  agent([] {
    fs::create_symlink("/etc/passwd", "absolute");
    fs::create_symlink("../outside", "out");
    fs::create_symlink("../../fine", "a/b/fine");
    fs::create_symlink("../../../out", "a/b/out");
    fs::create_symlink("a/b/../../../out", "twisted");
    fs::create_symlink("a/b", "inside");
    fs::create_symlink("nowhere", "dangling");
    fs::create_symlink("inside", ".git");
  });
  EXPECT_THAT(concerns(),
              UnorderedElementsAre(
                  HasSubstr("absolute: a link to an absolute path"), HasSubstr("out: a link that leads out"),
                  HasSubstr("a/b/out: a link that leads out"), HasSubstr("twisted: a link that goes down"),
                  HasSubstr(".git: it stands in the place of a git repository")));
}

TEST_F(Screen, SpecialFilesAndSetIdBits) {
  mount();
  agent([] {
    ::mkfifo("pipe", 0644);
    int s = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un name{AF_UNIX, "sock"};
    if (::bind(s, reinterpret_cast<sockaddr*>(&name), sizeof name) != 0) ::_exit(1);
    write_text("suid", "s");
    ::chmod("suid", 06755);
    fs::create_directory("setgid directory");
    ::chmod("setgid directory", 02755);
  });
  EXPECT_THAT(concerns(), ElementsAre(HasSubstr("pipe: a named pipe"), HasSubstr("sock: a socket or device"),
                                      HasSubstr("suid: a set-id bit")));
  ApplyRequest request;
  request.allow = everything();
  EXPECT_THAT(concerns(request), ElementsAre(HasSubstr("sock: a socket or device"))) << "not even if allowed";
  request.skip = Named({"sock"});
  EXPECT_THAT(concerns(request), IsEmpty());
  EXPECT_TRUE(S_ISFIFO(look(project / "pipe").st_mode));
  EXPECT_EQ(look(project / "suid").st_mode & 07777, 06755u);
  expect_applied(undo());
  EXPECT_TRUE(fs::is_empty(project));
}

TEST_F(Screen, NamesThatDifferByCaseOnly) {
  write_text(project / "Makefile", "m");
  write_text(project / "renamed", "r");
  mount();
  agent([] {
    write_text("makefile", "evil");
    write_text("one", "1");
    write_text("ONE", "2");
    fs::rename("renamed", "Renamed");
  });
  EXPECT_THAT(concerns(), UnorderedElementsAre(HasSubstr("makefile: differs from 'Makefile'"),
                                               HasSubstr("one: differs from 'ONE'"),
                                               HasSubstr("ONE: differs from 'one'")));
}

TEST_F(Screen, ScriptsOfPackages) {
  write_text(project / "package.json", R"({"name": "x", "scripts": {"test": "true"}})");
  fs::create_directory(project / "lib");
  write_text(project / "lib" / "package.json", R"({"version": "1", "scripts": {"test": "true"}})");
  mount();
  agent([] {
    write_text("package.json", R"({"name": "x", "scripts": {"test": "true", "postinstall": "evil"}})");
    write_text("lib/package.json", R"({"version": "2", "scripts": {"test": "true"}})");
    fs::create_directories("new/odd");
    write_text("new/package.json", R"({"name": "y"})");
    write_text("new/odd/package.json", "{");
  });
  EXPECT_THAT(concerns(), ElementsAre(HasSubstr("new/odd/package.json: no JSON"),
                                      HasSubstr("package.json: its scripts")));
}

TEST_F(Screen, ARepositoryWithoutItsName) {
  mount();
  agent([] {
    fs::create_directories("innocent/objects");
    fs::create_directories("innocent/refs");
    write_text("innocent/HEAD", "ref: refs/heads/main\n");
    write_text("innocent/config", "[core]\n\tfsmonitor = evil\n");
    fs::create_directory("plain");
    write_text("plain/config", "c");
  });
  EXPECT_THAT(concerns(), ElementsAre(HasSubstr("innocent/HEAD: part of a git repository"),
                                      HasSubstr("innocent/config: part of a git repository")));
}

}  // namespace
}  // namespace brig::review
