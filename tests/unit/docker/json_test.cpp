#include "docker/json.hpp"

#include <gtest/gtest.h>

#include "core/units.hpp"

namespace brig::docker {
namespace {

TEST(Json, RefusesNonsenseAndDepth) {
  EXPECT_TRUE(parse(R"({"a":[1,2,{"b":null}]})", "x"));
  for (std::string bad : {"", "{", "nope", "{\"a\":1}}", "\xff"}) EXPECT_FALSE(parse(bad, "x")) << bad;
  EXPECT_TRUE(parse(std::string(60, '[') + std::string(60, ']'), "x"));
  EXPECT_FALSE(parse(std::string(100'000, '[') + std::string(100'000, ']'), "x"));
  EXPECT_TRUE(parse("[\"" + std::string(1000, '[') + "\\\"[[[\"]", "x"))
      << "brackets in strings are no nesting";
}

TEST(Json, FieldsOfAnotherTypeAreAbsent) {
  auto j = *parse(
      R"({"s":1,"n":"x","b":"true","a":{"x":1},"m":[1],"big":18446744073709551615,"neg":-5,"f":1.5,"list":["a",2,"b"]})",
      "x");
  EXPECT_EQ(text_at(j, "s"), "");
  EXPECT_EQ(int_at(j, "n"), 0);
  EXPECT_FALSE(bool_at(j, "b"));
  EXPECT_TRUE(texts_at(j, "a").empty());
  EXPECT_TRUE(map_at(j, "m").empty());
  EXPECT_TRUE(map_at(j, "a").empty());
  EXPECT_EQ(int_at(j, "big"), INT64_MAX);
  EXPECT_EQ(size_at(j, "neg"), 0u);
  EXPECT_EQ(int_at(j, "neg"), -5);
  EXPECT_EQ(int_at(j, "f"), 0);
  EXPECT_EQ(texts_at(j, "list"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(text_at(at(at(Json(7), "x"), "y"), "z"), "");
}

TEST(Json, ReadsTimes) {
  EXPECT_EQ(format_time(*parse_time("2026-01-31T12:00:00.123456789Z")), "2026-01-31T12:00:00.123Z");
  EXPECT_EQ(format_time(*parse_time("2026-01-31T12:00:00+01:30")), "2026-01-31T10:30:00.000Z");
  EXPECT_EQ(format_time(*parse_time("2026-01-31T23:30:00-01:00")), "2026-02-01T00:30:00.000Z");
  for (std::string bad :
       {"", "0001-01-01T00:00:00Z", "2026-01-31", "2026-13-01T00:00:00Z", "2026-01-31T12:00:00",
        "2026-01-31T12:00:00Zx", "2026-01-31T12:00:00+1", "-026-01-31T12:00:00Z"}) {
    EXPECT_FALSE(parse_time(bad)) << bad;
  }
}

}  // namespace
}  // namespace brig::docker
