// Directories that the agent renamed: the layer says where they were, which an apply makes untrue.
#include "apply_fixture.hpp"
#include "workspace/overlay.hpp"

namespace brig::review {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Moves : public Applying {
 protected:
  void prepare(const std::function<void()>& edits) {
    for (auto directory : {"dir/sub", "other", "third"}) {
      fs::create_directories(project / directory);
      for (auto name : {"a", "b"})
        write_text(project / directory / name, std::string(directory) + "/" + name);
    }
    mount();
    before = shape(project);
    agent(edits);
    after = shape(place.workspace());
  }

  // Applied, nothing is left to apply, and an apply of nothing does nothing; back, and all is to be applied
  // again.
  void expect_settled() {
    auto changed = told();
    for (int round = 0; round < 2; ++round) {
      expect_applied(apply());
      EXPECT_EQ(shape(project), after);
      EXPECT_THAT(told(), IsEmpty()) << "nothing is left to apply";
      expect_applied(apply());
      EXPECT_EQ(shape(project), after) << "a second apply";
      expect_tidy();
      if (round == 1) return;
      expect_applied(undo());
      EXPECT_EQ(shape(project), before);
      EXPECT_EQ(told(), changed) << "all of it is to be applied again";
    }
  }

  std::map<std::string, std::string> before, after;
};

TEST_F(Moves, AFileAtTheOldName) {
  prepare([] {
    fs::rename("dir", "renamed");
    write_text("dir", "a file");
  });
  expect_settled();
}

TEST_F(Moves, ADirectoryAtTheOldName) {
  prepare([] {
    fs::rename("dir", "renamed");
    fs::create_directories("dir/sub");
    write_text("dir/sub/new", "new");
  });
  expect_settled();
}

TEST_F(Moves, DirectoriesThatChangePlaces) {
  prepare([] {
    fs::rename("dir", "aside");
    fs::rename("other", "dir");
    fs::rename("aside", "other");
    write_text("other/a", "edited");
  });
  expect_settled();
}

TEST_F(Moves, DirectoriesThatMoveUpOneAfterTheOther) {
  prepare([] {
    fs::rename("third", "fourth");
    fs::rename("other", "third");
    fs::rename("dir", "other");
    fs::create_directory("dir");
    write_text("dir/new", "new");
  });
  expect_settled();
}

TEST_F(Moves, OneWithinAnother) {
  prepare([] {
    fs::rename("dir/sub", "other/was sub");
    fs::rename("other", "dir/sub");
    fs::rename("dir", "renamed");
    write_text("renamed/sub/was sub/a", "edited");
  });
  expect_settled();
}

TEST_F(Moves, AgainAfterAnApply) {
  prepare([] {
    fs::rename("dir", "renamed");
    write_text("dir", "a file");
  });
  expect_applied(apply());
  agent([] {
    fs::rename("renamed", "twice");
    write_text("twice/new", "new");
  });
  EXPECT_THAT(told(), ElementsAre("D renamed/", "D renamed/sub/", "A twice/", "A twice/new", "A twice/sub/",
                                  "R renamed/sub/a -> twice/sub/a", "R renamed/sub/b -> twice/sub/b"));
  expect_applied(apply());
  EXPECT_EQ(read_text(project / "twice/sub/a"), "dir/sub/a");
  EXPECT_EQ(read_text(project / "twice/new"), "new");
  EXPECT_FALSE(fs::exists(project / "renamed"));
  EXPECT_THAT(told(), IsEmpty());
  expect_applied(undo());
  EXPECT_EQ(shape(project), after);
}

// What a renamed directory still takes from its old place is its own before that place goes.
TEST_F(Moves, ThePlaceItCameFromAlone) {
  prepare([] {
    fs::rename("dir", "renamed");
    write_text("dir", "a file");
    write_text("other/a", "edited");
  });
  ApplyRequest half;
  half.paths = Selection({"dir", "other"});
  expect_applied(apply(half));
  EXPECT_THAT(told(), ElementsAre("A renamed/", "A renamed/sub/", "A renamed/sub/a", "A renamed/sub/b"));
  half.paths = {};
  half.skip = Named({"renamed/sub/a"});
  expect_applied(apply(half));
  EXPECT_THAT(told(), ElementsAre("A renamed/sub/a"));
  expect_applied(apply());
  EXPECT_EQ(shape(project), after);
}

// What a mount of the same layers, by somebody who was not there before, shows.
class Seen : public Moves {
 protected:
  void expect_seen(const char* when) {
    EXPECT_EQ(shape(place.workspace()), after) << when << ", by who has looked before";
    ASSERT_TRUE(workspace::look_again(place.workspace()));
    EXPECT_EQ(shape(place.workspace()), after) << when << ", by name";
    ASSERT_TRUE(workspace::unmount(place.session()));
    mount_again();
    EXPECT_EQ(shape(place.workspace()), after) << when << ", by the next sandbox";
  }
};

// Kinds, modes, links, holes, what is shut, and what belongs to others; with another directory where it was.
TEST_F(Seen, TheSameTreeAsBeforeAfterApplyAndUndo) {
  fs::create_directories(project / "dir" / "shut");
  write_text(project / "dir" / "shut" / "in", "shut in");
  ::chmod((project / "dir" / "shut" / "in").c_str(), 0400);
  ::chmod((project / "dir" / "shut").c_str(), 0500);
  write_text(project / "dir" / "runs", "#!/bin/sh");
  ::chmod((project / "dir" / "runs").c_str(), 04755);
  write_text(project / "dir" / "holes", "x");
  fs::resize_file(project / "dir" / "holes", 10'000);
  fs::create_symlink("../nowhere", project / "dir" / "link");
  fs::create_directories(project / "dir" / "another's directory");
  own(project / "dir" / "another's directory", 4321, 4321);
  write_text(project / "dir" / "another's", "another's");
  own(project / "dir" / "another's", 4321, 4321);
  fs::create_symlink("x", project / "dir" / "another's link");
  own(project / "dir" / "another's link", 4321, 4321);
  prepare([] {
    fs::rename("dir", "renamed");
    fs::rename("other", "renamed/other");
    fs::remove("renamed/sub/a");
    fs::create_directories("dir/sub");
    write_text("dir/sub/new", "new");
    fs::rename("third", "other");
  });
  ApplyRequest request;
  request.allow = everything();
  for (int round = 0; round < 2; ++round) {
    expect_applied(apply(request));
    EXPECT_EQ(shape(project), after);
    expect_seen("applied");
    expect_applied(undo());
    EXPECT_EQ(shape(project), before);
    expect_seen("undone");
  }
}

TEST_F(Seen, WhatTheHostDoesToTheOldPlaceAfterwards) {
  prepare([] { fs::rename("dir", "renamed"); });
  expect_applied(apply());
  fs::create_directories(project / "dir" / "sub");
  write_text(project / "dir" / "sub" / "planted", "by somebody");
  fs::remove_all(project / "renamed");
  expect_seen("the host went on");
}

TEST_F(Seen, ByAProcessThatIsInThereNothingIsTakenFromUnderIt) {
  prepare([] { fs::rename("dir", "renamed"); });
  UniqueFd inside(
      ::open((place.workspace() / "renamed" / "sub").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_TRUE(inside);
  auto refused = apply();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_THAT(refused.error().message, HasSubstr("have it leave"));
  EXPECT_EQ(shape(project), before);
  EXPECT_EQ(shape(place.workspace()), after);
  EXPECT_FALSE(apply()) << "it is still in there";
  inside.reset();
  expect_applied(apply());
  expect_seen("applied");
}

TEST_F(Seen, WithoutRoomNothingIsTouched) {
  fs::create_directories(project / "dir");
  write_text(project / "dir" / "large", std::string(20 << 20, 'x'));
  own(project, kOwner, kGroup);
  for (auto& entry : fs::recursive_directory_iterator(project)) own(entry.path(), kOwner, kGroup);
  wait_for_the_clock();
  auto opened = workspace::open_project(project.native(), std::nullopt, {});
  ASSERT_TRUE(opened);
  auto spec = place.spec();
  spec.project = &*opened;
  spec.disk_bytes = 16 << 20;
  ASSERT_TRUE(mounter.mount(spec));
  agent([] { fs::rename("dir", "renamed"); });
  before = shape(project);
  after = shape(place.workspace());
  auto refused = apply();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::exhausted);
  EXPECT_THAT(refused.error().message, HasSubstr("Free space in there, or leave those directories out"));
  EXPECT_EQ(shape(project), before);
  EXPECT_EQ(shape(place.workspace()), after);
  EXPECT_TRUE(journal().entries()->empty());
  agent([] { fs::rename("renamed", "dir"); });
  EXPECT_THAT(told(), IsEmpty());
}

}  // namespace
}  // namespace brig::review
