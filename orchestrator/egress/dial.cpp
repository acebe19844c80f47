#include "egress/dial.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstring>

#include "net/event.hpp"
#include "net/scope.hpp"

namespace brig::egress {
namespace {

using Descriptor = net::asio::posix::basic_stream_descriptor<net::asio::any_io_executor>;
using Why = DialFailure::Why;

constexpr Millis kHeadStart{250};

struct Race {
  explicit Race(const net::asio::any_io_executor& executor) : changed(executor) {}
  std::optional<Dialled> won;
  DialFailure failure{Why::unreachable, "it has no address"};
  unsigned running = 0;
  net::Event changed;
};

DialFailure failure_of(int error) {
  auto why = error == ECONNREFUSED ? Why::refused
             : error == ETIMEDOUT  ? Why::timeout
             : error == EMFILE || error == ENFILE || error == ENOBUFS || error == EADDRNOTAVAIL
                 ? Why::exhausted
                 : Why::unreachable;
  return {why, std::strerror(error)};
}

socklen_t fill(sockaddr_storage& out, const Address& address, std::uint16_t port) {
  std::memset(&out, 0, sizeof out);
  if (address.v4) {
    auto& in = reinterpret_cast<sockaddr_in&>(out);
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, address.bytes.data(), 4);
    return sizeof in;
  }
  auto& in = reinterpret_cast<sockaddr_in6&>(out);
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(port);
  std::memcpy(&in.sin6_addr, address.bytes.data(), 16);
  return sizeof in;
}

// One attempt; the socket, or what went wrong.
net::Task<DialFailure> attempt(Address address, std::uint16_t port, UniqueFd* out) {
  UniqueFd fd(::socket(address.v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) co_return failure_of(errno);
  int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  sockaddr_storage to;
  auto size = fill(to, address, port);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), size) != 0) {
    if (errno != EINPROGRESS) co_return failure_of(errno);
    Descriptor watched(co_await net::asio::this_coro::executor, ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
    auto [ec] = co_await watched.async_wait(Descriptor::wait_write, net::use_result);
    int error = 0;
    socklen_t length = sizeof error;
    if (ec || ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = ECANCELED;
    if (error != 0) co_return failure_of(error);
  }
  *out = std::move(fd);
  co_return DialFailure{};
}

net::Task<void> run(std::shared_ptr<Race> race, Address address, std::uint16_t port) {
  UniqueFd fd;
  auto failure = co_await attempt(address, port, &fd);
  --race->running;
  if (fd && !race->won)
    race->won.emplace(Dialled{std::move(fd), address});
  else if (!fd)
    race->failure = std::move(failure);
  race->changed.notify_all();
}

// The resolver's order, but families in turn.
std::vector<Address> interleaved(std::vector<Address> addresses) {
  std::vector<Address> a, b, out;
  for (auto& address : addresses) (address.v4 == addresses.front().v4 ? a : b).push_back(address);
  for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    if (i < a.size()) out.push_back(a[i]);
    if (i < b.size()) out.push_back(b[i]);
  }
  return out;
}

}  // namespace

net::Task<DialResult> dial(std::vector<Address> addresses, std::uint16_t port, Deadline deadline) {
  auto executor = co_await net::asio::this_coro::executor;
  DialResult out;
  if (addresses.size() == 1) {  // nearly always: no race to hold
    UniqueFd fd;
    auto only = [&]() -> net::Task<Result<DialFailure>> {
      co_return co_await attempt(addresses[0], port, &fd);
    };
    auto task = only();
    auto done = co_await net::with_deadline(std::move(task), deadline, "connecting");
    if (fd)
      out.dialled.emplace(Dialled{std::move(fd), addresses[0]});
    else if (done)
      out.failure = std::move(*done);
    else
      out.failure = {Why::timeout, "it did not answer in time"};
    co_return out;
  }
  auto race = std::make_shared<Race>(executor);
  net::Scope scope(executor, "dial");
  std::exception_ptr cancelled;
  try {
    for (const auto& address : interleaved(std::move(addresses))) {
      ++race->running;
      scope.spawn(run(race, address, port));
      auto head_start = Deadline::in(kHeadStart).earlier(deadline);
      while (!race->won && race->running > 0 && co_await race->changed.wait_until(head_start)) {
      }
      if (race->won || deadline.passed()) break;
    }
    while (!race->won && race->running > 0 && co_await race->changed.wait_until(deadline)) {
    }
  } catch (...) {
    cancelled = std::current_exception();
  }
  co_await net::asio::this_coro::throw_if_cancelled(false);
  co_await scope.close();
  if (cancelled) std::rethrow_exception(cancelled);
  out.dialled = std::move(race->won);
  out.failure = race->failure;
  if (!out.dialled && deadline.passed()) out.failure = {Why::timeout, "it did not answer in time"};
  co_return out;
}

}  // namespace brig::egress
