#include "support/server.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <future>

#include "api/auth/bearer.hpp"
#include "api/json/encode.hpp"

namespace brig::api::test {
namespace {

constexpr auto kLimit = std::chrono::seconds(30);

}  // namespace

TempDir::TempDir() {
  char name[] = "/tmp/brig-api-XXXXXX";
  path_ = ::mkdtemp(name);
  std::filesystem::permissions(path_, std::filesystem::perms(0755));
}
TempDir::~TempDir() {
  std::error_code ec;
  std::filesystem::remove_all(path_, ec);
}

TestServer::TestServer(std::function<void(Config&)> configure) {
  sessions.views["00000000000000aa"] = a_view("00000000000000aa", "fix");
  sessions.scripts[1] = std::make_shared<Script>(io.get_executor());
  Config config;
  config.unix_socket = UnixListener{socket_path(), std::nullopt};
  TcpListener tcp;
  tcp.tls_dir = dir.path() / "tls";
  tcp.hosts = {"brig.example"};
  config.tcp = tcp;
  PreviewListener preview;
  preview.tcp.tls_dir = dir.path() / "tls";
  config.preview = preview;
  config.limits.close_time = Millis{300};
  if (configure) configure(config);
  auto ledger = store::Database::open(dir.path() / "brig.db");
  if (!ledger) throw std::runtime_error(ledger.error().message);
  database = std::move(*ledger);
  event_table.emplace(*database);
  vault_table.emplace(*database);
  vault.emplace(*vault_table, clock, dir.path() / "vault.key");
  events.emplace(io.get_executor(), events::Log::Options{}, *event_table, clock, metrics);
  audit_table.emplace(*database);
  audit.emplace(io.get_executor(), audit::Log::Options{}, *audit_table, *vault, clock);
  recorded.emplace(io.get_executor(), deployed, *audit, clock);
  boost::asio::co_spawn(io, audit->run(), boost::asio::detached);
  permission_table.emplace(*database);
  permissions.emplace(*permission_table);
  gateway.emplace(io.get_executor(), clock, mcp::Gateway::Options{});
  Services services{sessions,
                    workspaces,
                    reviews,
                    reach,
                    one_shots,
                    sessions,
                    volumes,
                    prunes,
                    standing_prunes,
                    footprints,
                    gc,
                    images,
                    providers,
                    identities,
                    doctor,
                    egress,
                    *vault,
                    *recorded,
                    *gateway,
                    *permissions,
                    *audit,
                    policies,
                    tokens,
                    previews,
                    *events,
                    metrics,
                    clock,
                    [this] { return conditions; },
                    {"0.1.0", "0011223344556677"}};
  server = std::make_unique<Server>(io.get_executor(), config, services);
  auto started = server->start();
  if (!started) throw std::runtime_error(started.error().message);
  thread_ = std::thread([this] {
    auto guard = boost::asio::make_work_guard(io);
    io.run();
  });
}

TestServer::~TestServer() {
  stop(Millis{0});
  io.stop();
  thread_.join();
}

net::Task<void> TestServer::end(Millis grace) {
  co_await server->stop(grace);
  co_await recorded->close();
}

void TestServer::stop(Millis grace) {
  if (std::exchange(stopped_, true)) return;
  std::promise<void> done;
  boost::asio::co_spawn(io, end(grace), [&](std::exception_ptr) { done.set_value(); });
  EXPECT_EQ(done.get_future().wait_for(kLimit), std::future_status::ready);
}

void TestServer::on_loop(const std::function<void()>& f) {
  std::promise<void> done;
  boost::asio::post(io, [&] {
    f();
    done.set_value();
  });
  done.get_future().wait();
}

bool TestServer::eventually(const std::function<bool()>& holds) {
  auto limit = std::chrono::steady_clock::now() + kLimit;
  bool out = false;
  while (!out && std::chrono::steady_clock::now() < limit) {
    on_loop([&] { out = holds(); });
    if (!out) std::this_thread::yield();
  }
  return out;
}

std::shared_ptr<Script> TestServer::script(std::uint32_t process) {
  return sessions.scripts.at(process);
}

std::string TestServer::token(session::Caller::Role role, std::optional<Millis> expires_in) {
  Token token;
  token.role = role;
  if (expires_in) token.expires = clock.wall() + *expires_in;
  return keep(std::move(token));
}

std::string TestServer::keep(Token token) {
  auto made = make_token();
  token.id = made.id;
  token.hash = made.hash;
  token.label = "test";
  if (token.owner.empty()) token.owner = "token:" + made.id;
  token.created = clock.wall();
  on_loop([&] { tokens.tokens[token.id] = token; });
  return std::string(made.text.reveal());
}

}  // namespace brig::api::test
