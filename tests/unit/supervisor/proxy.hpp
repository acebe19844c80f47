// Stands between brig-init and a Link and cuts their connection at arbitrary bytes.
//
// Ownership: its coroutines belong to a Scope; close() before it goes. Threads: the test's. Failure: a cut.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <random>

#include "net/scope.hpp"
#include "net/task.hpp"

namespace brig::supervisor {

class CuttingProxy {
 public:
  using Protocol = net::asio::local::stream_protocol;

  CuttingProxy(net::asio::any_io_executor executor, std::string from, std::string to, unsigned seed,
               std::size_t most)
      : executor_(executor),
        acceptor_(executor, Protocol::endpoint(from)),
        to_(to),
        random_(seed),
        most_(most),
        scope_(executor, "proxy") {
    scope_.spawn(accept());
  }
  net::Task<void> close() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    co_await scope_.close();
  }
  int cuts() const { return cuts_; }
  void stop_cutting() { most_ = 0; }

 private:
  struct Pair {
    explicit Pair(const net::asio::any_io_executor& e) : a(e), b(e) {}
    Protocol::socket a, b;
    std::size_t left = 0;  // bytes until the cut
    bool cutting = false;
    bool cut = false;
  };

  net::Task<void> accept() {
    while (acceptor_.is_open()) {
      auto pair = std::make_shared<Pair>(executor_);
      auto [ec] = co_await acceptor_.async_accept(pair->a, net::use_result);
      if (ec) co_return;
      boost::system::error_code failed;
      pair->b.connect(Protocol::endpoint(to_), failed);
      if (failed) continue;
      pair->cutting = most_ > 0;
      if (pair->cutting) pair->left = std::uniform_int_distribution<std::size_t>(1, most_)(random_);
      scope_.spawn(pump(pair, true));
      scope_.spawn(pump(pair, false));
    }
  }
  net::Task<void> pump(std::shared_ptr<Pair> pair, bool up) {
    auto& from = up ? pair->a : pair->b;
    auto& to = up ? pair->b : pair->a;
    std::vector<std::byte> buffer(32 * 1024);
    while (!pair->cut) {
      auto [ec, n] = co_await from.async_read_some(net::asio::buffer(buffer), net::use_result);
      if (ec || pair->cut) break;
      std::size_t pass = pair->cutting ? std::min(n, pair->left) : n;
      if (pair->cutting) pair->left -= pass;
      co_await net::asio::async_write(to, net::asio::buffer(buffer.data(), pass), net::use_result);
      if (pair->cutting && pair->left == 0) {
        ++cuts_;
        break;
      }
    }
    pair->cut = true;
    boost::system::error_code ignored;
    pair->a.close(ignored);
    pair->b.close(ignored);
  }

  net::asio::any_io_executor executor_;
  Protocol::acceptor acceptor_;
  std::string to_;
  std::mt19937 random_;
  std::size_t most_;
  net::Scope scope_;
  int cuts_ = 0;
};

}  // namespace brig::supervisor
