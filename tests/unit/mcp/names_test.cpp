#include "mcp/names.hpp"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace brig::mcp {
namespace {

TEST(Names, AreReadable) {
  EXPECT_EQ(prefixed_name("files", "read_file"), "files__read_file");
  EXPECT_EQ(prefixed_uri("files", "file:///x"), "brig://files/file:///x");
}

TEST(Names, NeverMeet) {
  // Everything that could: services and names of up to four letters, underscores among them.
  std::vector<std::string> words = {""};
  for (std::size_t i = 0; words[i].size() < 4; ++i) {
    for (char c : {'a', '_'}) words.push_back(words[i] + c);
  }
  std::map<std::string, std::pair<std::string, std::string>> seen;
  for (const auto& service : words) {
    if (!service.starts_with('a')) continue;
    for (const auto& name : words) {
      auto prefixed = prefixed_name(service, name);
      EXPECT_TRUE(seen.emplace(prefixed, std::pair{service, name}).second) << prefixed;
      auto back = split_name(prefixed);
      ASSERT_TRUE(back) << prefixed;
      EXPECT_EQ(back->service, service);
      EXPECT_EQ(back->name, name);
    }
  }
}

TEST(Names, AreNobodysOtherwise) {
  for (std::string name : {"", "echo", "a_b", "a.b__c", "a.__c", "a_..__c", ".__a"})
    EXPECT_FALSE(split_name(name)) << name;
  for (std::string uri : {"", "file:///x", "brig://", "brig://ev"}) EXPECT_FALSE(split_uri(uri)) << uri;
  EXPECT_EQ(split_uri("brig://ev/demo://x/y")->name, "demo://x/y");
}

}  // namespace
}  // namespace brig::mcp
