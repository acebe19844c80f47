// Connections from brigd to ports inside.
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/write.hpp>

#include "net/scope.hpp"
#include "sandbox.hpp"

namespace brig::supervisor {
namespace {

using Tcp = net::asio::ip::tcp;

// Answers what it gets, until the end of it; then says so and closes.
struct EchoServer {
  EchoServer(net::asio::any_io_executor executor, Tcp::endpoint at)
      : executor(executor), acceptor(executor, at), scope(executor, "echo") {
    scope.spawn(accept());
  }
  net::Task<void> accept() {
    while (true) {
      auto socket = std::make_shared<Tcp::socket>(executor);
      auto [ec] = co_await acceptor.async_accept(*socket, net::use_result);
      if (ec) co_return;
      scope.spawn(echo(socket));
    }
  }
  net::Task<void> echo(std::shared_ptr<Tcp::socket> socket) {
    std::vector<std::byte> buffer(50'000);
    while (true) {
      auto [ec, n] = co_await socket->async_read_some(net::asio::buffer(buffer), net::use_result);
      if (ec) break;
      received += n;
      auto [failed, m] =
          co_await net::asio::async_write(*socket, net::asio::buffer(buffer.data(), n), net::use_result);
      if (failed) {
        ++closed;
        co_return;
      }
    }
    ++closed;
    co_await net::asio::async_write(*socket, net::asio::buffer("end", 3), net::use_result);
  }
  std::uint16_t port() const { return acceptor.local_endpoint().port(); }

  net::asio::any_io_executor executor;
  Tcp::acceptor acceptor;
  net::Scope scope;
  std::size_t received = 0;
  int closed = 0;
};

net::Task<void> write_all(Channel& channel, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + i / 251);
  auto written = co_await channel.write(bytes);
  EXPECT_TRUE(written) << (written ? "" : written.error().message);
  EXPECT_TRUE(channel.finish_writing());
}

net::Task<void> echo_at(Sandbox& s, Tcp::endpoint at, std::size_t size) {
  auto ex = co_await net::asio::this_coro::executor;
  EchoServer server(ex, at);
  auto channel = co_await s.link->open_port(server.port(), soon());
  EXPECT_TRUE(channel) << (channel ? "" : channel.error().message);
  if (channel) {
    net::Scope scope(ex, "writer");
    scope.spawn(write_all(**channel, size));
    std::vector<std::byte> got;
    while (true) {
      auto piece = co_await (*channel)->read(10'000);
      EXPECT_TRUE(piece) << (piece ? "" : piece.error().message);
      if (!piece || piece->empty()) break;
      got.insert(got.end(), piece->begin(), piece->end());
    }
    co_await scope.join();
    EXPECT_EQ(got.size(), size + 3);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < size && i < got.size(); ++i)
      wrong += got[i] != static_cast<std::byte>(i * 7 + i / 251);
    EXPECT_EQ(wrong, 0u);
  }
  co_await server.scope.close();
}

net::Task<void> echoes(Sandbox& s) {
  co_await echo_at(s, Tcp::endpoint(net::asio::ip::address_v4::loopback(), 0), 5);
  co_await echo_at(s, Tcp::endpoint(net::asio::ip::address_v4::loopback(), 0), 3'000'000);
}
TEST(Channel, CarriesBytesBothWaysAndTheEnd) {
  with_sandbox(echoes);
}

net::Task<void> ipv6(Sandbox& s) {
  co_await echo_at(s, Tcp::endpoint(net::asio::ip::address_v6::loopback(), 0), 100'000);
}
TEST(Channel, FindsWhoListensOnIpv6Only) {
  with_sandbox(ipv6);
}

net::Task<void> refused(Sandbox& s) {
  auto ex = co_await net::asio::this_coro::executor;
  // Taken, of both kinds of addresses, but not listened on: nobody else's either.
  Tcp::acceptor taken(ex);
  taken.open(Tcp::v6());
  taken.set_option(net::asio::ip::v6_only(false));
  taken.bind(Tcp::endpoint(Tcp::v6(), 0));
  auto channel = co_await s.link->open_port(taken.local_endpoint().port(), soon());
  EXPECT_FALSE(channel);
  EXPECT_NE(channel.error().message.find("refused"), std::string::npos) << channel.error().message;
  channel = co_await s.link->open_port(0, soon());
  EXPECT_FALSE(channel);
}
TEST(Channel, SaysThatNobodyListens) {
  with_sandbox(refused);
}

net::Task<void> nobody_reads(Sandbox& s) {
  auto ex = co_await net::asio::this_coro::executor;
  EchoServer server(ex, Tcp::endpoint(net::asio::ip::address_v4::loopback(), 0));
  auto channel = co_await s.link->open_port(server.port(), soon());
  EXPECT_TRUE(channel);
  net::Scope scope(ex, "writer");
  scope.spawn(write_all(**channel, 50'000'000));
  // Nobody reads the echo: everything fills up, and stays bounded; the rest of the link goes on.
  std::size_t before = 1;
  while (before != server.received || server.received == 0) {
    before = server.received;
    for (int i = 0; i < 200; ++i) co_await s.link->ping(soon());
  }
  EXPECT_LT(server.received, 40'000'000u);
  co_await s.run(1, shell("echo free"));
  co_await s.ended(1);
  co_await scope.close();
  channel->reset();  // closed: the server sees it
  while (server.closed == 0) co_await s.link->ping(soon());
  auto stats = co_await s.link->stats(soon());
  EXPECT_EQ(stats->channels, 0u);
  co_await server.scope.close();
}
TEST(Channel, ThatIsNotReadHoldsNothingUp) {
  with_sandbox(nobody_reads);
}

net::Task<void> many(Sandbox& s) {
  auto ex = co_await net::asio::this_coro::executor;
  EchoServer server(ex, Tcp::endpoint(net::asio::ip::address_v4::loopback(), 0));
  std::vector<std::unique_ptr<Channel>> channels;
  for (std::size_t i = 0; i < link::kMaxChannels; ++i) {
    auto channel = co_await s.link->open_port(server.port(), soon());
    EXPECT_TRUE(channel);
    if (channel) channels.push_back(std::move(*channel));
  }
  auto more = co_await s.link->open_port(server.port(), soon());
  EXPECT_FALSE(more);
  channels.clear();
  while (server.closed < static_cast<int>(link::kMaxChannels)) co_await s.link->ping(soon());
  more = co_await s.link->open_port(server.port(), soon());
  EXPECT_TRUE(more) << (more ? "" : more.error().message);
  // With the link the channels end.
  co_await s.link->close();
  auto piece = co_await (*more)->read(10);
  EXPECT_FALSE(piece);
  co_await server.scope.close();
}
TEST(Channel, ThereMayBeManyButNotTooMany) {
  with_sandbox(many);
}

}  // namespace
}  // namespace brig::supervisor
