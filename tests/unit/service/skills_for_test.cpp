// Which skills a session gets, and in what order: what is over the bound is left out at the end.
#include <gmock/gmock.h>

#include "manager_house.hpp"

namespace brig::service::test {
namespace {

using testing::ElementsAre;

std::vector<std::string> names_for(House& house, const session::Caller& caller) {
  std::vector<std::string> out;
  for (const auto& skill : house.manager->skills_for(caller, "acme")) out.push_back(skill.name);
  return out;
}

net::Task<void> own_first(House& house) {
  session::Caller ana, bo;
  ana.role = bo.role = session::Caller::Role::user;
  ana.mesh = bo.mesh = "acme";
  ana.uid = bo.uid = 0;
  ana.gid = bo.gid = 0;
  ana.owner = "peer:acme:ana";
  bo.owner = "peer:acme:bo";
  for (auto [who, name] : {std::pair{&bo, "aa"}, {&bo, "mm"}, {&ana, "yy"}, {&ana, "bb"}, {&bo, "zz"}}) {
    DeploySpec wish;
    wish.name = name;
    wish.spec.skill = true;
    wish.spec.directory = DirectorySource{(house.dir / "source").string(), {}, {}};
    wish.scope = *read_scope("\"mesh\"");
    auto deployed = co_await house.manager->deploy(*who, "acme", std::move(wish), nullptr);
    EXPECT_TRUE(deployed) << deployed.error().message;
  }
  EXPECT_THAT(names_for(house, ana), ElementsAre("bb", "yy", "aa", "mm", "zz"));
  EXPECT_THAT(names_for(house, bo), ElementsAre("aa", "mm", "zz", "bb", "yy"));
}

TEST(SkillsFor, AreFirstWhoeverStartsItsOwn) {
  play(own_first);
}

}  // namespace
}  // namespace brig::service::test
