// What the vault keeps for repositories and registries.
#include "service/login.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace brig::service {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Logins, AreATokenOrAUserWithAPassword) {
  auto token = login_of(Secret("t0ken"), "key", "git");
  ASSERT_TRUE(token);
  EXPECT_EQ(token->user, "git");
  EXPECT_EQ(token->password.reveal(), "t0ken");
  auto both = login_of(Secret("ana:pass:word"), "key", "git");
  ASSERT_TRUE(both);
  EXPECT_EQ(both->user, "ana");
  EXPECT_EQ(both->password.reveal(), "pass:word");
  for (std::string_view odd :
       {std::string_view(""), std::string_view("s3same\nhost=x"), std::string_view("s3\0x", 4)}) {
    auto refused = login_of(Secret(odd), "key", "git");
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("'key'"));
    EXPECT_THAT(refused.error().message, Not(HasSubstr("s3")));
  }
}

}  // namespace
}  // namespace brig::service
