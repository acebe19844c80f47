#include <sys/socket.h>

#include <cstring>

#include "egress/stream.hpp"

namespace brig::egress {
namespace {

class SocketStream final : public Stream {
 public:
  SocketStream(Descriptor& socket, std::string first) : socket_(socket), first_(std::move(first)) {}

  net::Task<Result<std::size_t>> read(std::span<char> into) override {
    if (!first_.empty()) {
      auto size = std::min(into.size(), first_.size());
      std::memcpy(into.data(), first_.data(), size);
      first_.erase(0, size);
      if (first_.empty()) first_.shrink_to_fit();
      co_return size;
    }
    while (true) {
      auto n = ::recv(socket_.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
      if (n >= 0) co_return static_cast<std::size_t>(n);
      if (errno != EAGAIN && errno != EINTR) co_return errno_error(errno, "the client broke off", "egress");
      auto [error] = co_await socket_.async_wait(Descriptor::wait_read, net::use_result);
      if (error) co_return Error{Code::cancelled, "it is over", "egress", false};
    }
  }

  net::Task<Result<void>> write(std::string_view bytes) override {
    while (!bytes.empty()) {
      auto n = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(n));
        continue;
      }
      if (errno != EAGAIN && errno != EINTR) co_return errno_error(errno, "the client broke off", "egress");
      auto [error] = co_await socket_.async_wait(Descriptor::wait_write, net::use_result);
      if (error) co_return Error{Code::cancelled, "it is over", "egress", false};
    }
    co_return Result<void>();
  }

  net::Task<void> finish() override {
    ::shutdown(socket_.native_handle(), SHUT_WR);
    co_return;
  }

 private:
  Descriptor& socket_;
  std::string first_;
};

}  // namespace

std::unique_ptr<Stream> socket_stream(Descriptor& socket, std::string first) {
  return std::make_unique<SocketStream>(socket, std::move(first));
}

}  // namespace brig::egress
