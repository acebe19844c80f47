// Secrets go in and never come out again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <fstream>
#include <future>

#include "support/server.hpp"

namespace brig::api::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using Role = session::Caller::Role;

constexpr const char* kValue = "sk-real-0123456789";

std::string all_of(const std::filesystem::path& directory) {
  std::string out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    out.append(std::istreambuf_iterator<char>(file), {});
  }
  return out;
}

net::Task<void> commit_events(TestServer* server) {
  auto flushed = co_await server->events->flush();
  EXPECT_TRUE(flushed);
}

TEST(Vault, TakesAValueAndTellsOnlyItsName) {
  TestServer server;
  auto client = Client::local(server);
  auto set = client.ask("PUT", "/v1/vault/API_KEY", R"({"value": "sk-real-0123456789"})");
  EXPECT_EQ(set.status, 200) << set.body;
  EXPECT_THAT(set.body, Not(HasSubstr(kValue)));
  auto list = client.ask("GET", "/v1/vault");
  EXPECT_EQ(list.json()["secrets"].size(), 1u);
  EXPECT_EQ(list.json()["secrets"][0]["name"], "API_KEY");
  EXPECT_FALSE(list.json()["secrets"][0].contains("value"));
  EXPECT_EQ(client.ask("GET", "/v1/vault/API_KEY").status, 405);
  std::promise<void> committed;
  boost::asio::co_spawn(server.io, commit_events(&server),
                        [&](std::exception_ptr) { committed.set_value(); });
  committed.get_future().wait();
  auto events = Client::local(server).ask("GET", "/v1/events?once=1").body;
  EXPECT_THAT(events, HasSubstr("vault.set"));
  EXPECT_THAT(events, Not(HasSubstr(kValue)));
  // Nor is it in the ledger or beside it.
  EXPECT_THAT(all_of(server.dir.path()), Not(HasSubstr(kValue)));
  EXPECT_EQ(client.ask("DELETE", "/v1/vault/API_KEY").status, 204);
  EXPECT_EQ(client.ask("DELETE", "/v1/vault/API_KEY").status, 404);
  EXPECT_EQ(client.ask("GET", "/v1/vault").json()["secrets"].size(), 0u);
}

TEST(Vault, RefusesWhatItCannotKeepAndRepeatsNoValue) {
  TestServer server;
  auto client = std::make_unique<Client>(Client::local(server));
  const std::pair<const char*, std::string> bad[] = {
      {"/v1/vault/1KEY", R"({"value": "sk-real"})"},
      {"/v1/vault/A%20B", R"({"value": "sk-real"})"},
      {"/v1/vault/KEY", R"({"value": ""})"},
      {"/v1/vault/KEY", R"({"value": "sk-real\nSet-Cookie: x"})"},
      {"/v1/vault/KEY", R"({"value": " sk-real"})"},
      {"/v1/vault/KEY", R"({"value": 7})"},
      {"/v1/vault/KEY", R"({})"},
      {"/v1/vault/KEY", R"({"value": "sk-real", "valeu": "sk-real"})"},
      {"/v1/vault/KEY", R"({"value": "sk-real", )"},
      {"/v1/vault/KEY", "{\"value\": \"" + std::string(16 * 1024 + 1, 'x') + "\"}"},
  };
  for (const auto& [path, body] : bad) {
    auto answer = client->ask("PUT", path, body);
    EXPECT_EQ(answer.status, 400) << body.substr(0, 100) << answer.body;
    EXPECT_THAT(answer.body, Not(HasSubstr("sk-real"))) << path;
    if (answer.header("Connection") == "close") client = std::make_unique<Client>(Client::local(server));
  }
  EXPECT_EQ(client->ask("PUT", "/v1/vault/KEY?mesh=a%20b", R"({"value": "v"})").status, 400);
}

TEST(Vault, KeepsOwnersAndMeshesApart) {
  TestServer server;
  auto admin = Client::local(server);
  auto mint = [&](const char* body) {
    auto secret = admin.ask("POST", "/v1/tokens", body).json()["secret"].get<std::string>();
    return "Authorization: Bearer " + secret + "\r\n";
  };
  auto alice = mint(R"({"label": "a", "role": "user", "owner": "alice"})");
  auto meshed = mint(R"({"label": "m", "role": "user", "owner": "alice", "mesh": "acme"})");
  auto bob = mint(R"({"label": "b", "role": "user", "owner": "bob"})");
  auto viewer = mint(R"({"label": "v", "role": "viewer", "owner": "alice"})");
  auto client = Client::tls(server);
  EXPECT_EQ(client.ask("PUT", "/v1/vault/KEY", R"({"value": "hers"})", alice).status, 200);
  for (const auto& other : {bob, meshed}) {
    EXPECT_EQ(client.ask("GET", "/v1/vault", "", other).json()["secrets"].size(), 0u);
    EXPECT_EQ(client.ask("DELETE", "/v1/vault/KEY", "", other).status, 404);
  }
  EXPECT_EQ(client.ask("GET", "/v1/vault?mesh=acme", "", bob).status, 403);
  EXPECT_EQ(client.ask("GET", "/v1/vault", "", viewer).status, 403);
  EXPECT_EQ(client.ask("GET", "/v1/vault", "", alice).json()["secrets"].size(), 1u);
}

}  // namespace
}  // namespace brig::api::test
