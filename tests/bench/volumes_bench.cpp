// What looking at 2,000 volumes takes, beside the engine's own listing of them, and how it grows.
#include <gtest/gtest.h>

#include "brigd.hpp"
#include "programs.hpp"

namespace brig::bench {
namespace {

using test::Brigd;

class Volumes : public testing::Test {
 protected:
  Volumes() : brigd("[volumes]\nsize = \"16 MiB\"\nper_owner = 10000\n") {}
  ~Volumes() override { brigd.drop_volumes(); }

  void make_up_to(int count) {
    for (; made < count; ++made)
      ASSERT_EQ(brigd.brig({"volume", "create", "v" + std::to_string(made)}).code, 0);
  }
  Way way(const std::vector<std::string>& args) {
    std::string name = "brig";
    for (const auto& arg : args) name += " " + arg;
    return {name, [this, args] { return took(brigd.command(args), brigd.options()); }};
  }

  Brigd brigd;
  int made = 0;
};

TEST_F(Volumes, AgainstTheEnginesOwnListing) {
  const std::vector<std::vector<std::string>> looks{
      {"volume", "ls"}, {"volume", "du"}, {"volume", "prune", "--dry-run"}};
  const Way theirs{"docker volume ls", [] { return took(docker({"volume", "ls"}), {}); }};
  for (int count : {1000, 2000}) {  // of the same ratio: it grows as the listing does
    make_up_to(count);
    for (const auto& look : looks)
      compare("Looking at " + std::to_string(count) + " volumes", "ms", 1000, 15, way(look), theirs,
              "at most 1.30");
  }
}

}  // namespace
}  // namespace brig::bench
