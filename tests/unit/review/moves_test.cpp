// Directories that the agent renamed: the layer says where they were, which an apply makes untrue.
#include "apply_fixture.hpp"

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

// What a renamed directory still takes from its old place is not deleted under it.
TEST_F(Moves, ThePlaceItCameFromGoesWithTheWholeAlone) {
  prepare([] {
    fs::rename("dir", "renamed");
    write_text("dir", "a file");
    write_text("other/a", "edited");
  });
  ApplyRequest half;
  half.paths = Selection({"dir", "other"});
  auto refused = apply(half);
  ASSERT_TRUE(refused) << refused.error().message;
  EXPECT_THAT(said(refused->concerns), ElementsAre("dir: in the session it is part of 'renamed', a directory "
                                                   "renamed: apply all of that too, or leave this out"));
  half.paths = {};
  half.skip = Named({"renamed/sub/a"});
  refused = apply(half);
  ASSERT_TRUE(refused) << refused.error().message;
  EXPECT_THAT(said(refused->concerns), ElementsAre(HasSubstr("part of 'renamed'")));
  EXPECT_EQ(shape(project), before);
  // First the one, then the other.
  half = {};
  half.paths = Selection({"renamed"});
  expect_applied(apply(half));
  half.paths = Selection({"dir"});
  expect_applied(apply(half));
  EXPECT_THAT(told(), ElementsAre("M other/a"));
  expect_applied(apply());
  EXPECT_EQ(shape(project), after);
}

}  // namespace
}  // namespace brig::review
