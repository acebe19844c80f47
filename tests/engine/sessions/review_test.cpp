// What a session changed, as a person sees it and takes it over.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "brigd.hpp"
#include "core/files.hpp"

namespace brig::test {
namespace {

namespace fs = std::filesystem;

class Review : public testing::Test {
 protected:
  // A session that has run `script` in its workspace and ended.
  void run(const std::string& name, const fs::path& project, const std::string& script) {
    auto done = brigd.brig(
        {"run", "box", "--name", name, "--project", project, "--", "sh", "-ec", "cd /workspace; " + script});
    ASSERT_EQ(done.code, 0) << done.err;
  }
  Brigd brigd;
};

TEST_F(Review, DiffOfARunningAndOfAnEndedSession) {
  auto project = brigd.project("app");
  put_file(project / "app.py", "print(\"hello\")\n");
  put_file(project / "gone", "x\n");
  auto started = brigd.brig({"run", "box", "--name", "fix", "--project", project, "-d", "--", "sh", "-c",
                             "cd /workspace; echo 'print(1)' > app.py; rm gone; echo ready; sleep 1000"});
  ASSERT_EQ(started.code, 0) << started.err;
  ASSERT_TRUE(eventually(
      [&] {
        return brigd.brig({"logs", "fix"}).out == "ready\n";
      },
      "the agent to be done"));
  auto running = brigd.brig({"diff", "fix"});
  EXPECT_EQ(running.code, 0) << running.err;
  EXPECT_EQ(
      running.out,
      "diff --git a/app.py b/app.py\n--- a/app.py\n+++ b/app.py\n@@ -1 +1 @@\n-print(\"hello\")\n+print(1)\n"
      "diff --git a/gone b/gone\ndeleted file mode 100644\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n");
  EXPECT_EQ(brigd.brig({"stop", "--grace", "0", "fix"}).code, 0);
  EXPECT_EQ(brigd.brig({"diff", "fix"}).out, running.out);
  EXPECT_EQ(brigd.brig({"diff", "fix", "gone", "--summary"}).out, "deleted   gone\n");
  EXPECT_EQ(brigd.brig({"diff", "nobody"}).code, 66);
  auto json = nlohmann::json::parse(brigd.brig({"diff", "fix", "--json"}).out);
  EXPECT_EQ(json["changes"].size(), 2u);
}

// Names, kinds, modes, contents and targets.
std::map<std::string, std::string> shape(const fs::path& root) {
  std::map<std::string, std::string> all;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    struct stat st {};
    EXPECT_EQ(::lstat(entry.path().c_str(), &st), 0);
    auto text = std::to_string(st.st_mode) + " ";
    if (S_ISREG(st.st_mode)) text += *read_file(entry.path(), 1 << 20);
    if (S_ISLNK(st.st_mode)) text += fs::read_symlink(entry.path()).native();
    all[entry.path().native().substr(root.native().size() + 1)] = text;
  }
  return all;
}

void expect_same(const std::map<std::string, std::string>& a, const std::map<std::string, std::string>& b,
                 const char* what) {
  if (a == b) return;
  ADD_FAILURE() << what;
  for (const auto& [path, text] : a) {
    auto it = b.find(path);
    if (it == b.end() || it->second != text) ADD_FAILURE() << path << " differs or is missing";
  }
  for (const auto& [path, text] : b) {
    if (!a.contains(path)) ADD_FAILURE() << path << " is too much";
  }
}

// A file system in memory: on a disk that is told of every file that goes, most of the time would be spent on
// taking the test's own files away.
class InMemory {
 public:
  explicit InMemory(fs::path where) : where_(std::move(where)) {
    fs::create_directory(where_);
    EXPECT_EQ(::mount("tmpfs", where_.c_str(), "tmpfs", 0, "mode=0755"), 0) << std::strerror(errno);
  }
  ~InMemory() { EXPECT_EQ(::umount2(where_.c_str(), MNT_DETACH), 0) << std::strerror(errno); }
  InMemory(const InMemory&) = delete;
  InMemory& operator=(const InMemory&) = delete;

 private:
  fs::path where_;
};

TEST_F(Review, AProjectOfFiftyThousandFiles) {
  InMemory memory(brigd.dir() / "memory");
  auto project = brigd.project("memory/large");
  for (int d = 0; d < 500; ++d) {
    auto directory = project / ("d" + std::to_string(d));
    fs::create_directory(directory);
    for (int f = 0; f < 100; ++f)
      std::ofstream(directory / ("f" + std::to_string(f))) << "file " << f << " of directory " << d << "\n";
  }
  auto copy = brigd.dir() / "memory" / "copy";
  auto shell = [](const std::string& line) {
    auto done = harness::run({"sh", "-ec", line}, "");
    ASSERT_EQ(done->code, 0) << done->err;
  };
  shell("chown -R 4321:4321 '" + project.native() + "'; cp -a '" + project.native() + "' '" + copy.native() +
        "'");
  auto before = shape(project);
  ASSERT_EQ(before.size(), 50'500u);

  // In a fork, which begins where it had come to, there is no d9 any more.
  const std::string script =
      "umask 022; if ! [ -e d9 ]; then echo forked > d20/f20; mv moved again; exit; fi; echo changed > "
      "d7/f7; echo more >> d7/f8; rm d8/f8; rm -r d9; mv d10 moved; mv d11/f1 "
      "d11/renamed; "
      "mkdir -p new/deep; echo n > new/deep/n; chmod 755 d12/f2; ln -s f3 d13/link; rm d14/f4; mkdir d14/f4; "
      "echo in > d14/f4/in; echo y > d15/f5; rm d16/f6; echo anew > d16/f6; mv d17 d18/was17; echo new > "
      "d17; "
      "printf x > \"$(printf '%0251d' 0)$(printf '\\377\\376\\n\\\\')\"";
  auto in_copy = [&] { shell("cd '" + copy.native() + "'; (" + script + ")"); };
  in_copy();
  auto after = shape(copy);
  in_copy();
  auto after_fork = shape(copy);
  ASSERT_NE(after, after_fork);
  run("big", project, script);
  expect_same(shape(project), before, "the session wrote to the project");

  // What the diff says, taken back from a plain copy with the changes, gives what was before.
  auto diff = brigd.brig({"diff", "big"});
  EXPECT_EQ(diff.code, 0) << diff.err;
  put_file(brigd.dir() / "patch", diff.out);
  shell("cd '" + copy.native() +
        "'; mv again moved; cp -p d21/f20 d20/f20; sed -i s/21/20/ d20/f20; "
        "git apply -R '" +
        (brigd.dir() / "patch").native() + "'");
  expect_same(shape(copy), before, "the patch is not what was changed");

  auto applied = brigd.brig({"apply", "big", "-y"});
  EXPECT_EQ(applied.code, 0) << applied.err;
  expect_same(shape(project), after, "apply is not what a plain copy would be");
  EXPECT_EQ(brigd.brig({"diff", "big", "--summary"}).out, "");
  auto undone = brigd.brig({"undo", "big", "-y"});
  EXPECT_EQ(undone.code, 0) << undone.err;
  expect_same(shape(project), before, "undo is not what was before");

  auto forked = brigd.brig({"fork", "big", "--name", "twin"});
  EXPECT_EQ(forked.code, 0) << forked.err;
  eventually(
      [&] {
        auto all = brigd.sessions();
        return std::all_of(all.begin(), all.end(), [](const auto& s) { return s["state"] == "ended"; });
      },
      "the fork has ended");
  EXPECT_EQ(brigd.brig({"diff", "big"}).out, diff.out) << "a fork changed what it was forked from";
  auto taken = brigd.brig({"apply", "twin", "-y"});
  EXPECT_EQ(taken.code, 0) << taken.err;
  expect_same(shape(project), after_fork, "the fork's apply is not what a plain copy would be");
  EXPECT_EQ(brigd.brig({"undo", "twin", "-y"}).code, 0);
  expect_same(shape(project), before, "the fork's undo is not what was before");

  // An edit of the host's, and planted files. (For the one, what was applied of the other is an edit as
  // well.)
  std::ofstream(project / "d7" / "f7") << "by a person\n";
  auto conflict = brigd.brig({"apply", "twin", "-y"});
  EXPECT_EQ(conflict.code, 73) << conflict.err;
  EXPECT_NE(conflict.err.find("d7/f7: changed on the host since the session began"), std::string::npos)
      << conflict.err;
  EXPECT_EQ(*read_file(project / "d7" / "f7", 100), "by a person\n");
  EXPECT_EQ(*read_file(project / "d15" / "f5", 100), "file 5 of directory 15\n");
  EXPECT_EQ(brigd.brig({"apply", "twin", "-y", "--skip", "d7/f7"}).code, 0);
  EXPECT_EQ(*read_file(project / "d7" / "f7", 100), "by a person\n");
  EXPECT_EQ(*read_file(project / "d15" / "f5", 100), "y\n");

  run("evil", project,
      "mkdir -p .git/hooks .vscode; echo evil > .git/hooks/pre-commit; echo evil > .vscode/tasks.json; "
      "ln -s /etc/passwd p; echo fine > fine");
  auto screened = brigd.brig({"apply", "evil", "-y"});
  EXPECT_EQ(screened.code, 77) << screened.err;
  for (const char* path : {".git/hooks/pre-commit", ".vscode/tasks.json", "p: a link to an absolute path"})
    EXPECT_NE(screened.err.find(path), std::string::npos) << screened.err;
  EXPECT_FALSE(fs::exists(project / "fine"));
  auto allowed = brigd.brig({"apply", "evil", "-y", "--allow", ".vscode", "--skip", ".git", "--skip", "p"});
  EXPECT_EQ(allowed.code, 0) << allowed.err;
  EXPECT_TRUE(fs::exists(project / "fine"));
  EXPECT_TRUE(fs::exists(project / ".vscode" / "tasks.json"));
  EXPECT_FALSE(fs::exists(project / ".git" / "hooks"));
  EXPECT_EQ(brigd.brig({"apply", "evil"}).code, 65) << "there is nobody to ask";
}

TEST_F(Review, OfTwoAppliesAtOnceNoneIsHalf) {
  auto project = brigd.project("app");
  for (const char* name : {"one", "two"})
    run(name, project, std::string("for i in $(seq 300); do echo ") + name + " > f$i; done");
  std::map<std::string, harness::Finished> done;
  std::thread other([&] { done["one"] = brigd.brig({"apply", "one", "-y"}); });
  auto second = brigd.brig({"apply", "two", "-y"});
  other.join();
  done["two"] = second;
  // The one that came second finds the project locked, or files of the first where it would add its own.
  ASSERT_NE(done["one"].code == 0, done["two"].code == 0) << done["one"].err << done["two"].err;
  std::string winner = done["one"].code == 0 ? "one" : "two", loser = winner == "one" ? "two" : "one";
  EXPECT_EQ(done[loser].code, 73) << done[loser].err;
  auto all = shape(project);
  EXPECT_EQ(all.size(), 300u);
  for (const auto& [path, text] : all) EXPECT_TRUE(text.ends_with(" " + winner + "\n")) << path << text;
  auto lost = brigd.brig({"undo", loser, "-y"});
  EXPECT_EQ(lost.code, 73) << lost.err;
  EXPECT_EQ(brigd.brig({"undo", winner, "-y"}).code, 0);
  EXPECT_EQ(brigd.brig({"apply", loser, "-y"}).code, 0);
  EXPECT_EQ(*read_file(project / "f300", 100), loser + "\n");
}

// A directory that was renamed takes what was never written in it from the project, where an apply puts
// something else. Nobody inside sees any of that: the session, forks of before and of afterwards, and the
// checkpoint.
TEST_F(Review, ARenamedDirectoryIsTheSameInsideBeforeAndAfter) {
  auto project = brigd.project("app");
  auto copy = brigd.dir() / "copy";
  for (const char* directory : {"src/deep", "other"}) fs::create_directories(project / directory);
  for (const char* file : {"src/a", "src/b", "src/deep/c", "other/x", "keep"}) put_file(project / file, file);
  auto shell = [](const std::string& line) {
    auto done = harness::run({"sh", "-ec", line}, "");
    EXPECT_EQ(done->code, 0) << done->err;
    return done->out;
  };
  auto ok = [&](std::vector<std::string> args) {
    auto done = brigd.brig(args);
    EXPECT_EQ(done.code, 0) << testing::PrintToString(args) << ": " << done.err;
    return done.out;
  };
  shell("chown -R 4321:4321 '" + project.native() + "'; cp -a '" + project.native() + "' '" + copy.native() +
        "'");
  const std::string script =
      "umask 022; mv src lib; echo edited > lib/a; rm lib/b; mkdir src; echo new > src/a; mv other "
      "lib/deep/other";
  const std::string list =
      "; find . ! -path ./lost+found | sort | while read -r f; do stat -c '%n %f' \"$f\"; "
      "if [ -f \"$f\" ]; then md5sum < \"$f\"; fi; done";
  auto before = shape(project);
  auto expected = shell("cd '" + copy.native() + "'; " + script + list);
  auto after = shape(copy);
  auto seen = [&](const std::string& session) {
    return ok({"exec", session, "--", "sh", "-c", "cd /workspace" + list});
  };
  ok({"run", "box", "--name", "one", "--project", project, "-d", "--", "sleep", "100000"});
  ok({"exec", "one", "--", "sh", "-ec", "cd /workspace; " + script});
  ok({"checkpoint", "one", "then"});
  ok({"fork", "one", "--name", "two"});
  std::vector<std::string> all{"one", "two"};
  auto expect_seen = [&](const char* when) {
    for (const auto& session : all) EXPECT_EQ(seen(session), expected) << session << " " << when;
  };
  expect_seen("at first");
  ok({"apply", "one", "-y"});
  expect_same(shape(project), after, "apply is not what a plain copy would be");
  expect_seen("applied");
  EXPECT_EQ(ok({"diff", "one", "--summary"}), "");
  ok({"fork", "one", "--name", "three", "--from", "then"});
  ok({"fork", "one", "--name", "four"});
  all.insert(all.end(), {"three", "four"});
  expect_seen("forked");
  ok({"undo", "one", "-y"});
  expect_same(shape(project), before, "undo is not what was before");
  expect_seen("undone");
  ok({"restore", "one", "then"});
  // A checkpoint of one that has ended has no layer of its own on top.
  ok({"stop", "two", "--grace", "0"});
  ok({"checkpoint", "two", "ended"});
  ok({"apply", "one", "-y"});
  ok({"restore", "two", "ended"});
  expect_seen("applied once more");
  brigd.kill_hard();
  brigd.start();
  expect_seen("after a restart of brigd");
  for (const auto& session : all) ok({"rm", "-f", session});
  brigd.expect_nothing_left();
}

}  // namespace
}  // namespace brig::test
