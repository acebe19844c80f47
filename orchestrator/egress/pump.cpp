#include "egress/pump.hpp"

#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <cstring>

namespace brig::egress {
namespace {

constexpr std::size_t kPiece = 256 * 1024;
constexpr std::size_t kTurn = 1024 * 1024;

// One for all: nothing stays in it from one wait to the next.
char* scratch() {
  static std::vector<char> buffer(kPiece);
  return buffer.data();
}

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

}  // namespace

Pump::Pump(net::asio::any_io_executor executor, UniqueFd near, UniqueFd far,
           std::function<bool(std::size_t)> spend)
    : Passage(executor, std::move(near), std::move(spend)), far_(executor, far.release()) {}

void Pump::stop() {
  boost::system::error_code ignored;
  far_.cancel(ignored);
}

net::Task<void> Pump::flow(Descriptor* from, Descriptor* to, std::uint64_t* count, std::string first) {
  std::vector<char> left(first.begin(), first.end());
  std::size_t turn = 0;
  while (!over_) {
    const char* at = left.data();
    std::size_t size = left.size();
    bool drained = false;
    if (size == 0) {
      auto n = ::recv(from->native_handle(), scratch(), kPiece, MSG_DONTWAIT);
      if (n == 0) {
        ::shutdown(to->native_handle(), SHUT_WR);
        co_return;
      }
      if (n < 0) {
        if (!would_block()) break;
        (void)co_await from->async_wait(Descriptor::wait_read, net::use_result);
        turn = 0;
        continue;
      }
      at = scratch();
      size = static_cast<std::size_t>(n);
      drained = size < kPiece;
      if (look_ && from == &near_) {
        if (auto no = look_({at, size}); !no.empty()) {
          ended_.denied = true;
          cut(no);
          co_return;
        }
      }
      *count += size;
      if (!spend_(size)) {
        cut("the session's bound on bytes is reached");
        co_return;
      }
    }
    auto n = ::send(to->native_handle(), at, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && !would_block()) break;
    auto done = n < 0 ? std::size_t{0} : static_cast<std::size_t>(n);
    if (done < size) {
      std::vector<char> rest(at + done, at + size);
      left.swap(rest);
      (void)co_await to->async_wait(Descriptor::wait_write, net::use_result);
      turn = 0;
      continue;
    }
    if (!left.empty()) std::vector<char>().swap(left);
    turn += size;
    if (drained) {
      (void)co_await from->async_wait(Descriptor::wait_read, net::use_result);
      turn = 0;
    } else if (turn >= kTurn) {
      co_await net::asio::post(from->get_executor(), net::asio::use_awaitable);
      turn = 0;
    }
  }
  if (over_) co_return;
  ended_.broken = true;
  // Neither side has anything more to hope for.
  over_ = true;
  boost::system::error_code ignored;
  near_.cancel(ignored);
  far_.cancel(ignored);
}

net::Task<Pump::Ended> Pump::run(std::string first) {
  using namespace net::asio::experimental::awaitable_operators;
  auto self = shared_from_this();
  sent_ += first.size();
  bool may = first.empty() || spend_(first.size());
  if (!may) cut("the session's bound on bytes is reached");
  if (!over_) {
    auto out = flow(&near_, &far_, &sent_, std::move(first));
    auto in = flow(&far_, &near_, &received_, {});
    co_await (std::move(out) && std::move(in));
  }
  over_ = true;
  boost::system::error_code ignored;
  far_.close(ignored);
  co_return ended_;
}

}  // namespace brig::egress
