#include "cli/client/stream.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace brig::cli {
namespace {

class PlainStream final : public Stream {
 public:
  explicit PlainStream(UniqueFd socket) : socket_(std::move(socket)) {}
  int fd() const override { return socket_.get(); }
  Io read(std::span<char> into) override {
    return outcome(::recv(socket_.get(), into.data(), into.size(), MSG_DONTWAIT), Io::State::want_read);
  }
  Io write(std::span<const char> bytes) override {
    return outcome(::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL),
                   Io::State::want_write);
  }
  std::string failure() const override { return std::strerror(error_); }

 private:
  Io outcome(ssize_t n, Io::State blocked) {
    if (n > 0) return {Io::State::done, static_cast<std::size_t>(n)};
    if (n == 0) return {blocked == Io::State::want_read ? Io::State::closed : Io::State::done, 0};
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {blocked, 0};
    error_ = errno;
    return {Io::State::failed, 0};
  }

  UniqueFd socket_;
  int error_ = 0;
};

constexpr const char* kInterrupted = "interrupted";

Result<void> wait(const Stream& stream, Io::State state, Deadline deadline, int interrupt) {
  pollfd polls[2] = {{stream.fd(), static_cast<short>(state == Io::State::want_write ? POLLOUT : POLLIN), 0},
                     {interrupt, POLLIN, 0}};
  int timeout = deadline.is_never() ? -1 : static_cast<int>(deadline.left().count());
  int n = ::poll(polls, 2, timeout);
  if (n == 0) {
    return Error{Code::timeout, "brigd did not answer in time; try again, or see its log", "client", true};
  }
  if (n < 0 && errno != EINTR) return errno_error(errno, "cannot wait for brigd", "client");
  if (n > 0 && polls[1].revents != 0) return Error{Code::cancelled, "interrupted", kInterrupted, false};
  return {};
}

Error broken(const Stream& stream) {
  return Error{Code::unavailable, "the connection to brigd broke: " + stream.failure(), "client", true};
}

}  // namespace

std::unique_ptr<Stream> plain_stream(UniqueFd socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}

Result<void> write_all(Stream& stream, std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    Io io = stream.write({bytes.data(), bytes.size()});
    if (io.state == Io::State::done) {
      bytes.remove_prefix(io.count);
    } else if (io.state == Io::State::failed || io.state == Io::State::closed) {
      return broken(stream);
    } else {
      BRIG_CHECK(wait(stream, io.state, deadline, -1));
    }
  }
  return {};
}

Result<std::size_t> read_some(Stream& stream, std::span<char> into, Deadline deadline, int interrupt) {
  while (true) {
    Io io = stream.read(into);
    if (io.state == Io::State::done) return io.count;
    if (io.state == Io::State::closed) return std::size_t{0};
    if (io.state == Io::State::failed) return broken(stream);
    BRIG_CHECK(wait(stream, io.state, deadline, interrupt));
  }
}

bool was_interrupted(const Error& error) {
  return error.where == kInterrupted;
}

}  // namespace brig::cli
