#include "fixture.hpp"

namespace brig::review {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Patch : public Reviewed {
 protected:
  // What `git apply` makes of the project, as far as git can tell trees apart.
  static std::map<std::string, std::string> gits_picture(const fs::path& root) {
    std::map<std::string, std::string> all;
    for (auto& entry : fs::recursive_directory_iterator(root)) {
      auto st = look(entry.path());
      if (S_ISDIR(st.st_mode)) continue;
      auto name = fs::relative(entry.path(), root).string();
      all[name] = S_ISLNK(st.st_mode)    ? "link " + fs::read_symlink(entry.path()).string()
                  : st.st_mode & S_IXUSR ? "executable " + read_text(entry.path())
                                         : "file " + read_text(entry.path());
    }
    return all;
  }

  void expect_git_agrees() {
    auto copy = place.root / "copy";
    int code = 0;
    output_of("cp -a '" + project.string() + "' '" + copy.string() + "'");
    write_text(place.root / "patch", patch());
    auto said = output_of("cd '" + copy.string() + "' && GIT_CEILING_DIRECTORIES=/ git apply '" +
                              (place.root / "patch").string() + "'",
                          &code);
    EXPECT_EQ(code, 0) << said << "\n" << read_text(place.root / "patch");
    EXPECT_EQ(gits_picture(copy), gits_picture(place.workspace())) << read_text(place.root / "patch");
  }
};

TEST_F(Patch, GitTakesIt) {
  fs::create_directories(project / "dir" / "sub");
  std::string numbers;
  for (int i = 0; i < 100; ++i) numbers += std::to_string(i) + "\n";
  write_text(project / "numbers", numbers);
  write_text(project / "no newline", "one\ntwo");
  write_text(project / "gone", "g\n");
  write_text(project / "empty gone", "");
  write_text(project / "run", "#!/bin/sh\n");
  write_text(project / "both", "content and mode\n");
  write_text(project / "to link", "file\n");
  write_text(project / "to directory", "file\n");
  write_text(project / "dir" / "moves", "whole\n");
  write_text(project / "dir" / "sub" / "moves too", "also whole\n");
  fs::create_symlink("numbers", project / "link");
  fs::create_symlink("numbers", project / "to file");
  mount();
  agent([&] {
    auto edited = numbers;
    edited.replace(edited.find("\n50\n"), 4, "\nfifty\n");
    edited.replace(edited.find("\n57\n"), 4, "\nfifty-seven\n");
    edited.insert(edited.find("\n70\n"), "\n69 and a half");
    edited.erase(0, edited.find("\n3\n") + 1);
    write_text("numbers", edited + "and no newline");
    write_text("no newline", "one\ntwo\n");
    fs::remove("gone");
    fs::remove("empty gone");
    write_text("empty new", "");
    write_text("new file", "n\n");
    ::chmod("run", 0755);
    write_text("both", "other content\n");
    ::chmod("both", 0755);
    fs::remove("to link");
    fs::create_symlink("numbers", "to link");
    fs::remove("to file");
    write_text("to file", "now a file\n");
    fs::remove("to directory");
    fs::create_directory("to directory");
    write_text("to directory/in", "in it\n");
    fs::remove("link");
    fs::create_symlink("elsewhere", "link");
    fs::rename("dir", "directory");
    write_text("tab\tand \"quotes\" \\ and ünïcode", "x\n");
    write_text("not\xffutf8\nand a new line", "y\n");
    write_text("latin-1",
               "gr\xf6\xdf"
               "e\r\n");
  });
  expect_git_agrees();
}

TEST_F(Patch, BinaryFilesAreMarked) {
  write_text(project / "picture", std::string("\x89PNG\0\1\2", 7));
  write_text(project / "text", "t\n");
  mount();
  agent([] {
    write_text("picture", std::string("\x89PNG\0\1\3", 7));
    write_text("huge", std::string(kMaxText + 1, 'x'));
    fs::rename("text", "moved");
  });
  auto text = patch();
  EXPECT_THAT(text, HasSubstr("Binary files a/picture and b/picture differ\n"));
  EXPECT_THAT(text, HasSubstr("Binary files /dev/null and b/huge differ\n"));
  EXPECT_THAT(text, HasSubstr("similarity index 100%\nrename from text\nrename to moved\n"));
}

TEST_F(Patch, WhatGitHasNoWordForIsSaidBesides) {
  write_text(project / "file", "f\n");
  fs::create_directory(project / "closed");
  mount();
  agent([] {
    ::chmod("file", 0600);
    ::chmod("closed", 0700);
    ::mkfifo("pipe\nname", 0644);
    fs::create_directory("empty");
    write_text("suid", "s\n");
    ::chmod("suid", 04755);
  });
  auto text = patch();
  EXPECT_THAT(text, HasSubstr("# brig: file: mode 0644 becomes 0600\n"));
  EXPECT_THAT(text, HasSubstr("# brig: closed: mode 0755 becomes 0700\n"));
  EXPECT_THAT(text, HasSubstr("# brig: pipe\\x0aname: fifo added\n"));
  EXPECT_THAT(text, HasSubstr("# brig: empty: directory added\n"));
  EXPECT_THAT(text, HasSubstr("# brig: suid: mode 4755\n"));
  EXPECT_THAT(text, Not(HasSubstr("diff --git a/file")));
}

TEST_F(Patch, CountsLines) {
  write_text(project / "file", "a\nb\nc\n");
  mount();
  agent([] { write_text("file", "a\nx\ny\nc\n"); });
  auto from = source();
  auto one = changes(from);
  ASSERT_EQ(one.size(), 1u);
  auto part = patch_of(from.trees, one[0]);
  ASSERT_TRUE(part);
  EXPECT_EQ(part->lines.added, 2u);
  EXPECT_EQ(part->lines.deleted, 1u);
  EXPECT_EQ(part->text,
            "diff --git a/file b/file\n--- a/file\n+++ b/file\n@@ -1,3 +1,4 @@\n a\n-b\n+x\n+y\n c\n");
}

// Random texts: git applies what we say the difference is.
TEST_F(Patch, GitTakesRandomOnes) {
  std::uint32_t state = 99;
  auto random = [&](std::uint32_t n) { return (state = state * 1664525u + 1013904223u) / 65536u % n; };
  auto text = [&] {
    std::string out;
    for (auto n = random(60); n > 0; --n)
      out += std::string(random(2) + 1, static_cast<char>('a' + random(4))) + "\n";
    if (random(3) == 0 && !out.empty()) out.pop_back();
    return out;
  };
  for (int i = 0; i < 60; ++i) write_text(project / std::to_string(i), text());
  mount();
  std::vector<std::string> after;
  for (int i = 0; i < 60; ++i) after.push_back(text());
  agent([&] {
    for (std::size_t i = 0; i < after.size(); ++i) write_text(std::to_string(i), after[i]);
  });
  expect_git_agrees();
}

}  // namespace
}  // namespace brig::review
