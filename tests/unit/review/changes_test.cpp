#include <sys/socket.h>
#include <sys/un.h>

#include "fixture.hpp"

namespace brig::review {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The tests' own mount namespace: whatever they leave mounted goes with the process.
class OwnMounts : public ::testing::Environment {
  void SetUp() override {
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0) << "these tests mount, which takes root";
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  }
};
[[maybe_unused]] auto* const kOwnMounts = ::testing::AddGlobalTestEnvironment(new OwnMounts);

class ChangesOf : public Reviewed {};

TEST_F(ChangesOf, AnUntouchedWorkspaceAreNone) {
  fs::create_directories(project / "src");
  write_text(project / "src" / "a", "a");
  mount();
  agent([] { (void)read_text("src/a"); });
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(ChangesOf, FilesAddedChangedDeletedAndWrittenAsTheyWere) {
  fs::create_directories(project / "src" / "deep");
  for (auto name : {"keep", "edit", "gone", "touched", "src/a", "src/deep/b"})
    write_text(project / name, name);
  mount();
  agent([] {
    write_text("edit", "edited");
    fs::remove("gone");
    write_text("touched", "touched");  // copied up, and the same
    write_text("new", "n");
    write_text("src/deep/b", "other");
    fs::create_directories("made/empty");
    write_text("made/file", "f");
  });
  EXPECT_THAT(told(), ElementsAre("M edit", "D gone", "A made/", "A made/empty/", "A made/file", "A new",
                                  "M src/deep/b"));
  EXPECT_THAT(told({"src", "gone"}), ElementsAre("D gone", "M src/deep/b"));
  EXPECT_THAT(told({"made/empty"}), ElementsAre("A made/empty/"));
  EXPECT_THAT(told({"nowhere"}), IsEmpty());
}

TEST_F(ChangesOf, ModesLinksAndKinds) {
  write_text(project / "run", "#!/bin/sh\n");
  write_text(project / "file", "becomes a link");
  write_text(project / "flat", "becomes a directory");
  fs::create_directories(project / "dir" / "sub");
  write_text(project / "dir" / "sub" / "x", "x");
  fs::create_directories(project / "closed");
  fs::create_symlink("run", project / "link");
  fs::create_symlink("run", project / "same");
  mount();
  agent([] {
    ::chmod("run", 0755);
    fs::remove("file");
    fs::create_symlink("run", "file");
    fs::remove("flat");
    fs::create_directory("flat");
    write_text("flat/in", "i");
    fs::remove_all("dir");
    write_text("dir", "flat now");
    ::chmod("closed", 0700);
    fs::remove("link");
    fs::create_symlink("/etc/passwd", "link");
    fs::remove("same");
    fs::create_symlink("run", "same");
    ::mkfifo("pipe", 0644);
    int s = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un name{AF_UNIX, "sock"};
    if (::bind(s, reinterpret_cast<sockaddr*>(&name), sizeof name) != 0) ::_exit(1);
  });
  auto all = changes();
  std::vector<std::string> lines;
  for (const auto& change : all) {
    lines.push_back(change.path + ": " + std::string(kind_of(change.before.mode)) + " -> " +
                    std::string(kind_of(change.after.mode)) + (change.content_differs ? "" : ", mode"));
  }
  EXPECT_THAT(lines,
              ElementsAre("closed: directory -> directory, mode", "dir: directory -> file",
                          "dir/sub: directory -> none", "dir/sub/x: file -> none", "file: file -> symlink",
                          "flat: file -> directory", "flat/in: none -> file", "link: symlink -> symlink",
                          "pipe: none -> fifo", "run: file -> file, mode", "sock: none -> socket"));
}

TEST_F(ChangesOf, DirectoriesDeletedAndMadeAnew) {
  fs::create_directories(project / "dir" / "sub");
  write_text(project / "dir" / "stays", "the same");
  write_text(project / "dir" / "changes", "old");
  write_text(project / "dir" / "sub" / "goes", "x");
  mount();
  agent([] {
    fs::remove_all("dir");
    fs::create_directory("dir");
    write_text("dir/stays", "the same");
    write_text("dir/changes", "new");
  });
  EXPECT_THAT(told(), ElementsAre("M dir/changes", "D dir/sub/", "D dir/sub/goes"));
}

TEST_F(ChangesOf, RenamedDirectoriesAndFiles) {
  fs::create_directories(project / "old" / "sub");
  write_text(project / "old" / "one", "first of two");
  write_text(project / "old" / "sub" / "two", "second of them");
  write_text(project / "old" / "sub" / "three", "deleted after it moved");
  write_text(project / "plain", "a file that moves");
  fs::create_directories(project / "a" / "b");
  write_text(project / "a" / "b" / "c", "moved twice");
  mount();
  agent([] {
    fs::rename("old", "new");
    write_text("new/added", "an addition");
    write_text("new/one", "first of two, edited");
    fs::remove("new/sub/three");
    fs::rename("plain", "moved");
    fs::rename("a/b", "b");
    fs::rename("b", "a/d");
    fs::rename("a", "z");
  });
  EXPECT_THAT(told(), ElementsAre("D a/", "D a/b/", "R plain -> moved", "A new/", "A new/added", "A new/one",
                                  "A new/sub/", "R old/sub/two -> new/sub/two", "D old/", "D old/one",
                                  "D old/sub/", "D old/sub/three", "A z/", "A z/d/", "R a/b/c -> z/d/c"));
}

TEST_F(ChangesOf, NamesOfAllKinds) {
  std::string longest(255, 'x');
  std::string bytes = "not\xffutf8";
  mount();
  agent([&] {
    write_text(longest, "l");
    write_text(bytes, "b");
    write_text("new\nline\x1b[31m", "n");
    write_text("quote\"back\\slash", "q");
    fs::create_directory(bytes + "-dir");
    write_text(bytes + "-dir/in", "i");
  });
  EXPECT_THAT(told(), ElementsAre("A new\nline\x1b[31m", "A " + bytes, "A " + bytes + "-dir/",
                                  "A " + bytes + "-dir/in", "A quote\"back\\slash", "A " + longest));
}

TEST_F(ChangesOf, WhatTheOwnerMayNotReadStaysUnread) {
  write_text(project / "foreign", "a secret of somebody else");
  own(project / "foreign", 4242, 4242);
  fs::permissions(project / "foreign", fs::perms(0600));
  write_text(project / "shut", "shut by the agent");
  mount();
  agent([] {
    write_text("shut", "changed");
    ::chmod("shut", 0);
    fs::create_directory("closed");
    write_text("closed/in", "i");
    ::chmod("closed", 0);
  });
  // The kernel lets the agent not delete it either; another may.
  ASSERT_EQ(::mknod((place.upper() / "foreign").c_str(), S_IFCHR, 0), 0);
  EXPECT_THAT(told(), ElementsAre("A closed/", "A closed/in", "D foreign", "M shut"));
  auto text = patch();
  EXPECT_THAT(text, HasSubstr("+changed"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("secret")));
  EXPECT_THAT(text, HasSubstr("foreign: not readable"));
}

TEST_F(ChangesOf, ManyDirectoriesDeepAreNotLookedInto) {
  mount();
  agent([] {
    for (int i = 0; i < kMaxDepth + 100; ++i) {
      if (::mkdir("d", 0755) != 0 || ::chdir("d") != 0) ::_exit(1);
    }
  });
  auto all = changes();
  ASSERT_FALSE(all.empty());
  EXPECT_THAT(all.back().trouble, HasSubstr("deep"));
  EXPECT_EQ(all.size(), static_cast<std::size_t>(kMaxDepth) + 1);
}

TEST_F(ChangesOf, TheDigestTellsWhetherAnythingMoved) {
  write_text(project / "file", "f");
  mount();
  agent([] { write_text("file", "g"); });
  auto digest = [&] {
    auto from = source();
    return with_rights(from.owner, [&] { return find_changes(from.trees, {}); })->digest;
  };
  auto first = digest();
  EXPECT_EQ(digest(), first);
  wait_for_the_clock();  // as large as before, it differs by its time
  agent([] { write_text("file", "h"); });
  auto second = digest();
  EXPECT_NE(second, first);
  ASSERT_TRUE(workspace::unmount(place.session()));
  EXPECT_EQ(digest(), second) << "mounted or not is the same";
  write_text(project / "file", "by the host");
  EXPECT_NE(digest(), second);
}

TEST_F(ChangesOf, AnEmptyWorkspace) {
  auto spec = place.spec();
  spec.uid = kOwner;
  spec.gid = kGroup;
  ASSERT_TRUE(mounter.mount(spec));
  agent([] { write_text("made", "m"); });
  auto from = open_source(place.paths, {place.own, {}, std::nullopt}, std::nullopt, {});
  ASSERT_TRUE(from) << from.error().message;
  auto all = changes(*from);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].path, "made");
  EXPECT_EQ(all[0].kind, ChangeKind::added);
}

TEST_F(ChangesOf, AnotherDirectoryInThePlaceOfTheProjectIsNotComparedWith) {
  mount();
  fs::rename(project, place.root / "home" / "elsewhere");
  fs::create_directory(project);
  auto refused = open_source(place.paths, {place.own, {}, project.native()}, std::nullopt, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_THAT(refused.error().message, HasSubstr("another directory stands now"));
}

// Whatever is stacked: the kernel's view of several upper layers and ours are the same.
TEST_F(ChangesOf, SeveralLayers) {
  fs::create_directories(project / "dir" / "sub");
  write_text(project / "dir" / "a", "a in the project");
  write_text(project / "dir" / "sub" / "b", "b in the project");
  write_text(project / "gone", "deleted in the lower layer");
  write_text(project / "back", "deleted and made again");
  own(project, kOwner, kGroup);
  auto stack = place.root / "stack";
  std::vector<fs::path> uppers;
  auto with_layer = [&](const std::string& name, auto body) {
    auto upper = stack / name, work = stack / (name + "-work"), merged = stack / (name + "-merged");
    for (const auto& directory : {upper, work, merged}) fs::create_directories(directory);
    std::string lower;
    for (auto it = uppers.rbegin(); it != uppers.rend(); ++it) lower += it->native() + ":";
    auto options = "lowerdir=" + lower + project.native() + ",upperdir=" + upper.native() +
                   ",workdir=" + work.native() + ",redirect_dir=on,metacopy=off,index=off";
    ASSERT_EQ(::mount("t", merged.c_str(), "overlay", 0, options.c_str()), 0) << std::strerror(errno);
    auto here = fs::current_path();
    fs::current_path(merged);
    body();
    fs::current_path(here);
    uppers.push_back(upper);
    // Ours, while the kernel's is there to compare with.
    std::vector<UniqueFd> fds;
    for (auto it = uppers.rbegin(); it != uppers.rend(); ++it)
      fds.emplace_back(::open(it->c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    UniqueFd below(::open(project.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    Tree tree(std::move(fds), std::move(below));
    std::map<std::string, std::string> ours, kernels;
    std::function<void(const Node&, const std::string&)> walk = [&](const Node& node,
                                                                    const std::string& path) {
      auto names = tree.names(node, Tree::Layers::all);
      ASSERT_TRUE(names) << names.error().message;
      for (const auto& child : *names) {
        auto found = tree.find(node, child);
        ASSERT_TRUE(found) << found.error().message;
        auto at = joined(path, child);
        if (found->kind == Found::Kind::absent) continue;
        auto blob = read_blob(*found);
        ours[at] = std::to_string(found->st.st_mode) + (blob ? blob->bytes : "?");
        if (found->kind == Found::Kind::directory) walk(found->node, at);
      }
    };
    walk(*tree.root(), "");
    for (const auto& entry : fs::recursive_directory_iterator(merged)) {
      auto st = look(entry.path());
      kernels[fs::relative(entry.path(), merged)] =
          std::to_string(st.st_mode) + (S_ISREG(st.st_mode) ? read_text(entry.path()) : "");
    }
    EXPECT_EQ(ours, kernels) << name;
    ASSERT_EQ(::umount(merged.c_str()), 0);
  };
  with_layer("1", [] {
    fs::rename("dir", "moved");
    fs::remove("gone");
    fs::remove("back");
    write_text("moved/new", "n");
    fs::create_directory("made");
  });
  with_layer("2", [] {
    fs::rename("moved/sub", "made/sub");
    write_text("back", "again");
    write_text("made/sub/c", "c");
    fs::remove("moved/a");
  });
  with_layer("3", [] {
    fs::rename("made/sub", "top");
    fs::rename("moved", "top/moved");
    fs::remove_all("made");
    fs::create_directory("made");
    write_text("top/moved/x", "x");
    write_text("top/b", "changed");
  });
}

}  // namespace
}  // namespace brig::review
