#include "caller.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace brig::escape {

Caller::Caller(test::Brigd& brigd, const std::string& role) : brigd_(brigd) {
  auto made = brigd.brig({"token", "create", "--label", "escape", "--role", role, "--json"});
  EXPECT_EQ(made.code, 0) << made.err;
  auto answer = nlohmann::json::parse(made.out, nullptr, false);
  token_ = answer.value("secret", "");
  EXPECT_FALSE(token_.empty()) << made.out;
}

Reply Caller::call(const std::string& method, const std::string& path, const std::string& body) const {
  std::vector<std::string> words{"nsenter",       "--net=/proc/" + std::to_string(brigd_.pid()) + "/ns/net",
                                 "curl",          "--silent",
                                 "--insecure",    "--path-as-is",
                                 "--max-time",    "60",
                                 "--request",     method,
                                 "--header",      "Authorization: Bearer " + token_,
                                 "--header",      "Content-Type: application/json",
                                 "--data-binary", "@-",
                                 "--write-out",   "\n%{http_code}"};
  if (path.ends_with("/attach") || path.find("/ports/") != std::string::npos)
    for (const char* header : {"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                               "Sec-WebSocket-Protocol: brig.attach.v1, brig.port.v1"})
      words.insert(words.end(), {"--header", header});
  words.push_back("https://" + std::string(kApi) + path);
  auto done = harness::run(words, body);
  EXPECT_TRUE(done) << done.error().message;
  Reply out;
  auto at = done ? done->out.rfind('\n') : std::string::npos;
  if (at == std::string::npos) return out;
  out.status = std::atoi(done->out.c_str() + at + 1);
  out.body = done->out.substr(0, at);
  return out;
}

}  // namespace brig::escape
