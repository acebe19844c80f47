// Attempts by the API: requests that ask for more than a user may have, and one user's things in another's
// hands. Each is held against the same request without its sting, which must succeed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "requests/asks.hpp"
#include "tenants/doors.hpp"
#include "world/caller.hpp"

namespace brig::escape {
namespace {

using nlohmann::json;
constexpr const char* kSecret = "the-secret-of-another-tenant-4711";

std::string replaced(std::string text, const std::string& ref) {
  for (auto at = text.find("REF"); at != std::string::npos; at = text.find("REF")) text.replace(at, 3, ref);
  return text;
}

class Api : public testing::Test {
 protected:
  Api() : brigd(kApiConfig, "ip link set lo up"), user(brigd, "user"), other(brigd, "user") {}
  std::size_t engines_containers() {
    auto listed = harness::Engine::shared().request("GET", "/containers/json?all=1");
    return listed ? json::parse(*listed, nullptr, false).size() : 0;
  }
  // A session of `user` that holds the secret everywhere; its id.
  std::string keep_a_secret() {
    auto made = user.call("POST", "/v1/sessions",
                          json{{"provider", "box"},
                               {"name", "mine"},
                               {"args", {"sh", "-c", "echo $KEY; echo $KEY > kept; sleep 100000"}},
                               {"env", {{"KEY", kSecret}}}}
                              .dump());
    EXPECT_EQ(made.status, 201) << made.body;
    return json::parse(made.body, nullptr, false).value("id", "");
  }

  test::Brigd brigd;
  Caller user, other;
};

TEST_F(Api, NoRequestAsksForMore) {
  auto plain =
      user.call("POST", "/v1/sessions", R"({"provider":"box","args":["true"],"remove_when_ended":true})");
  ASSERT_EQ(plain.status, 201) << "without a sting: " << plain.body;
  brigd.expect_nothing_left();
  auto before = engines_containers();
  std::size_t escapes = 0;
  for (const auto& ask : kAsks) {
    auto got = user.call("POST", "/v1/sessions",
                         std::string(R"({"provider":"box","args":["true"],)") + ask.body + "}");
    bool refused = got.status >= 400 && got.status < 500;
    escapes += !refused;
    EXPECT_TRUE(refused) << "requests." << ask.name << ": " << got.status << " " << got.body
                         << "\n  must fail, since " << ask.reason;
  }
  for (const auto& way : kAdminWays) {
    auto got = user.call(way.method, way.path, way.body);
    bool refused = got.status == 403 || got.status == 404;
    escapes += !refused;
    EXPECT_TRUE(refused) << "requests." << way.name << ": " << got.status << " " << got.body;
  }
  EXPECT_EQ(engines_containers(), before);
  EXPECT_TRUE(brigd.sessions().empty());
  std::printf("requests: %zu attempts, %zu escapes\n", std::size(kAsks) + std::size(kAdminWays), escapes);
}

TEST_F(Api, NobodySeesOrTouchesAnothersSession) {
  auto id = keep_a_secret();
  ASSERT_FALSE(id.empty());
  std::size_t made = 0, escapes = 0;
  for (const std::string& ref : {id, std::string("mine"), id.substr(0, 6), "%2e%2e/sessions/" + id}) {
    for (const auto& way : kWays) {
      auto got = other.call(way.method, replaced(way.path, ref), way.body);
      // That it exists is itself something to know.
      bool refused = got.status == 404 || (got.status == 400 && ref.starts_with('%'));
      bool told = got.body.find(kSecret) != std::string::npos;
      ++made;
      escapes += !refused || told;
      EXPECT_TRUE(refused && !told) << "tenants." << way.name << " of " << ref << ": " << got.status << " "
                                    << got.body;
    }
  }
  for (const char* path :
       {"/v1/sessions", "/v1/sessions?all=true", "/v1/stats", "/v1/providers/box/identities", "/metrics"}) {
    auto got = other.call("GET", path);
    ++made;
    bool tells = got.body.find(id) != std::string::npos || got.body.find(kSecret) != std::string::npos;
    escapes += tells;
    EXPECT_FALSE(tells) << "tenants: " << path << " tells of it: " << got.body;
  }
  std::printf("tenants: %zu attempts, %zu escapes\n", made, escapes);
  // The instruments: whose it is sees it by the same ways, and it is unharmed.
  EXPECT_THAT(user.call("GET", "/v1/sessions").body, testing::HasSubstr(id));
  auto seen = user.call("GET", "/v1/sessions/mine");
  EXPECT_EQ(seen.status, 200);
  EXPECT_EQ(json::parse(seen.body, nullptr, false).value("state", ""), "running");
  for (const auto& way : kWays) {
    if (std::string_view(way.name) == "attach" || std::string_view(way.name) == "port")
      continue;  // would stay
    auto got = user.call(way.method, replaced(way.path, id), way.body);
    EXPECT_EQ(got.body.find("there is no session"), std::string::npos)
        << way.name << ": " << got.status << " " << got.body;
  }
}

}  // namespace
}  // namespace brig::escape
