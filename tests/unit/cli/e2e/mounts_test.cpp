// Volumes, providers and files for a session, against a fake brigd.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "brig_process.hpp"
#include "fake_brigd.hpp"

namespace brig::cli::test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Said brig(const FakeBrigd& brigd, std::vector<std::string> words, const std::string& input = {}) {
  return test::brig(brigd.host(), std::move(words), {}, input);
}

std::string file_with(const FakeBrigd& brigd, const std::string& name, const std::string& text) {
  auto path = brigd.directory() + "/" + name;
  std::ofstream(path) << text;
  return path;
}

TEST(Mounts, GoWithTheRequest) {
  FakeBrigd brigd;
  auto file = file_with(brigd, "a:b.json", std::string("{}\n\xff", 4));
  ::chmod(file.c_str(), 0640);
  brigd.on("POST /v1/sessions", [](const FakeRequest&) { return problem(403, "denied", "enough"); });
  brig(brigd, {"run", "shell", "--empty", "-v", "cache:/opt/c", "--volume", "keys:/opt/k:ro", "--overlay",
               file + ":/opt/x", "--overlay", file + ":/opt/y:rw", "--", "true"});
  auto asked = json::parse(brigd.wait_request("POST /v1/sessions").body);
  EXPECT_EQ(asked["volumes"], json({{{"volume", "cache"}, {"path", "/opt/c"}, {"read_only", false}},
                                    {{"volume", "keys"}, {"path", "/opt/k"}, {"read_only", true}}}));
  EXPECT_EQ(
      asked["overlays"][0],
      json({{"path", "/opt/x"}, {"content_base64", "e30K/w=="}, {"mode", "0640"}, {"read_only", true}}));
  EXPECT_EQ(asked["overlays"][1]["read_only"], false);
  for (auto words : {std::vector<std::string>{"--volume", "cache"},
                     {"--overlay", "x"},
                     {"--overlay", ".:/opt/x"},
                     {"--overlay", "/no/such/file:/opt/x"},
                     {"--volume", ":/x"}}) {
    words.insert(words.begin(), {"run", "shell", "--empty"});
    auto said = brig(brigd, words);
    EXPECT_NE(said.code, 0);
    EXPECT_THAT(said.err, HasSubstr(words[3])) << "names the option";
  }
}

TEST(Mounts, AClonedWorkspaceExcludesOthers) {
  FakeBrigd brigd;
  brigd.on("POST /v1/sessions", [](const FakeRequest&) { return problem(403, "denied", "enough"); });
  brig(brigd, {"run", "shell", "--git", "https://git.example/app", "--ref", "main", "--", "true"});
  auto asked = json::parse(brigd.wait_request("POST /v1/sessions").body);
  EXPECT_EQ(asked["git"], json({{"url", "https://git.example/app"}, {"ref", "main"}}));
  EXPECT_FALSE(asked.contains("project"));
  EXPECT_EQ(brig(brigd, {"run", "shell", "--git", "https://git.example/app", "--empty"}).code, 65);
  EXPECT_EQ(brig(brigd, {"run", "shell", "--ref", "main"}).code, 65);
}

TEST(Volume, IsListedShownMadeAndRemoved) {
  FakeBrigd brigd;
  json shared = {{"name", "ca\x1b[2Jche"},
                 {"kind", "shared"},
                 {"engine_name", "brig-shared-0-cache"},
                 {"owner", "uid:0"},
                 {"created", "2026-01-01T00:00:00.000Z"},
                 {"sessions", {"fix"}},
                 {"size_limit", 1 << 30},
                 {"size", 1 << 20}};
  json config = shared;
  config["name"] = config["engine_name"] = "brig-claude-1-1";
  config["kind"] = "config";
  config["provider"] = "claude";
  config["identity"] = "work";
  config["size_on_host"] = 2 << 20;
  json foreign = {{"name", "theirs"}, {"driver", "local"}, {"containers", {"web"}}};
  brigd.on("GET /v1/volumes", [&](const FakeRequest& request) {
    json answer = {{"volumes", {shared, config}}};
    if (!request.query.empty()) answer["foreign"] = {foreign};
    return FakeAnswer{200, answer.dump()};
  });
  brigd.on("GET /v1/volumes/cache", [&](const FakeRequest&) { return FakeAnswer{200, shared.dump()}; });
  brigd.on("POST /v1/volumes", [&](const FakeRequest&) { return FakeAnswer{201, shared.dump()}; });
  brigd.on("DELETE /v1/volumes/cache", [](const FakeRequest&) { return FakeAnswer{204, ""}; });
  auto table = brig(brigd, {"volume", "ls"});
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_THAT(table.out, AllOf(HasSubstr("1.0 MiB of 1.0 GiB"), HasSubstr("fix"), HasSubstr("claude/work"),
                               Not(HasSubstr("\x1b"))));
  EXPECT_EQ(json::parse(brig(brigd, {"volume", "ls", "--json"}).out).size(), 2u);
  // What is asked for is the service's to find.
  auto asked = brig(brigd, {"volume", "ls", "--unused-for", "30d", "--larger", "1G", "--orphan", "--mesh",
                            "m", "--sort", "size", "--all"});
  EXPECT_THAT(asked.out, AllOf(HasSubstr("NOT BRIG'S"), HasSubstr("theirs"), HasSubstr("web")));
  EXPECT_THAT(brigd.requests().back().query,
              HasSubstr("foreign=1&larger=1G&mesh=m&orphan=1&sort=size&unused_for=30d"));
  // By mesh and provider, the largest first, each with its share.
  auto du = brig(brigd, {"volume", "du"});
  EXPECT_THAT(du.out, HasSubstr("100%"));
  EXPECT_LT(du.out.find("claude"), du.out.find("(shared)"));
  EXPECT_EQ(json::parse(brig(brigd, {"volume", "du", "--json"}).out)["bytes"], (1 << 20) + (2 << 20));
  EXPECT_THAT(brig(brigd, {"volume", "show", "cache"}).out, HasSubstr("brig-shared-0-cache"));
  EXPECT_EQ(brig(brigd, {"volume", "create", "cache", "--size", "10G"}).code, 0);
  EXPECT_EQ(json::parse(brigd.wait_request("POST /v1/volumes").body),
            json({{"name", "cache"}, {"size", "10G"}}));
  EXPECT_EQ(brig(brigd, {"volume", "rm", "cache"}).out, "cache\n");
  EXPECT_EQ(brig(brigd, {"__complete", "volume"}).out.find('\x1b'), std::string::npos);
}

TEST(Volume, IsPrunedAfterAPlanAndAYes) {
  FakeBrigd brigd;
  json old = {{"name", "old\x1b[2J"},
              {"engine_name", "brig-shared-0-old"},
              {"size_on_host", 1 << 20},
              {"used", "2026-01-01T00:00:00.000Z"},
              {"reasons", {"nobody used it for 40d"}}};
  json kept = {
      {"name", "kept"}, {"engine_name", "brig-shared-1-kept"}, {"used", "x"}, {"reasons", {"it is pinned"}}};
  json plan = {{"at", "x"},
               {"rules", {{"mesh", "m"}, {"unused_for", "5000ms"}}},
               {"goes", {old}},
               {"stays", {kept}},
               {"bytes", 1 << 20}};
  brigd.on("POST /v1/prune/plan", [&](const FakeRequest&) { return FakeAnswer{200, plan.dump()}; });
  std::string step = R"({"step":{"volume":"brig-shared-0-old","gone":)", tail = R"("bytes":1048576}})";
  bool gone = true;
  brigd.on("POST /v1/prune", [&](const FakeRequest&) {
    auto is = std::string(gone ? "true," : R"(false,"reason":"session 'x' has it",)");
    json one = json::parse(step + is + tail)["step"];
    return FakeAnswer{200, R"({"progress":{"volume":"brig-shared-0-old","fraction":0.5}})"
                           "\n" +
                               step + is + tail + "\n" +
                               json{{"done", {{"steps", {one}}, {"bytes", gone ? 1 << 20 : 0}}}}.dump() +
                               "\n"};
  });
  auto dry =
      brig(brigd, {"volume", "prune", "--dry-run", "--mesh", "m", "--unused-for", "5s", "--keep-last", "2"});
  EXPECT_EQ(dry.code, 0) << dry.err;
  EXPECT_THAT(dry.out,
              AllOf(HasSubstr("1 volume goes, 1.0 MiB; 1 stays"), HasSubstr("nobody used it for 40d"),
                    HasSubstr("it is pinned"), Not(HasSubstr("\x1b"))));
  EXPECT_EQ(json::parse(brigd.wait_request("POST /v1/prune/plan").body),
            json({{"mesh", "m"}, {"unused_for", "5s"}, {"keep_last", 2}}));
  // Nobody to ask.
  EXPECT_EQ(brig(brigd, {"volume", "prune"}).code, 65);
  auto done = brig(brigd, {"volume", "prune", "-y"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_THAT(done.out, AllOf(HasSubstr("old"), Not(HasSubstr("\x1b"))));
  EXPECT_THAT(done.err, HasSubstr("pruned 1 volume; 1.0 MiB free again"));
  EXPECT_EQ(json::parse(brigd.wait_request("POST /v1/prune").body),
            json({{"rules", plan["rules"]},
                  {"volumes", {{{"volume", "brig-shared-0-old"}, {"used", "2026-01-01T00:00:00.000Z"}}}},
                  {"quarantine", true}}));
  gone = false;
  EXPECT_THAT(brig(brigd, {"volume", "prune", "-y"}).err, HasSubstr("session 'x' has it"));

  // A plan in a file is carried out as it is.
  auto file = file_with(brigd, "plan.json", "");
  EXPECT_EQ(brig(brigd, {"volume", "prune", "--plan", file}).code, 0);
  gone = true;
  EXPECT_EQ(brig(brigd, {"volume", "prune", "--execute", file, "--no-quarantine"}).code, 0);
  EXPECT_EQ(brig(brigd, {"volume", "prune", "--execute", file, "--mesh", "m"}).code, 65);
  EXPECT_EQ(brig(brigd, {"volume", "prune", "--execute", file_with(brigd, "bad.json", "{}")}).code, 65);
}

TEST(Volume, RulesThatPruneAreShown) {
  FakeBrigd brigd;
  json rules = {{{"name", "stale"},
                 {"every", "1d"},
                 {"notice", "6h"},
                 {"dry_run", false},
                 {"rules", json::object()},
                 {"next", "2026-01-02T00:00:00.000Z"},
                 {"pending", true},
                 {"planned", {{"at", "2026-01-01T00:00:00.000Z"}, {"volumes", {"brig-shared-0-old"}}}},
                 {"done",
                  {{"at", "2026-01-01T00:00:00.000Z"},
                   {"bytes", 1 << 20},
                   {"steps",
                    {{{"volume", "gone\x1b"}, {"gone", true}, {"bytes", 1 << 20}},
                     {{"volume", "kept"}, {"gone", false}, {"bytes", 0}, {"reason", "it is pinned"}}}}}}}};
  brigd.on("GET /v1/prune/rules", [&](const FakeRequest&) {
    return FakeAnswer{200, json{{"rules", rules}}.dump()};
  });
  auto shown = brig(brigd, {"volume", "prune", "--rules"});
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_THAT(shown.out,
              AllOf(HasSubstr("does what it planned"), HasSubstr("1 to go"), HasSubstr("1.0 MiB free again"),
                    HasSubstr("kept (it is pinned)"), Not(HasSubstr("\x1b"))));
  EXPECT_EQ(json::parse(brig(brigd, {"volume", "prune", "--rules", "--json"}).out), rules);
  rules = json::array();
  EXPECT_THAT(brig(brigd, {"volume", "prune", "--rules"}).out, HasSubstr("no [[prune]] rules"));
}

TEST(Gc, RemovesAfterAPlanAndAYes) {
  FakeBrigd brigd;
  json old = {{"kind", "session"}, {"id", "a1"},   {"name", "past\x1b[2J"},
              {"bytes", 1 << 20},  {"since", "x"}, {"reasons", {"it ended 40d ago"}}};
  json kept = {{"kind", "image"}, {"id", "sha256:1"}, {"name", "box"},
               {"bytes", 5},      {"since", "x"},     {"reasons", {"container 'c' (exited) is of it"}}};
  json plan = {{"at", "x"},
               {"rules", {{"kinds", {"session", "image"}}, {"unused_for", "5000ms"}}},
               {"goes", {old}},
               {"stays", {kept}},
               {"bytes", 1 << 20}};
  brigd.on("POST /v1/gc/plan", [&](const FakeRequest&) { return FakeAnswer{200, plan.dump()}; });
  json step = {{"kind", "session"}, {"id", "a1"}, {"name", "past"}, {"gone", true}, {"bytes", 1 << 20}};
  brigd.on("POST /v1/gc", [&](const FakeRequest&) {
    return FakeAnswer{200, json{{"steps", {step}}, {"bytes", 1 << 20}}.dump()};
  });
  auto dry = brig(brigd, {"gc", "--dry-run", "--unused-for", "5s", "--kind", "session", "--kind", "image"});
  EXPECT_EQ(dry.code, 0) << dry.err;
  EXPECT_THAT(dry.out, AllOf(HasSubstr("1 thing goes, 1.0 MiB; 1 stays"), HasSubstr("it ended 40d ago"),
                             HasSubstr("is of it"), Not(HasSubstr("\x1b"))));
  EXPECT_EQ(json::parse(brigd.wait_request("POST /v1/gc/plan").body),
            json({{"unused_for", "5s"}, {"kinds", {"session", "image"}}}));
  EXPECT_EQ(json::parse(brig(brigd, {"gc", "--dry-run", "--json"}).out), plan);
  EXPECT_EQ(brig(brigd, {"gc"}).code, 65);  // nobody to ask
  auto done = brig(brigd, {"gc", "-y"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out.substr(done.out.rfind("session past")), "session past\n");
  EXPECT_THAT(done.err, HasSubstr("removed 1 thing; 1.0 MiB free again"));
  EXPECT_EQ(json::parse(brigd.wait_request("POST /v1/gc").body),
            json({{"rules", plan["rules"]}, {"things", {{{"kind", "session"}, {"id", "a1"}}}}}));
  step["gone"] = false;
  step["reason"] = "somebody works on it";
  EXPECT_THAT(brig(brigd, {"gc", "-y"}).err, HasSubstr("left session past: somebody works on it"));
}

TEST(Provider, IsDeclaredFromJson) {
  FakeBrigd brigd;
  json stored = {
      {"id", "plugin"}, {"title", "P"}, {"binary", "p"}, {"builtin", false}, {"default_args", {"-x"}}};
  for (const char* id : {"plugin", "other"})
    brigd.on("PUT /v1/providers/" + std::string(id), [&](const FakeRequest&) {
      return FakeAnswer{200, stored.dump()};
    });
  brigd.on("GET /v1/providers/plugin", [&](const FakeRequest&) { return FakeAnswer{200, stored.dump()}; });
  auto file = file_with(brigd, "plugin.json", R"({"title": "P", "binary": "p"})");
  EXPECT_EQ(brig(brigd, {"provider", "add", file}).out, "plugin\n");
  EXPECT_EQ(json::parse(brigd.wait_request("PUT /v1/providers/plugin").body),
            json({{"title", "P"}, {"binary", "p"}}));
  EXPECT_EQ(brig(brigd, {"provider", "add", "-"}, R"({"id": "other", "title": "P"})").code, 0);
  EXPECT_EQ(json::parse(brigd.wait_request("PUT /v1/providers/other").body), json({{"title", "P"}}));
  EXPECT_THAT(brig(brigd, {"provider", "show", "plugin"}).out, HasSubstr("cannot be run in a sandbox"));
  auto bad = file_with(brigd, "bad.json", "title = \"P\"");
  auto said = brig(brigd, {"provider", "add", bad});
  EXPECT_EQ(said.code, 65);
  EXPECT_THAT(said.err, HasSubstr("no JSON object"));
}

}  // namespace
}  // namespace brig::cli::test
