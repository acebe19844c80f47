// Skills: files that are deployed as services are, served, and mounted into the sessions of their mesh.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services_house.hpp"

namespace brig::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Skills : public ServicesHouse {
 protected:
  static void SetUpTestSuite() {
    Brigd brigd({}, {}, kServiceImages);
    auto built = harness::run(brigd.command({"image", "build", "python", "shell"}), {}, brigd.options(),
                              std::chrono::minutes(10));
    ASSERT_TRUE(built && built->code == 0) << (built ? built->err : built.error().message);
  }
  void TearDown() override {
    for (const auto& session : brigd.sessions()) brigd.brig({"rm", "-f", session["id"].get<std::string>()});
    ServicesHouse::TearDown();
  }

  // With `word` in its files.
  std::string bundle(const std::string& word) {
    auto path = (brigd.dir() / (word + ".zip")).string();
    auto done = harness::run({"python3", "-c",
                              "import sys, zipfile\n"
                              "path, word = sys.argv[1:]\n"
                              "with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as z:\n"
                              "    z.writestr('notes/SKILL.md', '---\\nname: notes\\n'\n"
                              "               f'description: Says {word}.\\n---\\n# {word}\\n')\n"
                              "    go = zipfile.ZipInfo('notes/scripts/go.sh')\n"
                              "    go.external_attr = 0o100755 << 16\n"
                              "    z.writestr(go, f'#!/bin/sh\\necho {word}\\n')\n"
                              "    z.writestr('notes/data.bin', bytes(range(256)) * 3000)\n",
                              path, word});
    EXPECT_TRUE(done && done->code == 0) << (done ? done->err : done.error().message);
    return path;
  }
  void deploy(const std::string& word, std::vector<std::string> more = {}) {
    std::vector<std::string> args{"deploy", "notes", "--skill", "--zip", bundle(word)};
    args.insert(args.end(), more.begin(), more.end());
    auto done = brig(args);
    ASSERT_EQ(done.out, "notes ready, a skill\n") << done.err;
  }
  std::string session(const std::string& mesh) {
    auto done = brigd.brig({"run", "--mesh", mesh, "--empty", "-d", "shell", "--", "sleep", "infinity"});
    EXPECT_EQ(done.code, 0) << done.err;
    return done.out.substr(0, done.out.find('\n'));
  }
  std::string inside(const std::string& session, const std::string& script) {
    auto done = brigd.brig({"exec", session, "--", "sh", "-c", script + " 2>&1"});
    return done.out + done.err;
  }
  // Of one that brigd may be taking up just now.
  void expect(const std::string& session, const std::string& word) {
    std::string said;
    eventually(
        [&] {
          said = inside(session, "/opt/brig/skills/notes/scripts/go.sh");
          return said == word + "\n";
        },
        session + " says " + word);
    EXPECT_EQ(said, word + "\n");
  }
};

TEST_F(Skills, AreListedAndFetchedAndNotRun) {
  deploy("one");
  auto shown = show("notes");
  EXPECT_EQ(shown["type"], "skill");
  EXPECT_EQ(shown["state"], "ready");
  EXPECT_EQ(shown["description"], "Says one.");
  EXPECT_FALSE(shown.contains("runtime"));
  auto files = json::parse(brig({"files", "notes", "--json"}).out, nullptr, false);
  EXPECT_EQ(files, json::parse(R"([{"path": "SKILL.md", "bytes": 49, "executable": false},
                                   {"path": "data.bin", "bytes": 768000, "executable": false},
                                   {"path": "scripts/go.sh", "bytes": 19, "executable": true}])"));
  EXPECT_EQ(brig({"files", "notes", "SKILL.md"}).out,
            "---\nname: notes\ndescription: Says one.\n---\n# one\n");
  std::string all;
  for (int i = 0; i < 256 * 3000; ++i) all += static_cast<char>(i % 256);
  EXPECT_TRUE(brig({"files", "notes", "data.bin"}).out == all);
  for (const char* path : {"../upper/.source/SKILL.md", "/etc/passwd", "scripts", "scripts/../SKILL.md/x"})
    EXPECT_THAT(brig({"files", "notes", path}).err, HasSubstr("has no file")) << path;
  for (const auto& words : std::vector<std::vector<std::string>>{{"call", "notes", "x"},
                                                                 {"tools", "notes"},
                                                                 {"logs", "notes"},
                                                                 {"restart", "notes"},
                                                                 {"stop", "notes"}}) {
    auto refused = brig(words);
    EXPECT_NE(refused.code, 0) << words[0];
    EXPECT_THAT(refused.err, HasSubstr("is a skill")) << words[0];
  }
  EXPECT_EQ(show("notes")["state"], "ready");

  // What is none is refused, and leaves what there is.
  auto empty = brigd.project("empty");
  put_file(empty / "README.md", "# not it");
  auto none = brig({"deploy", "notes", "--skill", "--dir", empty.string()});
  EXPECT_THAT(none.err, HasSubstr("no SKILL.md"));
  put_file(empty / "SKILL.md", "---\nname: x\n---\n");
  EXPECT_THAT(brig({"deploy", "notes", "--skill", "--dir", empty.string()}).err,
              HasSubstr("says no description"));
  EXPECT_EQ(show("notes")["description"], "Says one.");
  put_file(empty / "SKILL.md", "---\nname: x\ndescription: From here\n---\n");
  EXPECT_EQ(brig({"deploy", "notes", "--skill", "--dir", empty.string()}).out, "notes ready, a skill\n");
  EXPECT_EQ(brig({"files", "notes", "README.md"}).out, "# not it");
  put_file(empty / "SKILL.md", "---\nname: x\ndescription: From there\n---\n");
  EXPECT_EQ(brig({"update", "notes"}).out, "notes ready, a skill\n");
  EXPECT_EQ(show("notes")["description"], "From there");
}

TEST_F(Skills, AreInTheSessionsOfTheirMesh) {
  deploy("one");
  auto first = session("acme");
  expect(first, "one");
  EXPECT_THAT(inside(first, "cat /opt/brig/skills/notes/SKILL.md"), HasSubstr("# one"));
  EXPECT_THAT(inside(first, "echo x > /opt/brig/skills/notes/SKILL.md"), HasSubstr("Read-only file system"));
  EXPECT_THAT(inside(first, "touch /opt/brig/skills/notes/new"), HasSubstr("Read-only file system"));
  EXPECT_THAT(inside(first, "touch /opt/brig/skills/other"), HasSubstr("Read-only file system"));
  EXPECT_THAT(inside(session("other"), "ls /opt/brig/skills"), HasSubstr("No such file"));

  // What a session has it keeps; whoever starts next has what is there then.
  deploy("two");
  auto second = session("acme");
  expect(second, "two");
  EXPECT_EQ(brig({"rollback", "notes"}).out, "notes ready, a skill\n");
  brigd.kill_hard();
  brigd.start();
  auto third = session("acme");
  expect(first, "one");
  expect(second, "two");
  expect(third, "one");

  ASSERT_EQ(brig({"rm", "notes"}).code, 0);
  EXPECT_THAT(inside(session("acme"), "ls /opt/brig/skills"), HasSubstr("No such file"));
  brigd.kill_hard();
  brigd.start();
  expect(first, "one");
  expect(second, "two");
  auto used = json::parse(brigd.brig({"system", "df", "--json"}).out, nullptr, false);
  std::map<std::string, json> kinds;
  for (const auto& kind : used["brig"]) kinds[kind["kind"]] = kind["count"];
  EXPECT_EQ(kinds["artefacts of services"], 2);
  EXPECT_EQ(kinds["checkpoints"], 0);
  // With the last of them their files go, which TearDown looks at.
}

TEST_F(Skills, AreForThoseInTheirScope) {
  deploy("one", {"--scope", "peer:ana"});
  auto token = [&](const std::string& peer) {
    auto made = brigd.brig({"token", "create", "--ttl", "1h", "--mesh", "acme", "--peer", peer});
    EXPECT_EQ(made.code, 0) << made.err;
    return made.out.substr(0, made.out.find('\n'));
  };
  auto ask = [&](const std::string& bearer, const std::string& target, const std::string& body) {
    std::vector<std::string> args{"/usr/bin/curl",
                                  "-sS",
                                  "-k",
                                  "-w",
                                  "\n%{http_code} %{content_type}",
                                  "-H",
                                  "Authorization: Bearer " + bearer,
                                  "https://" + address + target};
    if (!body.empty()) args.insert(args.end(), {"-H", "Content-Type: application/json", "-d", body});
    auto done = harness::run(args, {}, brigd.options());
    return done ? done->out + done->err : done.error().message;
  };
  auto begin = [&](const std::string& bearer) {
    auto made = ask(bearer, "/v1/sessions", R"({"provider": "shell", "args": ["sleep", "infinity"]})");
    auto view = json::parse(made.substr(0, made.rfind('\n')), nullptr, false);
    EXPECT_TRUE(view.is_object()) << made;
    return view.is_object() ? view.value("id", "") : "";
  };
  auto ana = token("ana"), bo = token("bo");
  const std::string file = "/v1/meshes/acme/services/notes/file?path=SKILL.md";
  EXPECT_THAT(ask(ana, file, ""), HasSubstr("# one\n\n200 text/markdown"));
  EXPECT_THAT(ask(bo, file, ""), HasSubstr("\n404"));
  expect(begin(ana), "one");
  EXPECT_THAT(inside(begin(bo), "ls /opt/brig/skills"), HasSubstr("No such file"));
}

}  // namespace
}  // namespace brig::test
