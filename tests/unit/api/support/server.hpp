// A real server on a thread of its own, over fakes; and blocking clients that talk to it byte by byte.
//
// Every wait has a generous limit, after which the test fails instead of hanging.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "api/server.hpp"
#include "core/unique_fd.hpp"
#include "service/recorded.hpp"
#include "support/fake_egress.hpp"
#include "support/fake_one_shots.hpp"
#include "support/fake_reach.hpp"
#include "support/fake_services.hpp"
#include "support/fakes.hpp"

namespace brig::api::test {

// A directory of the test's own, gone with it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

class TestClock final : public Clock {
 public:
  WallTime wall() const override { return WallTime{Millis{ms_.load()}}; }
  SteadyTime steady() const override {
    return real_steady ? std::chrono::steady_clock::now() : SteadyTime{Millis{ms_.load()}};
  }
  void advance(Millis by) { ms_ += by.count(); }
  bool real_steady = false;

 private:
  std::atomic<std::int64_t> ms_{1'800'000'000'000};
};

struct TestServer {
  explicit TestServer(std::function<void(Config&)> configure = {});
  ~TestServer();

  // Runs it on the loop and waits for it.
  void on_loop(const std::function<void()>& f);
  // Until `holds`, asked on the loop, does.
  bool eventually(const std::function<bool()>& holds);
  void stop(Millis grace);
  std::shared_ptr<Script> script(std::uint32_t process = 1);
  // A token's text.
  std::string token(session::Caller::Role role, std::optional<Millis> expires_in = {});
  // The same of one that has what no request asks for; id, hash and time are its own.
  std::string keep(Token token);

  std::string socket_path() const { return (dir.path() / "api.sock").string(); }

  TempDir dir;
  boost::asio::io_context io{1};
  TestClock clock;
  FakeSessions sessions;
  FakeReviews reviews;
  FakeWorkspaces workspaces{sessions};
  FakeReach reach{io.get_executor()};
  FakeOneShots one_shots{io.get_executor()};
  FakeVolumes volumes;
  FakePrunes prunes;
  FakeStandingPrunes standing_prunes;
  FakeFootprints footprints;
  FakeGc gc;
  FakeImages images;
  FakeProviders providers;
  FakeIdentities identities;
  FakeDoctor doctor;
  FakeEgress egress;
  FakeServices deployed;
  std::optional<mcp::Gateway> gateway;
  std::optional<store::AuditTable> audit_table;
  std::optional<audit::Log> audit;
  std::optional<service::Recorded> recorded;
  std::optional<store::PermissionTable> permission_table;
  std::optional<service::Permissions> permissions;
  FakePolicies policies;
  MemoryTokens tokens;
  MemoryPreviews previews;
  metrics::Registry metrics;
  std::unique_ptr<store::Database> database;
  std::optional<store::EventTable> event_table;
  std::optional<events::Log> events;
  std::optional<store::VaultTable> vault_table;
  std::optional<vault::Vault> vault;
  std::vector<Condition> conditions{{"engine", true, ""}};
  std::unique_ptr<Server> server;

 private:
  net::Task<void> end(Millis grace);

  std::thread thread_;
  bool stopped_ = false;
};

struct Answer {
  int status = 0;
  std::string head;
  std::string body;
  bool complete = false;  // the body ended as it should
  std::string header(std::string_view name) const;
  nlohmann::json json() const { return nlohmann::json::parse(body, nullptr, false); }
};

// One connection: bytes out, bytes in.
class Client {
 public:
  static Client local(const TestServer& server);
  // As another user; only root can.
  static Client local_as(const TestServer& server, uid_t uid, gid_t gid, std::vector<gid_t> groups);
  static Client tls(const TestServer& server);
  // Out of a sandbox, to the endpoint of its mesh.
  static Client agent(TestServer& server, session::Caller who);
  Client(Client&&) noexcept;
  ~Client();

  bool send(std::string_view bytes);
  // At most `max` bytes; empty at the end. Fails the test after a generous while.
  std::string receive(std::size_t max = 65536);
  std::string receive_exactly(std::size_t n);
  Answer answer();
  Answer ask(std::string_view method, std::string_view target, std::string_view body = {},
             std::string_view headers = {});
  bool at_end();  // the server has closed
  void shutdown_write();
  void say_goodbye();  // TLS's own
  void drop();         // closes without a word
  std::string peer_fingerprint() const;
  int fd() const;

 private:
  struct Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// A WebSocket's client end, able to break every rule.
struct Frame {
  int opcode = 0;
  std::string payload;
};
class WsClient {
 public:
  // Shakes hands; the answer is in `handshake`.
  WsClient(Client client, const std::string& target, std::string_view headers = {},
           std::string_view protocol = "brig.attach.v1");
  void send_frame(int opcode, std::string_view payload, bool masked = true);
  void send_text(const std::string& text) { send_frame(1, text); }
  void send_input(std::uint64_t offset, std::string_view bytes);
  // The next data or close frame; pings are answered unless `silent`.
  Frame next();
  nlohmann::json next_json();
  // The next output: appended to `out` with its kind and offset.
  Frame next_output(std::uint64_t& offset, int& kind);

  Answer handshake;
  Client client;
  bool silent = false;
  int pings = 0;
};

}  // namespace brig::api::test
