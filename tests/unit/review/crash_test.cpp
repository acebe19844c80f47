// Killed at every step: afterwards the project is as before, or as after, and nothing in between.
#include <signal.h>

#include "apply_fixture.hpp"

namespace brig::review {
namespace {

class Crash : public Applying {
 protected:
  void prepare() {
    fs::create_directories(project / "goes" / "deep");
    fs::create_directories(project / "to file");
    fs::create_directories(project / "was" / "in");
    write_text(project / "was" / "in" / "unwritten", "unwritten");
    for (auto name : {"edit", "gone", "to directory", "goes/a", "goes/deep/b", "to file/c", "link me"})
      write_text(project / name, std::string("this is ") + name);
    ::chmod((project / "goes" / "deep").c_str(), 0500);
    mount();
    agent([] {
      write_text("edit", "edited");
      fs::remove("gone");
      fs::remove("to directory");
      fs::create_directory("to directory");
      write_text("to directory/in", "in");
      ::chmod("goes/deep", 0700);
      fs::remove_all("goes");
      fs::remove_all("to file");
      write_text("to file", "a file");
      fs::remove("link me");
      fs::create_symlink("edit", "link me");
      fs::create_directories("made/empty");
      ::chmod("made/empty", 0711);
      fs::rename("was", "is");
      fs::create_directory("was");
      write_text("was/other", "other");
    });
    before = shape(project);
    after = shape(place.workspace());
    ASSERT_TRUE(workspace::unmount(place.session()));
    pristine = place.root / "pristine";
    output_of("cp -a '" + project.string() + "' '" + pristine.string() + "'");
  }

  void restore() {
    for (auto& entry : fs::directory_iterator(project)) {
      output_of("chmod -R u+rwx '" + entry.path().string() + "'");
      fs::remove_all(entry.path());
    }
    output_of("cp -a '" + pristine.string() + "/.' '" + project.string() + "'");
    fs::remove_all(place.state() / "reviews");
    ASSERT_EQ(shape(project), before);
  }

  // Runs it in a child that dies at step n; whether it died.
  template <class F>
  bool dies(int n, F work) {
    pid_t child = ::fork();
    if (child == 0) {
      int steps = 0;
      work([&] {
        if (++steps == n) ::kill(::getpid(), SIGKILL);
      });
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFSIGNALED(status);
  }

  // Recovering itself is killed too, once, at a step that moves along.
  void recover_with_trouble(int n) {
    (void)dies(1 + n % 23, [&](Step step) { (void)recover(journal(), step); });
    auto recovered = recover(journal());
    ASSERT_TRUE(recovered) << recovered.error().message;
  }

  std::map<std::string, std::string> before, after;
  fs::path pristine;
};

ApplyRequest anyway() {
  ApplyRequest request;
  request.overwrite = everything();
  request.allow = everything();
  return request;
}

TEST_F(Crash, AtEveryStepOfAnApply) {
  prepare();
  int undone = 0, finished = 0;
  for (int n = 1;; ++n) {
    restore();
    if (!dies(n, [&](Step step) { (void)apply(anyway(), step); })) break;
    recover_with_trouble(n);
    expect_tidy();
    auto now = shape(project);
    if (now == before) {
      ++undone;
      expect_applied(apply(anyway()));
    } else {
      ASSERT_EQ(now, after) << "killed at step " << n;
      ++finished;
      expect_owned();
      expect_applied(undo());
    }
    if (HasFatalFailure()) return;
    EXPECT_EQ(shape(project), now == before ? after : before) << "killed at step " << n;
  }
  EXPECT_GT(undone, 10);
  EXPECT_GT(finished, 10);
}

TEST_F(Crash, AtEveryStepOfAnUndo) {
  prepare();
  int undone = 0, stayed = 0;
  for (int n = 1;; ++n) {
    restore();
    expect_applied(apply(anyway()));
    if (HasFatalFailure()) return;
    if (!dies(n, [&](Step step) { (void)undo({}, step); })) break;
    recover_with_trouble(n);
    expect_tidy();
    auto now = shape(project);
    if (now == after) {
      ++stayed;
      expect_applied(undo());
      EXPECT_EQ(shape(project), before) << "killed at step " << n;
    } else {
      ASSERT_EQ(now, before) << "killed at step " << n;
      ++undone;
    }
  }
  EXPECT_GT(undone, 10);
  EXPECT_GT(stayed, 10);
}

TEST_F(Crash, AProjectThatIsAwayIsNotForgotten) {
  prepare();
  // The first step at which it will be finished.
  auto prepared = [&] {
    auto entries = journal().entries();
    if (!entries || entries->empty()) return false;
    auto swapping = entries->front().read_swapping();
    return swapping && swapping->has_value();
  };
  for (int n = 1; dies(n, [&](Step step) { (void)apply(anyway(), step); }) && !prepared(); ++n) restore();
  ASSERT_TRUE(prepared());
  auto elsewhere = place.root / "home" / "elsewhere";
  fs::rename(project, elsewhere);
  EXPECT_FALSE(recover(journal()));
  fs::create_directory(project);
  EXPECT_FALSE(recover(journal())) << "another directory is not touched";
  EXPECT_TRUE(fs::is_empty(project));
  fs::remove(project);
  fs::rename(elsewhere, project);
  EXPECT_TRUE(recover(journal()));
  EXPECT_EQ(shape(project), after);
  expect_tidy();
}

}  // namespace
}  // namespace brig::review
