#include <sys/file.h>
#include <sys/xattr.h>

#include "apply_fixture.hpp"

namespace brig::review {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Apply : public Applying {
 protected:
  // A bit of everything that can be changed.
  void prepare() {
    fs::create_directories(project / "dir" / "sub");
    fs::create_directories(project / "closed" / "in");
    fs::create_directories(project / "to file");
    for (auto name : {"keep", "edit", "gone", "to directory", "to link", "dir/a", "dir/sub/b", "closed/in/x",
                      "to file/y", "moves"}) {
      write_text(project / name, std::string("this is ") + name);
    }
    fs::create_symlink("keep", project / "link");
    ::chmod((project / "edit").c_str(), 0600);
    ::chmod((project / "closed" / "in").c_str(), 0555);
    mount();
    before = shape(project);
    agent([] {
      write_text("edit", "edited");
      ::chmod("edit", 0640);
      ::chmod("keep", 0755);
      fs::remove("gone");
      fs::remove("to directory");
      fs::create_directories("to directory/deep/er");
      write_text("to directory/deep/er/file", "made");
      fs::remove("to link");
      fs::create_symlink("keep", "to link");
      fs::remove_all("to file");
      write_text("to file", "now a file");
      fs::rename("dir", "renamed");
      write_text("renamed/c", "c");
      ::chmod("closed/in", 0755);
      fs::remove_all("closed");
      fs::remove("link");
      fs::create_symlink("edit", "link");
      fs::create_directory("empty");
      ::chmod("empty", 0711);
      fs::rename("moves", "has moved");
      write_text("not\xffutf8", "bytes");
      write_text(std::string(255, 'n'), "long");
    });
    after = shape(place.workspace());
  }

  std::map<std::string, std::string> before, after;
};

TEST_F(Apply, MakesTheProjectWhatTheAgentSaw) {
  prepare();
  auto report = apply();
  expect_applied(report);
  EXPECT_EQ(shape(project), after);
  expect_owned();
  expect_tidy();
  EXPECT_THAT(told(), IsEmpty()) << "nothing is left to apply";

  auto undone = undo();
  expect_applied(undone);
  EXPECT_EQ(shape(project), before);
  expect_owned();
  expect_tidy();
  auto again = undo();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::conflict);
  // And what Brig did itself is no edit of the host's.
  expect_applied(apply());
  EXPECT_EQ(shape(project), after);
}

TEST_F(Apply, AlsoAfterTheSessionHasEnded) {
  prepare();
  ASSERT_TRUE(workspace::unmount(place.session()));
  expect_applied(apply());
  EXPECT_EQ(shape(project), after);
}

TEST_F(Apply, InParts) {
  prepare();
  ApplyRequest request;
  request.paths = Selection({"to directory/deep/er/file", "edit"});
  auto refused = apply(request);
  ASSERT_TRUE(refused) << refused.error().message;
  EXPECT_THAT(said(refused->concerns), ElementsAre(HasSubstr("a file, on the host: name that as well")));
  EXPECT_EQ(shape(project), before);
  request.paths = Selection({"to directory", "edit"});
  expect_applied(apply(request));
  EXPECT_EQ(read_text(project / "to directory/deep/er/file"), "made");
  EXPECT_EQ(read_text(project / "edit"), "edited");
  EXPECT_TRUE(fs::exists(project / "gone"));
  request.paths = Selection({"renamed/sub/b"});
  expect_applied(apply(request));
  EXPECT_EQ(read_text(project / "renamed/sub/b"), "this is dir/sub/b") << "its directories are made for it";
  EXPECT_FALSE(fs::exists(project / "renamed/a"));
  expect_applied(apply());
  EXPECT_EQ(shape(project), after);
  expect_tidy();
}

TEST_F(Apply, LeavesOutWhatIsSkipped) {
  prepare();
  ApplyRequest request;
  request.skip = Named({"closed/in/x", "edit"});
  expect_applied(apply(request));
  EXPECT_EQ(read_text(project / "edit"), "this is edit");
  EXPECT_TRUE(fs::exists(project / "closed/in/x")) << "and so its directories";
  EXPECT_FALSE(fs::exists(project / "gone"));
}

TEST_F(Apply, WhatWasShownIsWhatIsApplied) {
  write_text(project / "file", "old");
  mount();
  agent([] { write_text("file", "shown"); });
  auto from = source();
  ApplyRequest request;
  request.digest = with_rights(from.owner, [&] { return find_changes(from.trees, {}); })->digest;
  agent([] { write_text("file", "swapped"); });
  auto refused = apply(request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_THAT(refused.error().message, HasSubstr("look again"));
  EXPECT_EQ(read_text(project / "file"), "old");
}

// Every way in which somebody may have been at work in the project meanwhile.
TEST_F(Apply, EditsOfTheHostAreNotOverwritten) {
  fs::create_directories(project / "moved" / "in");
  fs::create_directories(project / "other");
  for (auto name :
       {"edited", "same times", "replaced", "deleted", "mode", "removed by the agent", "moved/in/x", "quiet"})
    write_text(project / name, "before");
  write_text(project / "other" / "x", "older than the session");
  mount();
  agent([] {
    for (auto name :
         {"edited", "same times", "replaced", "deleted", "mode", "added by both", "moved/in/x", "quiet"})
      write_text(name, "by the agent");
    fs::remove("removed by the agent");
  });
  write_text(project / "edited", "by the host");
  auto times = look(project / "same times");
  write_text(project / "same times", "by_the_host");
  timespec both[2] = {times.st_atim, times.st_mtim};
  ::utimensat(AT_FDCWD, (project / "same times").c_str(), both, 0);
  write_text(project / "new", "by the host");
  fs::rename(project / "new", project / "replaced");
  fs::remove(project / "deleted");
  ::chmod((project / "mode").c_str(), 0600);
  write_text(project / "added by both", "by the host");
  write_text(project / "removed by the agent", "by the host");
  fs::rename(project / "moved" / "in", project / "elsewhere");
  fs::rename(project / "other", project / "moved" / "in");
  auto host = shape(project);

  auto report = apply();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(
      said(report->conflicts),
      ElementsAre(HasSubstr("added by both: changed"),
                  HasSubstr("deleted: what it was made from was deleted"), HasSubstr("edited: changed"),
                  HasSubstr("mode: changed"), HasSubstr("moved/in/x: the directory 'moved/in' was moved"),
                  HasSubstr("removed by the agent: changed"), HasSubstr("replaced: changed"),
                  HasSubstr("same times: changed")));
  EXPECT_EQ(shape(project), host) << "nothing at all was applied";
  EXPECT_THAT(*journal().entries(), IsEmpty());

  ApplyRequest chosen;
  chosen.skip = Named({"added by both", "mode", "moved", "same times", "replaced"});
  chosen.overwrite = Named({"edited", "removed by the agent", "deleted"});
  expect_applied(apply(chosen));
  EXPECT_EQ(read_text(project / "edited"), "by the agent");
  EXPECT_EQ(read_text(project / "deleted"), "by the agent");
  EXPECT_EQ(read_text(project / "quiet"), "by the agent");
  EXPECT_EQ(read_text(project / "added by both"), "by the host");
  EXPECT_FALSE(fs::exists(project / "removed by the agent"));
  expect_applied(undo());
  EXPECT_EQ(shape(project), host) << "also what was overwritten comes back";
}

TEST_F(Apply, OwnAppliesAreNoEditsOfTheHosts) {
  write_text(project / "file", "1");
  mount();
  for (auto text : {"2", "3", "4"}) {
    agent([&] {
      write_text("file", text);
      write_text(std::string("made ") + text, text);
      fs::create_directory(std::string("directory ") + text);
    });
    expect_applied(apply());
    EXPECT_EQ(read_text(project / "file"), text);
  }
  agent([] { write_text("file", "5"); });
  write_text(project / "file", "by the host");
  auto report = apply();
  ASSERT_TRUE(report);
  EXPECT_THAT(said(report->conflicts), ElementsAre("file: changed on the host since the session began"));
}

TEST_F(Apply, UndoKeepsWhatWasDoneSince) {
  write_text(project / "a", "a");
  write_text(project / "b", "b");
  mount();
  agent([] {
    write_text("a", "agent");
    write_text("b", "agent");
    fs::create_directory("made");
    write_text("made/x", "x");
  });
  expect_applied(apply());
  write_text(project / "a", "a person's");
  write_text(project / "made" / "y", "a person's");
  auto host = shape(project);
  auto report = undo();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(said(report->conflicts),
              ElementsAre("a: changed since it was applied", "made: holds 'y', which was not applied"));
  EXPECT_EQ(shape(project), host);
  expect_applied(undo(Named({"a", "made"})));
  EXPECT_EQ(read_text(project / "a"), "a person's");
  EXPECT_EQ(read_text(project / "b"), "b");
  EXPECT_TRUE(fs::exists(project / "made" / "x"));
  // What was left alone is a person's, not ours.
  agent([] { write_text("a", "agent again"); });
  auto again = apply();
  ASSERT_TRUE(again);
  EXPECT_THAT(said(again->conflicts),
              ElementsAre(HasSubstr("a: changed on the host"), HasSubstr("made/y: changed")));
}

TEST_F(Apply, OnlyOneAtATime) {
  write_text(project / "file", "old");
  mount();
  agent([] { write_text("file", "new"); });
  UniqueFd held(::open(project.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(::flock(held.get(), LOCK_EX | LOCK_NB), 0);
  auto refused = apply();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_TRUE(refused.error().retryable);
  EXPECT_EQ(undo().error().code, Code::conflict);
  held.reset();
  expect_applied(apply());
}

// Somebody edits between our looking and our putting in place: at every step, in every way.
TEST_F(Apply, AnEditAtTheVeryMomentIsNotLost) {
  write_text(project / "a", "old");
  write_text(project / "file", "old");
  write_text(project / "gone", "old");
  mount();
  agent([] {
    write_text("a", "new");
    write_text("file", "new");
    fs::remove("gone");
    write_text("made", "new");
  });
  for (auto victim : {"file", "gone", "made"}) {
    int refused = 0;
    for (int at = 1;; ++at) {
      for (auto name : {"a", "file", "gone"}) write_text(project / name, "old");
      fs::remove(project / "made");
      fs::remove_all(place.state() / "reviews");
      int steps = 0;
      bool edited = false;
      ApplyRequest request;
      request.overwrite = everything();
      auto report = apply(request, [&] {
        if (++steps != at) return;
        edited = true;
        AsRoot root;
        write_text(project / "replacement", "by the host");
        fs::rename(project / "replacement", project / victim);
      });
      if (!edited) break;
      if (report && !report->refused()) {
        // It came before we looked, or after we were done with it; then it is in the backup, or stands.
        if (read_text(project / victim) == "by the host") continue;
        expect_applied(undo());
        EXPECT_EQ(read_text(project / victim), "by the host") << victim << " at step " << at;
      } else {
        ++refused;
        EXPECT_EQ(read_text(project / victim), "by the host") << victim << " at step " << at;
        for (auto name : {"a", "file", "gone"}) {
          if (name != std::string(victim)) {
            EXPECT_EQ(read_text(project / name), "old") << victim << at;
          }
        }
        EXPECT_TRUE(victim == std::string("made") || !fs::exists(project / "made"));
      }
      expect_tidy();
    }
    EXPECT_GT(refused, 0) << victim;
  }
}

TEST_F(Apply, HostileTreesOnTheHostAreNotFollowed) {
  fs::create_directories(project / "dir");
  write_text(project / "dir" / "file", "old");
  auto outside = place.root / "outside";
  fs::create_directory(outside);
  write_text(outside / "file", "not ours");
  own(outside, kOwner, kGroup);
  own(outside / "file", kOwner, kGroup);
  mount();
  agent([] {
    write_text("dir/file", "new");
    write_text("dir/made", "new");
  });
  // The host's own doing, but nothing may go through it.
  fs::rename(project / "dir", project / "was dir");
  fs::create_directory_symlink(outside, project / "dir");
  ApplyRequest request;
  request.overwrite = everything();
  request.allow = everything();
  auto report = apply(request);
  EXPECT_EQ(shape(outside).size(), 1u);
  EXPECT_EQ(read_text(outside / "file"), "not ours");
  expect_tidy();
}

TEST_F(Apply, OverlayAttributesAndOwnersStayBehind) {
  fs::create_directories(project / "dir");
  write_text(project / "dir" / "file", "old");
  mount();
  agent([] {
    write_text("dir/file", "new");
    fs::remove_all("dir");
    fs::create_directory("dir");
    write_text("dir/made", "new");
  });
  expect_applied(apply());
  for (auto path : {project / "dir", project / "dir" / "made"}) {
    std::array<char, 1024> names;
    auto n = ::listxattr(path.c_str(), names.data(), names.size());
    EXPECT_EQ(std::string(names.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))).find("overlay"),
              std::string::npos);
  }
  expect_owned();
}

TEST_F(Apply, AFullDiskUnderTheProjectChangesNothing) {
  ASSERT_EQ(::mount("tmpfs", project.c_str(), "tmpfs", 0, "size=1m,mode=0755"), 0);
  write_text(project / "file", "old");
  mount();
  agent([] {
    write_text("file", "new");
    write_text("large", std::string(2 << 20, 'x'));
  });
  auto host = shape(project);
  auto report = apply();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::exhausted) << report.error().message;
  EXPECT_THAT(report.error().message, HasSubstr("free space on the project's file system"));
  EXPECT_EQ(shape(project), host);
  expect_tidy();
  ApplyRequest request;
  request.skip = Named({"large"});
  expect_applied(apply(request));
  EXPECT_EQ(read_text(project / "file"), "new");
  ASSERT_TRUE(workspace::unmount(place.session()));
  ASSERT_EQ(::umount2(project.c_str(), MNT_DETACH), 0);
}

TEST_F(Apply, AFullDiskUnderTheStateChangesNothing) {
  write_text(project / "file", "old");
  mount();
  agent([] { write_text("file", std::string(2 << 20, 'x')); });
  auto reviews = place.state() / "reviews";
  fs::create_directory(reviews);
  ASSERT_EQ(::mount("tmpfs", reviews.c_str(), "tmpfs", 0, "size=1m,mode=0700"), 0);
  auto report = apply();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::exhausted) << report.error().message;
  EXPECT_EQ(read_text(project / "file"), "old");
  expect_tidy();
  ASSERT_EQ(::umount2(reviews.c_str(), MNT_DETACH), 0);
}

TEST_F(Apply, NothingToApplyIsNoError) {
  mount();
  auto report = apply();
  expect_applied(report);
  EXPECT_THAT(report->done, IsEmpty());
  EXPECT_FALSE(undo());
}

}  // namespace
}  // namespace brig::review
