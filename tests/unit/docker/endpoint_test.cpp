#include "docker/endpoint.hpp"

#include <gtest/gtest.h>

#include <map>

namespace brig::docker {
namespace {

TEST(Endpoint, Reads) {
  auto unix_socket = parse_endpoint("unix:///run/docker.sock");
  ASSERT_TRUE(unix_socket);
  EXPECT_EQ(unix_socket->socket, "/run/docker.sock");
  EXPECT_EQ(unix_socket->str(), "unix:///run/docker.sock");
  auto tcp = parse_endpoint("tcp://build-host:2376/");
  ASSERT_TRUE(tcp);
  EXPECT_EQ(tcp->host, "build-host");
  EXPECT_EQ(tcp->port, 2376);
  EXPECT_FALSE(tcp->tls);
  auto v6 = parse_endpoint("tcp://[::1]");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->host, "::1");
  EXPECT_EQ(v6->str(), "tcp://[::1]:2375");
  auto https = parse_endpoint("https://h");
  ASSERT_TRUE(https);
  EXPECT_TRUE(https->tls.has_value());
}

TEST(Endpoint, RefusesWithARemedy) {
  for (std::string bad : {"", "docker.sock", "unix://relative", "ssh://host", "tcp://", "tcp://:1",
                          "tcp://a:0", "tcp://a:99999", "tcp://a:1x", "tcp://[::1", "tcp://a b", "tcp://a/b",
                          "tcp://user@a", "npipe:////./pipe/docker"}) {
    auto r = parse_endpoint(bad);
    ASSERT_FALSE(r) << bad;
    EXPECT_EQ(r.error().code, Code::invalid);
    EXPECT_NE(r.error().message.find("unix:///path/of/socket"), std::string::npos);
  }
  EXPECT_TRUE(parse_endpoint("unix:///" + std::string(106, 'x')));
  auto r = parse_endpoint("unix:///" + std::string(107, 'x'));
  ASSERT_FALSE(r);
  EXPECT_NE(r.error().message.find("107 bytes"), std::string::npos);
}

Result<Endpoint> from(std::map<std::string, std::string> env) {
  return endpoint_from_environment([&env](const char* name) {
    auto it = env.find(name);
    return it == env.end() ? nullptr : it->second.c_str();
  });
}

TEST(Endpoint, ComesFromTheEnvironment) {
  EXPECT_EQ(from({})->socket, kDefaultSocket);
  EXPECT_EQ(from({{"DOCKER_HOST", ""}})->socket, kDefaultSocket);
  EXPECT_FALSE(from({{"DOCKER_HOST", "tcp://h:1"}, {"DOCKER_CERT_PATH", "/c"}})->tls);
  auto tls = from({{"DOCKER_HOST", "tcp://h:1"}, {"DOCKER_CERT_PATH", "/c"}, {"DOCKER_TLS_VERIFY", "1"}});
  ASSERT_TRUE(tls && tls->tls);
  EXPECT_TRUE(tls->tls->verify);
  EXPECT_EQ(tls->tls->ca, "/c/ca.pem");
  EXPECT_EQ(tls->tls->cert, "/c/cert.pem");
  EXPECT_EQ(tls->tls->key, "/c/key.pem");
  EXPECT_FALSE(from({{"DOCKER_HOST", "nonsense"}}));
  EXPECT_FALSE(from({{"DOCKER_HOST", "tcp://h:1"}, {"DOCKER_CERT_PATH", "c"}, {"DOCKER_TLS_VERIFY", "1"}}));
}

}  // namespace
}  // namespace brig::docker
