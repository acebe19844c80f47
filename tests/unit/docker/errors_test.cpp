#include "docker/errors.hpp"

#include <gtest/gtest.h>

#include <cerrno>

#include "core/text.hpp"

namespace brig::docker {
namespace {

TEST(Errors, CarryTheEnginesWordsMadeHarmless) {
  auto e = refusal(409, R"({"message":"name \u001b[31mtaken\nagain"})", "create container 'x'");
  EXPECT_EQ(e.code, Code::conflict);
  EXPECT_EQ(e.message.find('\x1b'), std::string::npos);
  EXPECT_EQ(e.message.find('\n'), std::string::npos);
  EXPECT_NE(e.message.find("could not create container 'x': name"), std::string::npos);
  EXPECT_LT(refusal(400, std::string(1 << 20, 'x'), "y").message.size(), 2048u);
  EXPECT_TRUE(is_utf8(refusal(400, "\xff\xfe", "y").message));
  EXPECT_NE(refusal(418, "", "y").message.find("418"), std::string::npos);
}

TEST(Errors, HaveTheCodeThatFits) {
  EXPECT_EQ(refusal(400, "", "").code, Code::invalid);
  EXPECT_EQ(refusal(403, "", "").code, Code::denied);
  EXPECT_EQ(refusal(404, "", "").code, Code::not_found);
  EXPECT_EQ(refusal(500, "", "").code, Code::internal);
  EXPECT_TRUE(refusal(500, "", "").retryable);
  EXPECT_EQ(refusal(503, "", "").code, Code::unavailable);
  EXPECT_EQ(refusal(302, "", "").code, Code::protocol);
  EXPECT_EQ(refusal(500, R"({"message":"manifest unknown"})", "pull image 'x'").code, Code::not_found);
  EXPECT_EQ(refusal(500, R"({"message":"manifest unknown"})", "start container 'x'").code, Code::internal);
  EXPECT_FALSE(refusal(500, R"({"message":"manifest unknown"})", "pull image 'x'").retryable);
  EXPECT_EQ(
      refusal(500, R"({"message":"Get http://r/v2/: no basic auth credentials"})", "pull image 'x'").code,
      Code::denied);
  EXPECT_EQ(refusal(500, R"({"message":"write /x: no space left on device"})", "").code, Code::exhausted);
}

TEST(Errors, OfAnUnreachableEngineNameTheRemedy) {
  Endpoint endpoint;
  endpoint.socket = "/run/docker.sock";
  auto absent = unreachable({http::Failure::Kind::connect, ENOENT, "x"}, endpoint);
  EXPECT_EQ(absent.code, Code::unavailable);
  EXPECT_EQ(
      absent.message,
      "no Docker engine answers at unix:///run/docker.sock (No such file or directory); start one, or set "
      "DOCKER_HOST");
  auto denied = unreachable({http::Failure::Kind::connect, EACCES, "x"}, endpoint);
  EXPECT_EQ(denied.code, Code::denied);
  EXPECT_NE(denied.message.find("join the socket's group"), std::string::npos);
}

}  // namespace
}  // namespace brig::docker
