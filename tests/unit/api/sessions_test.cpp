// Requests about sessions over a real unix socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/schema.hpp"
#include "support/server.hpp"

namespace brig::api::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Sessions, AreListedFoundStoppedAndForgotten) {
  TestServer server;
  auto client = Client::local(server);
  auto list =
      client.ask("GET", "/v1/sessions?all=1&label=team%3Dblue&label=a=b&state=running&provider=shell");
  EXPECT_EQ(list.status, 200);
  EXPECT_EQ(list.json()["sessions"][0]["name"], "fix");
  EXPECT_TRUE(server.sessions.filter.all);
  EXPECT_THAT(server.sessions.filter.labels, ElementsAre(std::pair("a", "b"), std::pair("team", "blue")));
  EXPECT_EQ(server.sessions.filter.state, session::State::running);
  EXPECT_EQ(server.sessions.filter.provider, "shell");

  EXPECT_EQ(client.ask("GET", "/v1/sessions/fix").json()["id"], "00000000000000aa");
  auto stopped = client.ask("POST", "/v1/sessions/fix/stop", R"({"grace_ms": 5})");
  EXPECT_EQ(stopped.json()["outcome"]["exit_code"], 143);
  EXPECT_EQ(server.sessions.grace, Millis{5});
  EXPECT_EQ(client.ask("POST", "/v1/sessions/fix/stop").status, 200);
  EXPECT_EQ(server.sessions.grace, Millis{10'000});
  auto gone = client.ask("DELETE", "/v1/sessions/fix?force");
  EXPECT_EQ(gone.status, 204);
  EXPECT_EQ(gone.header("Content-Length"), "");
  auto missing = client.ask("GET", "/v1/sessions/fix");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.header("Content-Type"), "application/problem+json");
  EXPECT_EQ(missing.json()["code"], "not_found");
  EXPECT_EQ(missing.json()["request_id"], missing.header("X-Request-Id"));
}

TEST(Sessions, TellWhatTheyUse) {
  TestServer server;
  session::Usage busy;
  busy.session = a_view("00000000000000aa", "fix");
  busy.session.mesh = "acme";
  busy.at = std::chrono::microseconds(5'000'000);
  busy.cpu = std::chrono::microseconds(1'500'000);
  busy.cpus = 1.5;
  busy.memory = {64 << 20, 1 << 30};
  busy.tasks = {7, std::nullopt};
  busy.traffic = session::Traffic{10, 20, 1, 2, 3};
  busy.attached = 2;
  session::Usage quiet;
  quiet.session = a_view("00000000000000ab", "new");
  server.sessions.used = {busy, quiet};
  auto client = Client::local(server);
  auto answer = client.ask("GET", "/v1/stats?mesh=acme&state=running&label=a=b");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(server.sessions.filter.mesh, "acme");
  EXPECT_EQ(server.sessions.filter.state, session::State::running);
  EXPECT_EQ(Document().mismatch("/components/schemas/Stats", answer.json()), "");
  auto all = answer.json()["sessions"];
  EXPECT_EQ(all[0]["cpu_us"], 1'500'000);
  EXPECT_EQ(all[0]["memory"], (nlohmann::json{{"used", 64 << 20}, {"limit", 1 << 30}}));
  EXPECT_EQ(all[0]["tasks"], (nlohmann::json{{"used", 7}}));
  EXPECT_EQ(all[0]["traffic"]["questions"], 3);
  EXPECT_EQ(all[0]["attached"], 2);
  // What is not known is not made up.
  for (const char* key : {"cpu_us", "cpus", "memory", "tasks", "disk", "traffic", "mesh"})
    EXPECT_FALSE(all[1].contains(key)) << key;
  EXPECT_EQ(client.ask("GET", "/v1/stats?state=asleep").json()["field"], "state");
}

TEST(Sessions, FromARepositoryAreForWhoWaitsForThem) {
  TestServer server;
  server.sessions.delay = std::chrono::hours(1);
  auto begin = [&](Client& client, const std::string& name, const std::string& more,
                   const std::string& headers = {}) {
    server.on_loop([&] { server.sessions.caller.reset(); });
    auto body = R"({"provider": "shell", "name": ")" + name + "\"" + more + "}";
    client.send("POST /v1/sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n" +
                headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    EXPECT_TRUE(server.eventually([&] { return server.sessions.caller.has_value(); }));
  };
  auto given_up = [&](std::vector<std::string> names) {
    return server.eventually([&] { return server.sessions.given_up == names; });
  };
  const std::string clone = R"(, "git": {"url": "https://git.test/x.git"})";
  auto near = Client::local(server);
  begin(near, "near", clone);
  near.drop();
  EXPECT_TRUE(given_up({"near"}));
  // One that says goodbye first.
  auto far = Client::tls(server);
  begin(far, "far", clone, "Authorization: Bearer " + server.token(session::Caller::Role::user) + "\r\n");
  far.say_goodbye();
  // Said, and seen by the time that another is answered; but not gone.
  EXPECT_EQ(Client::local(server).ask("GET", "/healthz").status, 200);
  EXPECT_TRUE(given_up({"near"}));
  far.drop();
  EXPECT_TRUE(given_up({"near", "far"}));
  // What clones nothing is made all the same.
  auto plain = Client::local(server);
  begin(plain, "plain", "");
  plain.drop();
  auto last = Client::local(server);
  begin(last, "last", clone);
  last.drop();
  EXPECT_TRUE(given_up({"near", "far", "last"}));
}

TEST(Sessions, AreMadeFromEveryField) {
  TestServer server;
  auto client = Client::local(server);
  auto made = client.ask("POST", "/v1/sessions", R"({
    "provider": "shell", "name": "fix2", "project": "/srv/app", "profile": "strict",
    "policy": {"runtime": "crun", "limits": {"memory": "2 GiB", "cpus": 1.5}, "grants": {"ptrace": true}},
    "args": ["-c", "echo \u00e9"], "env": {"KEY": "s3cret"}, "terminal": {"rows": 50, "cols": 200},
    "stdin_open": true, "labels": {"team": "blue"}, "remove_when_ended": true})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.header("Location"), "/v1/sessions/00000000000000ff");
  const auto& spec = *server.sessions.created;
  EXPECT_EQ(spec.provider, "shell");
  EXPECT_EQ(spec.name, "fix2");
  EXPECT_EQ(spec.project, "/srv/app");
  EXPECT_EQ(spec.profile, "strict");
  EXPECT_EQ(spec.request.runtime, policy::Runtime::crun);
  EXPECT_EQ(spec.request.limits.memory, 2ULL << 30);
  EXPECT_EQ(spec.request.grants.size(), 1u);
  EXPECT_THAT(spec.args, ElementsAre("-c", "echo \xc3\xa9"));
  EXPECT_EQ(spec.env.at(0).name, "KEY");
  EXPECT_EQ(spec.env.at(0).value.reveal(), "s3cret");
  EXPECT_EQ(spec.terminal->rows, 50);
  EXPECT_EQ(spec.terminal->cols, 200);
  EXPECT_TRUE(spec.stdin_open);
  EXPECT_TRUE(spec.remove_when_ended);
  EXPECT_EQ(spec.labels.at("team"), "blue");
  EXPECT_EQ(server.sessions.caller->owner, "uid:" + std::to_string(::getuid()));
}

TEST(Sessions, TakeMoreProcessesAndSignals) {
  TestServer server;
  auto client = Client::local(server);
  auto process = client.ask("POST", "/v1/sessions/fix/exec",
                            R"({"argv": ["git", "status"], "env": {"A": ""}, "cwd": "/tmp"})");
  EXPECT_EQ(process.status, 201);
  EXPECT_EQ(process.json()["number"], 2);
  EXPECT_EQ(server.sessions.executed->cwd, "/tmp");
  EXPECT_EQ(client.ask("POST", "/v1/sessions/fix/processes/2/signal", R"({"signal": "SIGUSR1"})").status,
            204);
  EXPECT_EQ(server.sessions.signalled, 10);
  EXPECT_EQ(client.ask("POST", "/v1/sessions/fix/processes/0/signal", R"({"signal": "9"})").status, 400);
}

struct Bad {
  const char* body;
  const char* field;
  const char* says;
};

TEST(Sessions, RefuseBadBodiesNamingFieldAndRemedy) {
  TestServer server;
  auto client = Client::local(server);
  const Bad cases[] = {
      {"[]", "", "must be a JSON object"},
      {"{", "", "not JSON"},
      {"{}", "/provider", "provider is missing"},
      {R"({"provider": 5})", "/provider", "provider must be text, not 5"},
      {R"({"provider": "shell", "nam": "x"})", "/nam", "did you mean 'name'"},
      {R"({"provider": "shell", "name": "a", "name": "b"})", "", "twice"},
      {R"({"provider": "shell", "name": "../x"})", "/name", "../x"},
      {R"({"provider": "shell", "project": "app"})", "/project", "absolute"},
      {R"({"provider": "shell", "terminal": {"rows": 0, "cols": 80}})", "/terminal/rows",
       "from 1 to 65535, not 0"},
      {R"({"provider": "shell", "terminal": {"rows": 1}})", "/terminal/cols", "terminal.cols is missing"},
      {R"({"provider": "shell", "terminal": {"rows": 1, "cols": 2, "colour": 1}})", "/terminal/colour",
       "unknown key 'colour'"},
      {R"({"provider": "shell", "args": ["a\u0000b"]})", "/args/0", "NUL"},
      {R"({"provider": "shell", "args": "ls"})", "/args", "array of texts"},
      {R"({"provider": "shell", "env": {"A B": "x"}})", "/env", "A B"},
      {R"({"provider": "shell", "env": {"A": 1}})", "/env/A", "env.A must be text"},
      {R"({"provider": "shell", "policy": {"runtime": "crn"}})", "/policy", "crun"},
      {R"({"provider": "shell", "labels": {"a": "\u0007"}})", "/labels", "control"},
      {R"({"provider": "shell", "x": [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]})", "", "nested"},
  };
  for (const auto& bad : cases) {
    auto answer = client.ask("POST", "/v1/sessions", bad.body);
    EXPECT_EQ(answer.status, 400) << bad.body;
    auto problem = answer.json();
    EXPECT_EQ(problem.value("field", ""), bad.field) << bad.body;
    EXPECT_THAT(problem.value("detail", ""), HasSubstr(bad.says)) << bad.body;
  }
  EXPECT_FALSE(server.sessions.created);
}

TEST(Sessions, RefuseBadQueries) {
  TestServer server;
  auto client = Client::local(server);
  for (const char* query :
       {"al=1", "all=2", "all=1&all=1", "state=runing", "label=x", "all=%zz", "provider=%00", "=x"})
    EXPECT_EQ(client.ask("GET", std::string("/v1/sessions?") + query).status, 400) << query;
  EXPECT_THAT(client.ask("GET", "/v1/sessions?al=1").json().value("detail", ""),
              HasSubstr("did you mean 'all'"));
}

TEST(Sessions, TellEveryErrorWithItsStatus) {
  TestServer server;
  auto client = Client::local(server);
  const std::pair<Code, int> cases[] = {
      {Code::invalid, 400},      {Code::not_found, 404},       {Code::conflict, 409},
      {Code::denied, 403},       {Code::unauthenticated, 401}, {Code::too_large, 413},
      {Code::rate_limited, 429}, {Code::exhausted, 507},       {Code::unavailable, 503},
      {Code::timeout, 504},      {Code::cancelled, 503},       {Code::unsupported, 501},
      {Code::protocol, 502},     {Code::corrupt, 500},         {Code::internal, 500}};
  for (auto [code, status] : cases) {
    server.on_loop([&, code = code] { server.sessions.failure = Error{code, "why", "", false}; });
    auto answer = client.ask("GET", "/v1/sessions/fix");
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(answer.json()["code"], to_string(code));
    EXPECT_EQ(answer.json()["status"], status);
  }
}

}  // namespace
}  // namespace brig::api::test
