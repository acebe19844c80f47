#include "egress/upstream.hpp"

#include "egress/presets.hpp"
#include "house.hpp"

namespace brig::egress {
namespace {

Result<std::optional<Upstream>> from(std::map<std::string, std::string> env) {
  return upstream_from([&](const char* name) -> const char* {
    auto it = env.find(name);
    return it == env.end() ? nullptr : it->second.c_str();
  });
}

TEST(Upstream, IsReadAsCurlReadsIt) {
  EXPECT_FALSE(*from({}));
  EXPECT_FALSE(*from({{"HTTPS_PROXY", ""}}));
  auto one = from({{"HTTPS_PROXY", "http://us%40er:p%3aw@proxy.test:3128/"},
                   {"NO_PROXY", "localhost, .inner.test,10.0.0.0/8,x.test"}});
  ASSERT_TRUE(one && *one);
  EXPECT_EQ(to_string((*one)->proxy.host, (*one)->proxy.port), "proxy.test:3128");
  EXPECT_EQ((*one)->authorization.reveal(), "Basic dXNAZXI6cDp3");
  auto goes = [&](const char* host) { return (*one)->applies_to(*read_host(host)); };
  EXPECT_TRUE(goes("a.test"));
  EXPECT_TRUE(goes("yx.test"));
  EXPECT_TRUE(goes("11.0.0.1"));
  for (const char* host : {"localhost", "inner.test", "a.inner.test", "x.test", "y.x.test", "10.1.2.3"})
    EXPECT_FALSE(goes(host)) << host;
  EXPECT_EQ((*from({{"https_proxy", "proxy.test"}}))->proxy.port, 1080);
  EXPECT_FALSE(
      (*from({{"https_proxy", "proxy.test:1"}, {"no_proxy", "*"}}))->applies_to(*read_host("a.test")));
  EXPECT_FALSE(from({{"HTTPS_PROXY", "socks5://proxy.test:1"}}));
  EXPECT_FALSE(from({{"HTTPS_PROXY", "http://:1"}}));
}

TEST(Upstream, SaysWhatTheProxySays) {
  std::size_t head = 0;
  EXPECT_FALSE(read_connect_answer("HTTP/1.1 200 OK\r\n", head));
  auto yes = read_connect_answer("HTTP/1.1 200 OK\r\nX: y\r\n\r\nmore", head);
  ASSERT_TRUE(yes && *yes);
  EXPECT_EQ(head, 25u);
  auto no = read_connect_answer("HTTP/1.1 403 No\x01\r\n\r\n", head);
  ASSERT_TRUE(no && !*no);
  EXPECT_EQ(no->error().message, "the host's proxy refused: 403 No\\x01");
  EXPECT_FALSE(*read_connect_answer("220 smtp\r\n\r\n", head));
  EXPECT_FALSE(*read_connect_answer(std::string(17'000, 'x'), head));
}

TEST(Presets, FindTheHostsOfUrls) {
  std::string out;
  for (const auto& r : rules_of_urls("registry = https://u:p@npm.test/x\nhttp://apt.test:3142/debian "
                                     "\"https://[fd00::1]/\" ftp://no.test "
                                     "https:// https://*.test/ https://NPM.test"))
    out += to_string(r, Verb::allow) + " ";
  EXPECT_EQ(out, "apt.test:3142 npm.test:443 [fd00::1]:443 ");
}

}  // namespace
}  // namespace brig::egress
