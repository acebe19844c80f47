#include "core/secret.hpp"

#include <gtest/gtest.h>

#include <type_traits>

#include "core/log.hpp"

namespace brig {
namespace {

static_assert(!std::is_convertible_v<Secret, std::string>);
static_assert(!std::is_constructible_v<log::Field, std::string_view, Secret>);

TEST(Secret, MovesWithoutLeavingACopy) {
  Secret a("short");
  const char* where = a.reveal().data();
  Secret b(std::move(a));
  EXPECT_EQ(b.reveal(), "short");
  EXPECT_EQ(b.reveal().data(), where);
  EXPECT_TRUE(a.empty());
}

TEST(Secret, ComparesWhole) {
  Secret a("value");
  EXPECT_TRUE(a.equals("value"));
  EXPECT_FALSE(a.equals("valu"));
  EXPECT_FALSE(a.equals("valuf"));
}

}  // namespace
}  // namespace brig
