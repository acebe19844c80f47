// diff, apply, undo and discard, against a fake brigd.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "brig_process.hpp"
#include "fake_brigd.hpp"

namespace brig::cli::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const char* const kChanges = R"({"digest": "d", "changes": [
  {"path": "made", "kind": "added", "content": true, "after": {"kind": "directory", "mode": "0755"},
   "lines": {"added": 0, "deleted": 0, "binary": false}},
  {"path": "made/x", "kind": "added", "content": true, "after": {"kind": "file", "mode": "4755", "size": 3},
   "lines": {"added": 12, "deleted": 0, "binary": false}},
  {"path": "run", "kind": "modified", "content": false, "before": {"kind": "file", "mode": "0644", "size": 3},
   "after": {"kind": "file", "mode": "0755", "size": 3}, "lines": {"added": 0, "deleted": 0, "binary": false}},
  {"path": "src/b", "kind": "renamed", "from": "src/a", "content": false,
   "before": {"kind": "file", "mode": "0644", "size": 3}, "after": {"kind": "file", "mode": "0644", "size": 3},
   "lines": {"added": 0, "deleted": 0, "binary": false}},
  {"path": "tty\\x1b[2J", "kind": "modified", "content": true,
   "before": {"kind": "file", "mode": "0644", "size": 3}, "after": {"kind": "symlink", "mode": "0777", "size": 9},
   "lines": {"added": 1, "deleted": 200, "binary": false}}
]})";

TEST(Diff, Summarises) {
  FakeBrigd brigd;
  brigd.on("GET /v1/sessions/fix/changes", [](const FakeRequest&) { return FakeAnswer{200, kChanges}; });
  auto said = brig(brigd.host(), {"diff", "fix", "--summary", "src",
                                  "\xff"
                                  "a\\xfe"});
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(said.out,
            "added     made/x  (mode 4755)\n"
            "modified  run  (mode 0644 → 0755)\n"
            "renamed   src/a → src/b\n"
            "modified  tty\\x1b[2J  (file → symlink)\n");
  EXPECT_EQ(brigd.requests()[0].query, "lines=0&path=src&path=%5Cxffa%5Cxfe");
  auto stat = brig(brigd.host(), {"diff", "fix", "--stat"});
  EXPECT_THAT(stat.out, AllOf(HasSubstr(" made/x        | "), HasSubstr("+\n"), HasSubstr("--\n"),
                              HasSubstr(" 4 files changed, 13 insertions(+), 200 deletions(-)\n")));
  auto json = nlohmann::json::parse(brig(brigd.host(), {"diff", "--json", "fix"}).out);
  EXPECT_EQ(json["changes"].size(), 5u);
  EXPECT_EQ(brig(brigd.host(), {"diff", "--json", "--stat", "fix"}).code, 65);
  EXPECT_EQ(brig(brigd.host(), {"diff"}).code, 64);
}

const char* const kPatch =
    "# brig: pipe: fifo added\n"
    "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-- an old line\n+\x1b]0;owned\x07\ttab\n same\n"
    "diff --git a/y b/y\n";

TEST(Diff, GivesThePatchAsItIsToAPipe) {
  FakeBrigd brigd;
  brigd.on("GET /v1/sessions/fix/changes/patch", [](const FakeRequest&) {
    return FakeAnswer{200, kPatch, "text/x-diff", true};
  });
  auto said = brig(brigd.host(), {"diff", "fix"});
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(said.out, kPatch);
}

TEST(Diff, IsHarmlessAndColouredOnATerminal) {
  FakeBrigd brigd;
  brigd.on("GET /v1/sessions/fix/changes/patch", [](const FakeRequest&) {
    return FakeAnswer{200, kPatch, "text/x-diff", true};
  });
  BrigOptions options;
  options.terminal = true;
  options.environment["TERM"] = "xterm";
  options.environment["PAGER"] = "sed 's/^/> /'";
  BrigProcess process(brigd.host(), {"diff", "fix"}, options);
  std::string out = process.output();
  EXPECT_EQ(process.wait(), 0);
  EXPECT_THAT(out, AllOf(HasSubstr("> \x1b[33m# brig: pipe"), HasSubstr("> \x1b[1mdiff --git a/x b/x\x1b[0m"),
                         HasSubstr("> \x1b[34m@@ -1,2 +1,2 @@"), HasSubstr("> \x1b[31m-- an old line\x1b[0m"),
                         HasSubstr("> \x1b[32m+\\x1b]0;owned\\x07\ttab\x1b[0m"), Not(HasSubstr("\x1b]0"))));
}

}  // namespace
}  // namespace brig::cli::test
