#include <poll.h>
#include <sys/socket.h>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>

#include "api/http/stream_impl.hpp"
#include "api/http/tls.hpp"

namespace brig::api {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kLingerBytes = 1024 * 1024;
constexpr Millis kLookAgain{1'000};

// Cancels the socket's operations when the limit passes while it lives.
class Watch {
 public:
  Watch(const std::shared_ptr<Stream::Impl>& impl, Millis limit)
      : timer_(impl->socket.get_executor(), limit), state_(std::make_shared<State>()) {
    timer_.async_wait([impl, state = state_](boost::system::error_code ec) {
      if (ec || state->over) return;
      state->fired = true;
      impl->socket.cancel(ec);
    });
  }
  ~Watch() { state_->over = true; }
  bool fired() const { return state_->fired; }

 private:
  struct State {
    bool over = false;
    bool fired = false;
  };
  asio::steady_timer timer_;
  std::shared_ptr<State> state_;
};

Error gone(const Watch& watch, const boost::system::error_code& ec) {
  if (watch.fired()) return Error{Code::timeout, "the caller took too long", "api: stream", true};
  return Error{Code::unavailable, "the connection broke: " + ec.message(), "api: stream", true};
}

bool is_end(const boost::system::error_code& ec) {
  return ec == asio::error::eof || ec == asio::ssl::error::stream_truncated;
}

}  // namespace

Stream::Stream(const asio::any_io_executor& executor, UniqueFd fd, int family, TlsContext* tls)
    : impl_(std::make_shared<Impl>(executor)) {
  boost::system::error_code ec;
  impl_->socket.assign(asio::generic::stream_protocol(family, 0), fd.get(), ec);
  if (!ec) fd.release();
  if (tls)
    impl_->tls = std::make_unique<asio::ssl::stream<Impl::Socket&>>(
        impl_->socket, *static_cast<asio::ssl::context*>(tls->native()));
}

Stream::~Stream() {
  if (!impl_) return;
  boost::system::error_code ec;
  impl_->socket.close(ec);
}

bool Stream::is_tls() const {
  return impl_->tls != nullptr;
}
int Stream::fd() const {
  return impl_->socket.native_handle();
}

void Stream::cancel() {
  impl_->cancelled = true;
  boost::system::error_code ec;
  impl_->socket.cancel(ec);
}

net::Task<void> Stream::until_gone() {
  auto impl = impl_;
  while (!impl->cancelled) {
    auto [ec] = co_await impl->socket.async_wait(Impl::Socket::wait_read, net::use_result);
    if (ec) co_return;
    pollfd seen{impl->socket.native_handle(), POLLIN | POLLRDHUP, 0};
    if (::poll(&seen, 1, 0) > 0 && (seen.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) co_return;
    // What it has said before it goes, if only that it is about to, is not read here and would wake us on and
    // on.
    if ((seen.revents & POLLIN) != 0) co_await net::sleep_for(kLookAgain);
  }
}

net::Task<Result<void>> Stream::handshake(Millis limit) {
  auto impl = impl_;
  Watch watch(impl, limit);
  auto [ec] = co_await impl->tls->async_handshake(asio::ssl::stream_base::server, net::use_result);
  if (ec) co_return gone(watch, ec);
  co_return Result<void>();
}

net::Task<Result<std::size_t>> Stream::read_some(std::span<char> into, Millis limit) {
  auto impl = impl_;
  Watch watch(impl, limit);
  auto buffer = asio::buffer(into.data(), into.size());
  auto read = impl->visit([&](auto& stream) { return stream.async_read_some(buffer, net::use_result); });
  auto [ec, n] = co_await std::move(read);
  if (is_end(ec)) co_return std::size_t{0};
  if (ec) co_return gone(watch, ec);
  co_return n;
}

net::Task<Result<void>> Stream::write(std::span<const asio::const_buffer> buffers, Millis limit) {
  auto impl = impl_;
  std::vector<asio::const_buffer> left(buffers.begin(), buffers.end());
  std::size_t at = 0;
  while (at < left.size()) {
    if (left[at].size() == 0) {
      ++at;
      continue;
    }
    Watch watch(impl, limit);
    auto rest = std::span<const asio::const_buffer>(left).subspan(at);
    auto write = impl->visit([&](auto& stream) { return stream.async_write_some(rest, net::use_result); });
    auto [ec, n] = co_await std::move(write);
    if (ec) co_return gone(watch, ec);
    for (; n > 0; ++at) {
      auto taken = std::min(n, left[at].size());
      left[at] += taken;
      n -= taken;
      if (left[at].size() > 0) break;
    }
  }
  co_return Result<void>();
}

net::Task<void> Stream::linger(Millis limit) {
  auto impl = impl_;
  auto deadline = Deadline::in(limit);
  if (impl->tls) {
    // One way only: our farewell is sent, theirs is not waited for.
    SSL_set_shutdown(impl->tls->native_handle(), SSL_RECEIVED_SHUTDOWN);
    Watch watch(impl, limit);
    auto [ec] = co_await impl->tls->async_shutdown(net::use_result);
    (void)ec;
  }
  ::shutdown(impl->socket.native_handle(), SHUT_WR);
  std::array<char, 4096> scratch{};
  for (std::size_t total = 0; total < kLingerBytes && !deadline.passed();) {
    Watch watch(impl, deadline.left());
    auto [ec, n] = co_await impl->socket.async_read_some(asio::buffer(scratch), net::use_result);
    if (ec) break;
    total += n;
  }
}

}  // namespace brig::api
