// Who may do what, by which door.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/auth/bearer.hpp"
#include "api/http/router.hpp"
#include "core/rate.hpp"
#include "support/server.hpp"

namespace brig::api::test {
namespace {

using Role = session::Caller::Role;

constexpr gid_t kGroup = 54321;

// A path that fits the pattern, and a body where the route needs one.
std::string path_for(const Route& route) {
  std::string out(route.pattern);
  for (auto [from, to] :
       {std::pair{"{ref}", "fix"}, {"{number}", "1"}, {"{name}", "shell"}, {"{id}", "nope"}}) {
    auto at = out.find(from);
    if (at != std::string::npos) out.replace(at, std::string(from).size(), to);
  }
  if (route.pattern == "/v1/events") out += "?once=1";
  return out;
}

TEST(Access, FollowsTheTableForEveryRouteAndRole) {
  TestServer server([](Config& config) { config.limits.burst = 10'000; });
  const std::pair<Access, std::string> callers[] = {{Access::none, ""},
                                                    {Access::viewer, server.token(Role::viewer)},
                                                    {Access::user, server.token(Role::user)},
                                                    {Access::admin, server.token(Role::admin)}};
  for (const auto& [role, token] : callers) {
    auto client = std::make_unique<Client>(Client::tls(server));
    for (const auto& route : routes()) {
      auto header = token.empty() ? "" : "Authorization: Bearer " + token + "\r\n";
      auto answer = client->ask(route.method, path_for(route), route.body_limit > 0 ? "{}" : "", header);
      bool refused = answer.status == 401 || answer.status == 403;
      EXPECT_EQ(refused, role < route.access)
          << to_string(role) << " " << route.method << " " << route.pattern;
      if (refused) {
        EXPECT_EQ(answer.status, token.empty() ? 401 : 403);
      }
      if (answer.header("Connection") == "close") client = std::make_unique<Client>(Client::tls(server));
    }
  }
}

TEST(Access, TellsStrangersNothingOfPaths) {
  TestServer server;
  auto client = Client::tls(server);
  EXPECT_EQ(client.ask("GET", "/v1/nothing").status, 401);
  EXPECT_EQ(client.ask("PUT", "/v1/sessions").status, 401);
  auto refused = client.ask("GET", "/v1/sessions");
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.header("WWW-Authenticate"), "Bearer realm=\"brig\"");
}

TEST(Access, TokensAreMadeUsedListedAndRevoked) {
  TestServer server;
  auto local = Client::local(server);
  auto made = local.ask("POST", "/v1/tokens", R"({"label": "ci", "role": "user", "expires_in": "30d"})");
  ASSERT_EQ(made.status, 201) << made.body;
  auto secret = made.json()["secret"].get<std::string>();
  auto id = made.json()["token"]["id"].get<std::string>();
  auto header = "Authorization: bearer " + secret + "\r\n";

  auto remote = Client::tls(server);
  auto version = remote.ask("GET", "/v1/version", "", header);
  EXPECT_EQ(version.json()["caller"],
            nlohmann::json::parse(R"({"role": "user", "owner": "token:)" + id + "\"}"));
  auto list = local.ask("GET", "/v1/tokens");
  EXPECT_EQ(list.json()["tokens"][0]["label"], "ci");
  EXPECT_TRUE(list.json()["tokens"][0].contains("last_used"));
  EXPECT_EQ(list.body.find(secret.substr(14)), std::string::npos);

  // Revoking closes what is open, at once.
  WsClient attached(Client::tls(server), "/v1/sessions/fix/processes/1/attach", header);
  EXPECT_EQ(attached.handshake.status, 101);
  attached.next_json();
  EXPECT_EQ(local.ask("DELETE", "/v1/tokens/" + id).status, 204);
  auto farewell = attached.next();
  EXPECT_EQ(farewell.opcode, 8);
  EXPECT_EQ(farewell.payload.substr(0, 2), "\x03\xf0");  // 1008
  auto again = Client::tls(server);
  EXPECT_EQ(again.ask("GET", "/v1/version", "", header).status, 401);
  EXPECT_EQ(local.ask("DELETE", "/v1/tokens/ffffffff").status, 404);
  for (const char* body :
       {R"({"label": "x"})", R"({"label": "", "role": "user"})", R"({"label": "x", "role": "root"})",
        R"({"label": "x", "role": "user", "expires_in": "soon"})",
        R"({"label": "x", "role": "user", "expires_in": "0s"})"})
    EXPECT_EQ(local.ask("POST", "/v1/tokens", body).status, 400) << body;
}

TEST(Access, TokensAreMadeForAnOwnerAndAMesh) {
  TestServer server;
  auto local = Client::local(server);
  auto made =
      local.ask("POST", "/v1/tokens", R"({"label": "x", "role": "user", "owner": "alice", "mesh": "acme"})");
  ASSERT_EQ(made.status, 201) << made.body;
  auto header = "Authorization: Bearer " + made.json()["secret"].get<std::string>() + "\r\n";
  auto remote = Client::tls(server);
  EXPECT_EQ(remote.ask("GET", "/v1/version", "", header).json()["caller"],
            nlohmann::json::parse(R"({"role": "user", "owner": "alice", "mesh": "acme"})"));
  EXPECT_EQ(remote.ask("GET", "/v1/sessions", "", header).status, 200);
  server.on_loop([&] {
    EXPECT_EQ(server.sessions.caller->owner, "alice");
    EXPECT_EQ(server.sessions.caller->mesh, "acme");
  });
  for (const char* body :
       {R"({"label": "x", "role": "admin", "mesh": "acme"})",
        R"({"label": "x", "role": "user", "mesh": "a b"})", R"({"label": "x", "role": "user", "owner": ""})",
        R"({"label": "x", "role": "user", "owner": "../x"})"})
    EXPECT_EQ(local.ask("POST", "/v1/tokens", body).status, 400) << body;

  // Another token of the same owner ends with its own revocation, not with this one's.
  auto other = local.ask("POST", "/v1/tokens", R"({"label": "y", "role": "user", "owner": "alice"})");
  WsClient attached(Client::tls(server), "/v1/sessions/fix/processes/1/attach",
                    "Authorization: Bearer " + other.json()["secret"].get<std::string>() + "\r\n");
  attached.next_json();
  EXPECT_EQ(local.ask("DELETE", "/v1/tokens/" + made.json()["token"]["id"].get<std::string>()).status, 204);
  server.on_loop([&] { server.script()->print("still there"); });
  EXPECT_EQ(attached.next().payload.substr(9), "still there");
}

TEST(Access, TokensExpire) {
  TestServer server;
  auto header = "Authorization: Bearer " + server.token(Role::user, Millis{5000}) + "\r\n";
  auto client = Client::tls(server);
  EXPECT_EQ(client.ask("GET", "/v1/version", "", header).status, 200);
  server.clock.advance(Millis{5000});
  EXPECT_EQ(client.ask("GET", "/v1/version", "", header).status, 401);
}

TEST(Access, BadCredentialsAreAllAnsweredAlikeAndSoonNotAtAll) {
  TestServer server([](Config& config) { config.limits.failures_per_minute = 5; });
  auto good = server.token(Role::user);
  auto other = good;
  other.back() = other.back() == '0' ? '1' : '0';
  auto client = Client::tls(server);
  std::string first;
  for (const auto& value : {std::string("Bearer x"), std::string("Basic eDp5"), "Bearer " + other,
                            "Bearer " + good + "x", "Bearer  " + good}) {
    auto answer = client.ask("GET", "/v1/version", "", "Authorization: " + value + "\r\n");
    EXPECT_EQ(answer.status, 401) << value;
    auto detail = answer.json()["detail"].get<std::string>();
    if (first.empty()) first = detail;
    EXPECT_EQ(detail, first);
  }
  auto locked = client.ask("GET", "/v1/version", "", "Authorization: Bearer " + good + "\r\n");
  EXPECT_EQ(locked.status, 429);
  EXPECT_NE(locked.header("Retry-After"), "");
  server.clock.advance(Millis{60'000});
  EXPECT_EQ(client.ask("GET", "/v1/version", "", "Authorization: Bearer " + good + "\r\n").status, 200);
}

TEST(Access, KnowsHostsAndOrigins) {
  TestServer server([](Config& config) { config.tcp->origins = {"https://dash.example"}; });
  const std::tuple<const char*, const char*, int> cases[] = {{"127.0.0.1:1234", "", 200},
                                                             {"localhost", "", 200},
                                                             {"BRIG.example:8443", "", 200},
                                                             {"evil.example", "", 421},
                                                             {"127.0.0.1.evil.example", "", 421},
                                                             {"", "", 421},
                                                             {"localhost", "https://dash.example", 200},
                                                             {"localhost", "https://evil.example", 403},
                                                             {"localhost", "null", 403}};
  for (const auto& [host, origin, status] : cases) {
    auto client = Client::tls(server);
    client.send(std::string("GET /healthz HTTP/1.1\r\nHost: ") + host + "\r\n" +
                (*origin ? std::string("Origin: ") + origin + "\r\n" : "") + "\r\n");
    EXPECT_EQ(client.answer().status, status) << host << " " << origin;
  }
}

TEST(Access, ServesItsOwnCertificateAndKeepsIt) {
  TestServer server;
  auto client = Client::tls(server);
  auto told = server.server->tls_fingerprint();
  EXPECT_EQ(told.size(), 95u);
  std::erase(told, ':');
  for (auto& c : told) c = static_cast<char>(std::tolower(c));
  EXPECT_EQ(client.peer_fingerprint(), told);
  auto key = server.dir.path() / "tls" / "api.key";
  EXPECT_EQ(std::filesystem::status(key).permissions(), std::filesystem::perms(0600));
  TestServer again([&](Config& config) { config.tcp->tls_dir = server.dir.path() / "tls"; });
  EXPECT_EQ(again.server->tls_fingerprint(), server.server->tls_fingerprint());
}

TEST(Access, KnowsLocalCallersByWhatTheKernelSays) {
  TestServer server([](Config& config) { config.unix_socket->group = kGroup; });
  auto root = Client::local(server);
  EXPECT_EQ(root.ask("GET", "/v1/version").json()["caller"]["role"], "admin");
  auto member = Client::local_as(server, 4711, 4711, {10, kGroup});
  auto caller = member.ask("GET", "/v1/version").json()["caller"];
  EXPECT_EQ(caller, nlohmann::json::parse(R"({"role": "user", "owner": "uid:4711"})"));
  EXPECT_EQ(member.ask("GET", "/v1/tokens").status, 403);
  auto primary = Client::local_as(server, 4712, kGroup, {});
  EXPECT_EQ(primary.ask("GET", "/v1/version").status, 200);
  // The file's mode keeps others out; were it otherwise, the service would.
  std::filesystem::permissions(server.socket_path(), std::filesystem::perms(0666));
  auto stranger = Client::local_as(server, 4713, 4713, {});
  EXPECT_EQ(stranger.ask("GET", "/v1/version").status, 403);
  // A token counts for nothing on this door.
  auto bearer = "Authorization: Bearer " + server.token(Role::admin) + "\r\n";
  EXPECT_EQ(stranger.ask("GET", "/v1/version", "", bearer).status, 403);
}

TEST(RateLimiter, FillsAndForgets) {
  RateLimiter limiter(2, 4);
  SteadyTime now{};
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(limiter.take("a", now));
  EXPECT_EQ(limiter.take("a", now), Millis{500});
  EXPECT_FALSE(limiter.take("b", now));
  EXPECT_FALSE(limiter.take("a", now + Millis{500}));
  for (std::size_t i = 0; i < 2 * RateLimiter::kMaxCallers; ++i) limiter.take(std::to_string(i), now);
  EXPECT_LE(limiter.size(), RateLimiter::kMaxCallers);
}

TEST(Bearer, MakesTokensItReads) {
  auto token = make_token();
  EXPECT_EQ(token_id(token.text.reveal()), token.id);
  EXPECT_TRUE(same_hash(hash_token(token.text.reveal()), token.hash));
  EXPECT_FALSE(token_id("brig_"));
  EXPECT_FALSE(token_id(std::string(token.text.reveal()) + "0"));
  EXPECT_NE(make_token().text.reveal(), token.text.reveal());
}

}  // namespace
}  // namespace brig::api::test
