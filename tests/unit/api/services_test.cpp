// Services of a mesh: what is asked is read strictly, what servers say passes as it is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/schema.hpp"
#include "support/server.hpp"

namespace brig::api::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr const char* kPath = "/v1/meshes/acme/services";

std::vector<json> lines_of(const std::string& text) {
  std::vector<json> out;
  for (std::size_t at = 0; at < text.size();) {
    auto end = text.find('\n', at);
    out.push_back(json::parse(text.substr(at, end - at), nullptr, false));
    at = end + 1;
  }
  return out;
}

TEST(DeployedServices, AreDeployedAndToldOfStateByState) {
  TestServer server;
  Document document;
  auto answer = Client::local(server).ask("POST", kPath, R"({
      "name": "mine",
      "source": {"npm": {"package": "@scope/mine", "version": "^1", "bin": "run", "allow_scripts": ["native"]},
                 "args": ["mcp"]},
      "config": {"env": {"KEY": "$vault:the-key", "PLAIN": "value"}, "memory_mb": 256, "cpus": 0.5, "idle": "10m",
                 "network_allow": ["backend.test:443"], "runtime": "node"}})");
  EXPECT_EQ(answer.status, 200) << answer.body;
  auto lines = lines_of(answer.body);
  ASSERT_EQ(lines.size(), 3u) << answer.body;
  for (const auto& line : lines) EXPECT_EQ(document.mismatch("/components/schemas/DeployLine", line), "");
  EXPECT_EQ(lines[0], json({{"state", "building"}, {"what", "npm x"}}));
  EXPECT_EQ(lines[2]["done"]["config"]["env"], json({{"KEY", "$vault:the-key"}, {"PLAIN", nullptr}}));
  const auto& asked = server.deployed.deployed;
  EXPECT_EQ(asked.spec.npm, (service::NpmSource{"@scope/mine", "^1", "run", {"native"}}));
  EXPECT_EQ(asked.spec.memory, 256u << 20);
  EXPECT_EQ(asked.spec.milli_cpus, 500u);
  EXPECT_EQ(asked.spec.idle, std::chrono::minutes(10));
  EXPECT_EQ(asked.env.at("PLAIN").reveal(), "value");

  auto failed = Client::local(server).ask("POST", kPath,
                                          R"({"name": "fails", "source": {"directory": {"path": "/x"}}})");
  auto last = lines_of(failed.body).back();
  EXPECT_EQ(last["error"]["status"], 409) << failed.body;
  EXPECT_EQ(document.mismatch("/components/schemas/DeployLine", last), "");
}

TEST(DeployedServices, AreRefusedByFieldBeforeAnythingBegins) {
  TestServer server;
  auto client = Client::local(server);
  for (auto [body, field] :
       {std::pair{R"({"name": "bad", "source": {"npm": {"package": "x"}}})", "name 'bad'"},
        {R"({"name": "x"})", "source"},
        {R"({"name": "x", "source": {"npm": {}}})", "package"},
        {R"({"name": "x", "source": {"git": {}}})", "git"},
        {R"({"name": "x", "source": {}, "config": {"memory_mb": 1}})", "memory_mb"},
        {R"({"name": "x", "source": {}, "config": {"cpus": "two"}})", "cpus"},
        {R"({"name": "x", "source": {}, "config": {"idle": "soon"}})", "idle"},
        {R"({"name": "x", "source": {}, "config": {"runtime": "ruby"}})", "runtime"},
        {R"({"name": "x", "source": {}, "config": {"network_allow": ["a b"]}})", "network_allow"},
        {R"({"name": "x", "source": {}, "config": {"env": {"A": 1}}})", "env"}}) {
    auto answer = client.ask("POST", kPath, body);
    EXPECT_EQ(answer.status, 400) << body << answer.body;
    EXPECT_THAT(answer.body, HasSubstr(field));
  }
}

TEST(DeployedServices, PassWhatServersSayAsItIs) {
  TestServer server;
  Document document;
  auto client = Client::local(server);
  auto path = std::string(kPath) + "/mine";
  EXPECT_EQ(client.ask("GET", path + "/tools").body, R"({"tools":[{"name":"a","x":1e400},{"name":"b"}]})");
  auto called = client.ask("POST", path + "/call", R"({"tool": "a", "arguments": {"n": 1.10, "s": "é"}})");
  EXPECT_EQ(called.body, R"({"result":{"content":[],"n":12345678901234567890123}})");
  EXPECT_EQ(server.deployed.asked_arguments, R"({"n": 1.10, "s": "é"})");
  EXPECT_GT(server.deployed.asked_left, Millis(20'000));
  auto refused = client.ask("POST", path + "/call", R"({"tool": "fails", "timeout_ms": 1000})");
  EXPECT_EQ(refused.status, 200);
  EXPECT_EQ(refused.body, R"({"error":{"code":-32602,"message":"no"}})");
  EXPECT_EQ(server.deployed.asked_arguments, "{}");
  EXPECT_LE(server.deployed.asked_left, Millis(1000));
  EXPECT_EQ(client.ask("POST", path + "/call", R"({"tool": "a", "arguments": [1]})").status, 400);

  auto shown = client.ask("GET", path).json();
  EXPECT_EQ(document.mismatch("/components/schemas/Service", shown), "") << shown;
  EXPECT_EQ(shown["server"], json::parse(server.deployed.view.server_info));
  auto list = client.ask("GET", kPath).json();
  EXPECT_EQ(document.mismatch("/components/schemas/ServiceList", list), "") << list;
  auto log = client.ask("GET", path + "/logs?last=5").json();
  EXPECT_EQ(document.mismatch("/components/schemas/ServiceLog", log), "") << log;
  EXPECT_EQ(server.deployed.asked_lines, 5u);
  EXPECT_EQ(client.ask("GET", path + "/logs?last=1001").status, 400);
  EXPECT_EQ(client.ask("GET", path + "/logs?follow=maybe").status, 400);
  for (const char* verb : {"/restart", "/stop", "/pause"})
    EXPECT_EQ(client.ask("POST", path + verb).status, 200);
  EXPECT_EQ(client.ask("DELETE", path).status, 204);
  EXPECT_EQ(client.ask("DELETE", std::string(kPath) + "/other").status, 404);
  EXPECT_EQ(client.ask("POST", std::string(kPath) + "/other/update").status, 404);
}

TEST(DeployedServices, AreHandedInAsFiles) {
  TestServer server;
  Document document;
  std::string zip("PK\3\4\0\xff", 6);
  auto put =
      Client::local(server).ask("POST", "/v1/meshes/acme/uploads", zip, "Content-Type: application/zip\r\n");
  EXPECT_EQ(put.status, 201) << put.body;
  EXPECT_EQ(document.mismatch("/components/schemas/Uploaded", put.json()), "");
  EXPECT_EQ(server.deployed.uploaded, zip);
  EXPECT_EQ(Client::local(server).ask("POST", "/v1/meshes/other/uploads", zip).status, 404);
  auto deployed = Client::local(server).ask("POST", kPath,
                                            R"({"name": "x", "source": {"zip": {"file_id": "the-file"}}})");
  EXPECT_EQ(deployed.status, 200);
  EXPECT_EQ(server.deployed.deployed.spec.zip->file_id, "the-file");
  auto refused = Client::local(server).ask("POST", kPath,
                                           R"({"name": "x", "source": {"zip": {"kept": "/etc/passwd"}}})");
  EXPECT_EQ(refused.status, 400) << refused.body;
}

TEST(DeployedServices, AreSkillsIfThatIsSaid) {
  TestServer server;
  Document document;
  auto deploy = [&](const std::string& type) {
    return Client::local(server).ask(
        "POST", kPath, R"({"name": "s", "source": {"directory": {"path": "/x"}}, "type": )" + type + "}");
  };
  EXPECT_EQ(deploy("\"mcp\"").status, 200);
  EXPECT_FALSE(server.deployed.deployed.spec.skill);
  EXPECT_EQ(deploy("\"skill\"").status, 200);
  EXPECT_TRUE(server.deployed.deployed.spec.skill);
  EXPECT_THAT(deploy("\"tool\"").body, HasSubstr("type 'tool'"));
  EXPECT_EQ(deploy("1").status, 400);

  const std::string path = std::string(kPath) + "/mine";
  auto listed = Client::local(server).ask("GET", path + "/files");
  EXPECT_EQ(listed.status, 200) << listed.body;
  EXPECT_EQ(document.mismatch("/components/schemas/SkillFiles", listed.json()), "");
  EXPECT_EQ(listed.json()["files"][1], json::parse(R"({"path": "run.sh", "bytes": 3, "executable": true})"));
  auto file = Client::local(server).ask("GET", path + "/file?path=a%2Fb.md");
  EXPECT_EQ(file.status, 200);
  EXPECT_EQ(file.body, "<a/b.md>");
  EXPECT_THAT(file.head, HasSubstr("text/markdown"));
  EXPECT_THAT(file.head, HasSubstr("nosniff"));
  EXPECT_THAT(Client::local(server).ask("GET", path + "/file?path=x.html").head,
              HasSubstr("application/octet-stream"));
  EXPECT_EQ(Client::local(server).ask("GET", path + "/file?path=none").status, 404);
  EXPECT_EQ(Client::local(server).ask("GET", path + "/file").status, 400);

  server.on_loop([&] {
    auto& view = server.deployed.view;
    view.type = "skill";
    view.state = service::State::ready;
    view.runtime.reset();
    view.server_info.clear();
    view.skill = {"own-name", "Does this."};
  });
  auto shown = Client::local(server).ask("GET", path).json();
  EXPECT_EQ(document.mismatch("/components/schemas/Service", shown), "");
  EXPECT_EQ(shown["type"], "skill");
  EXPECT_EQ(shown["description"], "Does this.");
  EXPECT_EQ(shown["skill"]["name"], "own-name");
}

TEST(DeployedServices, GoBackToAVersion) {
  TestServer server;
  auto path = std::string(kPath) + "/mine/rollback";
  auto ask = [&](std::string_view body) {
    return Client::local(server).ask("POST", path, std::string(body));
  };
  for (const char* wrong : {R"({"version": 0})", R"({"version": "one"})", R"({"number": 1})", "[]"})
    EXPECT_EQ(ask(wrong).status, 400) << wrong;
  EXPECT_EQ(ask(R"({"version": 99})").status, 404);
  EXPECT_EQ(ask("").status, 200);
  EXPECT_FALSE(server.deployed.asked_version);
  auto done = ask(R"({"version": 1})");
  EXPECT_THAT(done.body, HasSubstr("\"done\":{"));
  EXPECT_EQ(server.deployed.asked_version, 1u);
}

TEST(DeployedServices, TellTheirLogAsItGrows) {
  TestServer server;
  Document document;
  auto client = Client::local(server);
  auto told = client.ask("GET", std::string(kPath) + "/mine/logs?follow=true&last=3");
  EXPECT_EQ(server.deployed.asked_lines, 3u);
  std::istringstream lines(told.body);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    auto one = json::parse(line);
    EXPECT_EQ(document.mismatch("/components/schemas/ServiceLogLine", one), "") << one;
    EXPECT_EQ(one["text"], "line " + std::to_string(++number));
  }
  EXPECT_EQ(number, 2);
  EXPECT_EQ(Client::local(server).ask("GET", std::string(kPath) + "/other/logs?follow=true").status, 404);
}

}  // namespace
}  // namespace brig::api::test
