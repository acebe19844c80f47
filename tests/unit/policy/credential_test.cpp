#include "policy/egress/credential.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace brig::egress {
namespace {

using testing::HasSubstr;
using testing::Not;

CredentialText plain() {
  CredentialText text;
  text.host = "API.Example.com.";
  text.header = "x-api-key";
  text.value = "$vault:API_KEY";
  return text;
}

TEST(Credentials, AreReadAndWrittenAlike) {
  auto text = plain();
  text.base_url_env = "API_BASE_URL";
  text.base_url_path = "/v1";
  Credential one;
  ASSERT_FALSE(read_credential(text, one));
  EXPECT_EQ(to_string(one.host.host, one.host.port), "api.example.com:443");
  EXPECT_EQ(one.env, "API_KEY");
  EXPECT_EQ(one.base_url(), "http://api.example.com/v1");
  auto again = credential_from(to_json(one));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, one);
  text = plain();
  text.host = "api.example.com:8443";
  text.header.reset();
  text.basic = "";
  text.env = "";
  ASSERT_FALSE(read_credential(text, one));
  EXPECT_EQ(one.env, "");
  EXPECT_EQ(one.base_url(), "http://api.example.com:8443");
  EXPECT_EQ(*credential_from(to_json(one)), one);
  EXPECT_FALSE(credential_from(nlohmann::json{{"host", "a.test"}}));
}

TEST(Credentials, RefuseByField) {
  auto bad = [](const char* field, auto change) {
    auto text = plain();
    change(text);
    Credential out;
    auto fault = read_credential(text, out);
    ASSERT_TRUE(fault) << field;
    EXPECT_EQ(fault->field, field) << fault->why;
  };
  bad("host", [](auto& t) { t.host = ""; });
  bad("host", [](auto& t) { t.host = "10.0.0.1"; });
  bad("host", [](auto& t) { t.host = "0x7f000001"; });
  bad("host", [](auto& t) { t.host = "*.example.com"; });
  bad("host", [](auto& t) { t.host = "api.example.com:80"; });
  bad("host", [](auto& t) { t.host = "https://api.example.com"; });
  bad("header", [](auto& t) { t.header.reset(); });
  bad("header", [](auto& t) { t.query = "key"; });
  bad("header", [](auto& t) { t.header = "x api"; });
  bad("header", [](auto& t) { t.header = "Host"; });
  bad("header", [](auto& t) { t.header = "Transfer-Encoding"; });
  bad("header", [](auto& t) { t.header = "a\r\nb"; });
  bad("value", [](auto& t) { t.value = "$vault:"; });
  bad("value", [](auto& t) { t.value = "$vault:a b"; });
  bad("template", [](auto& t) { t.shape = "Bearer"; });
  bad("template", [](auto& t) { t.shape = "{}{}"; });
  bad("template", [](auto& t) { t.shape = "a\n{}"; });
  bad("template", [](auto& t) {
    t.header.reset();
    t.query = "k";
    t.shape = "{}";
  });
  bad("env", [](auto& t) { t.env = "A-B"; });
  bad("base_url_env", [](auto& t) { t.base_url_env = "API_KEY"; });
  bad("base_url_path", [](auto& t) { t.base_url_path = "/v1"; });
}

TEST(Credentials, NeverRepeatAValueThatStandsWhereAReferenceBelongs) {
  auto text = plain();
  text.value = "sk-real-0123456789";
  Credential out;
  auto fault = read_credential(text, out);
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->field, "value");
  EXPECT_THAT(fault->why, Not(HasSubstr("sk-real")));
}

TEST(Credentials, DoNotGetIntoEachOthersWay) {
  auto two = [](auto change) {
    std::vector<Credential> all(2);
    auto text = plain();
    EXPECT_FALSE(read_credential(text, all[0]));
    change(text);
    EXPECT_FALSE(read_credential(text, all[1]));
    return check_together(all);
  };
  EXPECT_TRUE(two([](auto&) {}));
  EXPECT_TRUE(two([](auto& t) { t.header = "X-API-Key"; }));
  EXPECT_FALSE(two([](auto& t) { t.host = "other.test"; }));  // one key for two hosts
  auto taken = two([](auto& t) {
    t.host = "other.test";
    t.value = "$vault:OTHER";
    t.env = "API_KEY";
  });
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->field, "env");
  std::vector<Credential> authorization(2);
  auto text = plain();
  text.header = "Authorization";
  EXPECT_FALSE(read_credential(text, authorization[0]));
  text.header.reset();
  text.basic = "me";
  EXPECT_FALSE(read_credential(text, authorization[1]));
  EXPECT_TRUE(check_together(authorization));
}

}  // namespace
}  // namespace brig::egress
