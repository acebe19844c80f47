// What no rule decides waits for a person.
#include <gmock/gmock.h>

#include "house.hpp"

namespace brig::egress::testing {
namespace {

using ::testing::HasSubstr;

Rules asking(std::initializer_list<std::string> allow) {
  auto out = rules(allow);
  out.ask = true;
  return out;
}

std::vector<Question> questions(House& house) {
  return house.on([&] { return house.door->questions(); });
}

TEST(Questions, AYesLetsAllThroughWhoWait) {
  Listener far;
  House house(asking({far.at("127.0.0.1")}));
  house.resolver.answers["a.test"] = {{"127.0.0.1"}};
  auto [one, first] = house.ask("a.test", far.port());
  auto [two, second] = house.ask("A.test", far.port());
  EXPECT_EQ(first.status, Status::asking);
  EXPECT_EQ(second.status, Status::asking);
  ASSERT_TRUE(house.eventually(
      [&] { return house.door->questions().size() == 1 && house.door->questions()[0].waiting == 2; }));
  EXPECT_EQ(questions(house)[0].process, "curl");
  EXPECT_EQ(house.on([&] { return to_string(house.door->answer(1, true)->host); }), "a.test");
  EXPECT_EQ(house.reply(one).status, Status::ok);
  EXPECT_EQ(house.reply(two).status, Status::ok);
  EXPECT_TRUE(questions(house).empty());
  // Once: the next one is asked about again.
  EXPECT_EQ(house.ask("a.test", far.port()).second.status, Status::asking);
}

TEST(Questions, ANoIsReadable) {
  House house(asking({}));
  auto [near, said] = house.ask("a.test", 443);
  ASSERT_TRUE(house.eventually([&] { return house.door->questions().size() == 1; }));
  house.on([&] { house.door->answer(1, false); });
  auto last = house.reply(near);
  EXPECT_EQ(last.status, Status::denied);
  EXPECT_THAT(last.message, HasSubstr("the answer about a.test:443 was no"));
}

TEST(Questions, NobodyThereMeansNo) {
  Limits limits;
  limits.answer = Millis{1};
  House house(asking({}), limits);
  auto [near, said] = house.ask("a.test", 443);
  auto last = house.reply(near);
  EXPECT_EQ(last.status, Status::denied);
  EXPECT_THAT(last.message, HasSubstr("nobody answered"));
  EXPECT_TRUE(questions(house).empty());
}

TEST(Questions, AreWithdrawnWithWhoeverAsked) {
  House house(asking({}));
  auto [near, said] = house.ask("a.test", 443);
  ASSERT_TRUE(house.eventually([&] { return house.door->questions().size() == 1; }));
  near.close();
  EXPECT_TRUE(house.eventually([&] { return house.door->questions().empty(); }));
}

TEST(Questions, ANewRuleAnswersThem) {
  Listener far;
  House house(asking({far.at("127.0.0.1")}));
  house.resolver.answers["a.test"] = {{"127.0.0.1"}};
  auto [near, said] = house.ask("a.test", far.port());
  ASSERT_TRUE(house.eventually([&] { return house.door->questions().size() == 1; }));
  house.on([&] { house.door->set_rules(asking({far.at("127.0.0.1"), far.at("a.test")})); });
  EXPECT_EQ(house.reply(near).status, Status::ok);
  auto [other, also] = house.ask("b.test", 443);
  ASSERT_TRUE(house.eventually([&] { return house.door->questions().size() == 1; }));
  auto deny = rules({}, {"b.test"});
  deny.ask = true;
  house.on([&] { house.door->set_rules(deny); });
  EXPECT_EQ(house.reply(other).status, Status::denied);
}

TEST(Questions, AreBounded) {
  Limits limits;
  limits.questions = 2;
  House house(asking({}), limits);
  auto one = house.ask("a.test", 443);
  auto two = house.ask("b.test", 443);
  auto [near, said] = house.ask("c.test", 443);
  EXPECT_EQ(house.reply(near).status, Status::denied);
}

TEST(Questions, AYesOpensNoPrivateAddressBehindAName) {
  Listener far;
  House house(asking({}));
  house.resolver.answers["a.test"] = {{"127.0.0.1"}};
  auto [near, said] = house.ask("a.test", far.port());
  ASSERT_TRUE(house.eventually([&] { return house.door->questions().size() == 1; }));
  house.on([&] { house.door->answer(1, true); });
  auto last = house.reply(near);
  EXPECT_EQ(last.status, Status::denied);
  EXPECT_THAT(last.message, HasSubstr("a.test resolves to 127.0.0.1"));
  EXPECT_FALSE(far.was_hit());
  // Asked about itself it may be opened.
  auto [again, asked] = house.ask("127.0.0.1", far.port());
  EXPECT_EQ(asked.status, Status::asking);
  ASSERT_TRUE(house.eventually([&] { return house.door->questions().size() == 1; }));
  house.on([&] { house.door->answer(house.door->questions()[0].number, true); });
  EXPECT_EQ(house.reply(again).status, Status::ok);
}

TEST(Questions, AllowedOnceIsOnce) {
  Listener far;
  House house(rules({far.at("127.0.0.1")}));
  house.resolver.answers["a.test"] = {{"127.0.0.1"}};
  house.on([&] { house.door->allow_once(rule(far.at("a.test"))); });
  EXPECT_EQ(house.ask("a.test", 0).second.ports, std::vector<std::uint16_t>{far.port()});
  EXPECT_EQ(house.ask("a.test", far.port()).second.status, Status::ok);
  EXPECT_EQ(house.ask("a.test", far.port()).second.status, Status::denied);
}

}  // namespace
}  // namespace brig::egress::testing
