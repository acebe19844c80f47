// A door of a session with a credential for api.test, and that host itself, with TLS.
//
// Ownership: owns all. Threads: as House. Failure: a test failure, or throws.
#pragma once

#include <fstream>

#include "http/curl_multi.hpp"
#include "tls_peer.hpp"

namespace brig::egress::testing {

inline constexpr const char* kValue = "sk-real-0123456789";

class Entrusting {
 public:
  // `authorities`: a file of those whom brigd trusts beside the one of this test.
  explicit Entrusting(const std::string& authorities = {}, Limits limits = {}) {
    char pattern[] = "/tmp/brig-inject-XXXXXX";
    directory = ::mkdtemp(pattern);
    hosts.emplace(directory);
    database = std::move(*store::Database::open(directory / "brig.db"));
    table.emplace(*database);
    vault.emplace(*table, clock, directory / "vault.key");
    CredentialText text;
    text.host = far.at("api.test");
    text.header = "x-api-key";
    text.value = "$vault:KEY";
    held.resize(1);
    EXPECT_FALSE(read_credential(text, held[0].rule));
    held[0].placeholder = new_placeholder();
    std::ofstream(directory / "session.crt") << *Authority::make(directory / "authority.pem", {"api.test"});
    trusted = hosts->file();
    if (!authorities.empty()) {
      std::ofstream all(trusted = directory / "trusted.crt");
      for (const auto& one : {authorities, hosts->file()}) all << std::ifstream(one).rdbuf();
    }
    open(limits);
    house->resolver.answers["api.test"] = {{"127.0.0.1"}};
    house->resolver.answers["other.test"] = {{"127.0.0.1"}};
    keep(kValue);
  }
  ~Entrusting() {
    house->close();
    house->on([&] { outward.reset(); });
    house.reset();
    std::filesystem::remove_all(directory);
  }
  void open(Limits limits) {
    house = std::make_unique<House>(rules({far.at("api.test"), far.at("other.test"), far.at("127.0.0.1")}),
                                    limits, std::nullopt, [this](Shared& shared, Door::About& about) {
                                      outward.emplace(shared.executor, 1'000'000);
                                      shared.vault = &*vault;
                                      shared.outward = &*outward;
                                      shared.authorities = trusted;
                                      about.credentials = held;
                                      about.authority =
                                          std::move(*Authority::load(directory / "authority.pem"));
                                    });
  }
  void keep(const char* value) {
    auto kept = house->wait(vault->set({"uid:1000", ""}, "KEY", Secret(value)));
    ASSERT_TRUE(kept) << kept.error().message;
  }
  TlsPeer host(long valid_for = 3600, const std::string& name = "api.test") {
    return TlsPeer(far.accept(), hosts->server(name, valid_for));
  }
  Socket knock(const std::string& name = "api.test") {
    auto [near, said] = house->ask(name, far.port());
    EXPECT_EQ(said.status, Status::ok) << said.message;
    return std::move(near);
  }
  std::string get(const std::string& more = "", const std::string& path = "/v1/me") {
    return "GET " + path + " HTTP/1.1\r\nHost: " + far.at("api.test") + "\r\n" + more + "\r\n";
  }
  static std::string until(const Socket& socket, std::string_view text) {
    std::string out;
    while (!out.ends_with(text)) {
      auto one = socket.read(1);
      if (one.empty()) break;
      out += one;
    }
    return out;
  }

  std::filesystem::path directory;
  SystemClock clock;
  Listener far;
  std::optional<TlsAuthority> hosts;
  std::string trusted;
  std::unique_ptr<store::Database> database;
  std::optional<store::VaultTable> table;
  std::optional<vault::Vault> vault;
  std::vector<Entrusted> held;
  std::optional<http::CurlMulti> outward;
  std::unique_ptr<House> house;
};

}  // namespace brig::egress::testing
