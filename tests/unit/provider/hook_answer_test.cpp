#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "provider/hooks.hpp"

namespace brig::provider {
namespace {

using testing::HasSubstr;

TEST(HookAnswer, MountsInOrderAndACleanup) {
  auto answer = parse_answer(R"({"extraMounts": [
      {"content": "{}", "containerPath": "/home/agent/.x/a", "mode": "0644"},
      {"volumeName": "team-cache", "containerPath": "/home/agent/c", "readOnly": false},
      {"contentBase64": "AAE=", "containerPath": "/opt/x"}], "cleanup": {"lease": 17}})");
  ASSERT_TRUE(answer) << answer.error().message;
  ASSERT_EQ(answer->extra.size(), 3u);
  EXPECT_EQ(answer->extra[0].content.reveal(), "{}");
  EXPECT_EQ(answer->extra[0].mode, 0644u);
  EXPECT_TRUE(answer->extra[0].read_only);
  EXPECT_EQ(answer->extra[1].volume, "team-cache");
  EXPECT_FALSE(answer->extra[1].read_only);
  EXPECT_EQ(answer->extra[2].content.reveal().size(), 2u);
  EXPECT_EQ(answer->cleanup, R"({"lease":17})");
  EXPECT_FALSE(parse_answer("{}")->cleanup);
}

TEST(HookAnswer, RubbishIsRefusedAndNamed) {
  auto refusal = [](const std::string& text) {
    auto answer = parse_answer(text);
    return answer ? std::string("it was taken") : answer.error().message;
  };
  auto mount = [&](const std::string& fields) { return refusal("{\"extraMounts\": [{" + fields + "}]}"); };
  EXPECT_THAT(refusal(""), HasSubstr("nothing"));
  EXPECT_THAT(refusal("hello"), HasSubstr("'hello'"));
  EXPECT_THAT(refusal("[]"), HasSubstr("object"));
  EXPECT_THAT(refusal(R"({"mounts": []})"), HasSubstr("unknown key 'mounts'"));
  EXPECT_THAT(refusal(R"({"extraMounts": {}})"), HasSubstr("must be a list"));
  EXPECT_THAT(refusal(R"({"extraMounts": ["x"]})"), HasSubstr("extraMounts[0] must be an object"));
  EXPECT_THAT(mount(R"("containerPath": "/home/agent/x")"), HasSubstr("one of"));
  EXPECT_THAT(mount(R"("content": 1, "containerPath": "/home/agent/x")"), HasSubstr("must be text"));
  EXPECT_THAT(mount(R"("volumeName": "a/b", "containerPath": "/home/agent/x")"), HasSubstr("'a/b'"));
  EXPECT_THAT(mount(R"("content": "")"), HasSubstr("containerPath is ''"));
  EXPECT_THAT(mount(R"("content": "", "containerPath": "/workspace/x")"), HasSubstr("/workspace"));
  EXPECT_THAT(mount(R"("content": "", "containerPath": "/home/agent/x", "mode": "7777")"),
              HasSubstr("octal"));
  EXPECT_THAT(mount(R"("content": "", "containerPath": "/home/agent/x", "readOnly": 1)"),
              HasSubstr("true or false"));
  EXPECT_THAT(mount(R"("content": "", "containerPath": "/home/agent/x", "readonly": true)"),
              HasSubstr("did you mean 'readOnly'?"));
  EXPECT_FALSE(parse_answer(std::string(100'000, '[')));
  EXPECT_FALSE(parse_answer("{\"cleanup\": \"" + std::string(70'000, 'a') + "\"}"));
}

}  // namespace
}  // namespace brig::provider
