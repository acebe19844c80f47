// Who connects, and the bytes of the one that may.
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <boost/asio/read.hpp>

#include "core/log.hpp"
#include "supervisor/link_impl.hpp"

namespace brig::supervisor {
namespace {

namespace asio = net::asio;

constexpr std::size_t kReadSize = 256 * 1024;
constexpr int kReadsPerTurn = 4;  // then others have their turn
constexpr std::size_t kMaxQueued = 4 * 1024 * 1024;
constexpr double kRejectsAtOnce = 32;
constexpr double kRejectsPerSecond = 20;

// All links read into this one; nothing stays in it between reads.
std::span<std::byte> shared_buffer() {
  static std::vector<std::byte> buffer(link::kMaxFrame + kReadSize);
  return buffer;
}

Peer peer_of(Socket& socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return {};
  return {credentials.pid, credentials.uid, credentials.gid};
}

}  // namespace

Error closed_error() {
  return {Code::cancelled, "the link to the sandbox is being closed", "supervisor", false};
}

Error violation(const char* what) {
  return {Code::protocol, std::string("the sandbox's supervisor broke the rules of the link: ") + what,
          "supervisor", false};
}

Link::Impl::Impl(asio::any_io_executor executor, LinkOptions options, LinkObserver& observer)
    : executor_(executor),
      options_(std::move(options)),
      observer_(observer),
      scope_(executor, "link " + options_.name),
      changed_(executor),
      listener_(executor, "sock") {}

Result<void> Link::Impl::start() {
  if (options_.state.key.reveal().size() != link::kKeySize) {
    return Error{Code::internal, "the link needs a key of 32 bytes", "supervisor"};
  }
  BRIG_CHECK(listener_.open(options_.directory, options_.socket_uid));
  scope_.spawn(accept_loop());
  return {};
}

net::Task<void> Link::Impl::close() {
  auto self = shared_from_this();
  closing_ = true;
  listener_.close();
  for (auto& connection : pending_) connection->ended = true;
  if (active_) {
    active_->ended = true;
    active_.reset();
  }
  for (auto& [id, channel] : channels_) {
    channel->closed = channel->lost = true;
    channel->changed.notify_all();
  }
  channels_.clear();
  changed_.notify_all();
  co_await scope_.close();
}

net::Task<Result<void>> Link::Impl::wait_connected(Deadline deadline) {
  auto self = shared_from_this();
  while (!closing_ && !active_) {
    bool in_time = co_await changed_.wait_until(deadline);
    if (!in_time && !active_) {
      co_return Error{Code::timeout, "the sandbox's supervisor did not connect in time", "supervisor", true};
    }
  }
  if (closing_) co_return closed_error();
  co_return Result<void>{};
}

// Whatever runs in the sandbox may connect as often as it likes: what that costs us is bounded.
net::Task<void> Link::Impl::accept_loop() {
  double budget = kRejectsAtOnce;
  auto last = std::chrono::steady_clock::now();
  while (!closing_) {
    Socket socket(executor_);
    auto [ec] = co_await listener_.acceptor().async_accept(socket, net::use_result);
    if (closing_) co_return;
    if (ec) {
      co_await net::sleep_for(Millis{100});  // no descriptors left: perhaps later
      continue;
    }
    auto now = std::chrono::steady_clock::now();
    std::chrono::duration<double> passed = now - last;
    last = now;
    budget = std::min(kRejectsAtOnce, budget + passed.count() * kRejectsPerSecond) - 1;
    if (budget < 0) co_await net::sleep_for(Millis{50});
    auto connection = std::make_shared<Connection>(std::move(socket));
    connection->peer = peer_of(connection->socket);
    if (pending_.size() >= options_.max_pending) {
      pending_.front()->ended = true;
      boost::system::error_code ignored;
      pending_.front()->socket.close(ignored);
      pending_.pop_front();
    }
    pending_.push_back(connection);
    scope_.spawn(serve(connection));
  }
}

net::Task<Result<std::vector<std::byte>>> Link::Impl::read_hello(std::shared_ptr<Connection> connection) {
  std::vector<std::byte> bytes(link::kHeaderSize);
  auto [head_ec, head_size] =
      co_await asio::async_read(connection->socket, asio::buffer(bytes), net::use_result);
  if (head_ec) co_return Error{Code::unavailable, "went away before it said who it is", "supervisor"};
  link::Header header;
  link::Fault fault = link::decode(bytes.data(), link::Sender::supervisor, header);
  if (fault != link::Fault::none) co_return violation(link::to_string(fault));
  if (header.type != link::Type::hello) co_return violation("the first frame is no HELLO");
  bytes.resize(header.length);
  auto [ec, size] = co_await asio::async_read(connection->socket, asio::buffer(bytes), net::use_result);
  if (ec) co_return Error{Code::unavailable, "went away in the middle of its HELLO", "supervisor"};
  co_return bytes;
}

Result<void> Link::Impl::check_key(const link::HelloHead& hello, link::Refusal& refusal) {
  refusal = link::Refusal::key;
  std::string_view given(reinterpret_cast<const char*>(hello.key), link::kKeySize);
  if (hello.has_key && !options_.state.key.equals(given)) return violation("its key is not this link's");
  if (!hello.has_key && options_.state.registered)
    return violation("it has no key, but another was given it");
  return {};
}

net::Task<Result<void>> Link::Impl::identify(std::shared_ptr<Connection> connection) {
  if (options_.check) {
    auto known = co_await options_.check(connection->peer);
    if (!known) co_return std::move(known).error();
  }
  auto bytes = co_await read_hello(connection);
  if (!bytes) co_return std::move(bytes).error();
  if (connection->ended || closing_) co_return closed_error();
  link::Refusal refusal = link::Refusal::version;
  link::HelloHead hello;
  Result<void> fine;
  if (link::hello_version(*bytes) != link::kVersion) {
    fine = violation("it speaks another version of the protocol");
  } else if (!link::read_hello_head(*bytes, hello)) {
    co_return violation("its HELLO does not add up");
  } else {
    fine = check_key(hello, refusal);
  }
  if (!fine) {
    link::Header reject{
        .type = link::Type::reject, .arg = static_cast<std::uint8_t>(refusal), .value = link::kVersion};
    std::byte frame[link::kHeaderSize];
    link::encode(reject, frame);
    if (::send(connection->socket.native_handle(), frame, sizeof frame, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
      co_return fine.error();
    }
    co_return fine.error();
  }
  co_return on_hello(connection, *bytes);
}

// Whoever is inside can have itself refused as often as it likes; the log is told once a minute.
void Link::Impl::log_refusal(const Peer& peer, const Error& why) {
  ++refusals_;
  auto now = std::chrono::steady_clock::now();
  if (refusals_ > 1 && now - refusal_logged_ < std::chrono::minutes(1)) return;
  refusal_logged_ = now;
  log::warn("a connection on a sandbox's link was refused",
            {{"session", options_.name}, {"pid", peer.pid}, {"so_far", refusals_}, {"why", why}});
}

net::Task<void> Link::Impl::serve(std::shared_ptr<Connection> connection) {
  auto fine = co_await net::with_deadline(identify(connection), Deadline::in(options_.handshake_deadline),
                                          "the supervisor's introduction");
  if (connection->ended || closing_) co_return;
  pending_.remove(connection);
  if (!fine) {
    log_refusal(connection->peer, fine.error());
    // A supervisor that was let in and then broke the rules is the session's business.
    if (active_ == connection) end(connection, fine.error());
    co_return;
  }
  while (!connection->ended) {
    auto [ec] = co_await connection->socket.async_wait(Socket::wait_read, net::use_result);
    for (int i = 0; i < kReadsPerTurn && !connection->ended; ++i) {
      auto more = read_some(*connection);
      if (!more) end(connection, more.error());
      if (!more || !*more) break;
    }
    if (ec && !connection->ended) end(connection, errno_error(ec.value(), "the link failed", "supervisor"));
  }
}

// True if there may be more to read at once.
Result<bool> Link::Impl::read_some(Connection& connection) {
  auto buffer = shared_buffer();
  std::size_t carried = connection.carry.size();
  if (carried > 0) std::memcpy(buffer.data(), connection.carry.data(), carried);
  ssize_t n = ::recv(connection.socket.native_handle(), buffer.data() + carried, kReadSize, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return errno == EINTR;
  if (n <= 0) return Error{Code::unavailable, "the sandbox's supervisor closed the link", "supervisor", true};
  std::span<const std::byte> bytes = buffer.first(carried + static_cast<std::size_t>(n));
  auto fine = on_frames(bytes);
  observer_.on_batch_end();
  if (!fine) return std::move(fine).error();
  if (connection.ended) return false;
  if (bytes.empty()) {
    std::vector<std::byte>().swap(connection.carry);
  } else {
    connection.carry.assign(bytes.begin(), bytes.end());
  }
  send_acks();
  return static_cast<std::size_t>(n) == kReadSize;
}

void Link::Impl::activate(std::shared_ptr<Connection> connection) {
  if (active_) {
    end(active_, Error{Code::unavailable, "the sandbox's supervisor connected anew", "supervisor", true});
  }
  active_ = std::move(connection);
  int size = 1024 * 1024;
  ::setsockopt(active_->socket.native_handle(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

void Link::Impl::end(std::shared_ptr<Connection> connection, const Error& why) {
  if (connection->ended) return;
  connection->ended = true;
  boost::system::error_code ignored;
  connection->socket.close(ignored);
  if (active_ != connection) return;
  active_.reset();
  auto channels = std::move(channels_);
  channels_.clear();
  for (auto& [id, channel] : channels) {
    channel->closed = channel->lost = true;
    channel->changed.notify_all();
  }
  changed_.notify_all();
  observer_.on_disconnected(why);
}

void Link::Impl::put(link::Header header, std::span<const std::byte> payload) {
  if (active_) active_->out.put(header, payload);
}

void Link::Impl::send(link::Header header, std::span<const std::byte> payload) {
  if (!active_) return;
  std::size_t sent = 0;
  if (active_->out.size() == 0) {
    header.length = static_cast<std::uint16_t>(payload.size());
    std::byte head[link::kHeaderSize];
    link::encode(header, head);
    iovec parts[] = {{head, sizeof head}, {const_cast<std::byte*>(payload.data()), payload.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    ssize_t n = ::sendmsg(active_->socket.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) sent = static_cast<std::size_t>(n);
    if (sent == sizeof head + payload.size()) return;
  }
  active_->out.put(header, payload, sent);
  flush();
}

// Never reports a failure itself: it may run inside a call of the session's. The reader will find out.
void Link::Impl::flush() {
  if (!active_) return;
  Connection& connection = *active_;
  int fd = connection.socket.native_handle();
  while (connection.out.size() > 0) {
    auto pending = connection.out.pending();
    ssize_t n = ::send(fd, pending.data(), pending.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      connection.out.drop(static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && errno == EAGAIN) {
      break;
    } else {
      ::shutdown(fd, SHUT_RDWR);
      connection.out.clear();
      return;
    }
  }
  if (connection.out.size() == 0) return;
  if (connection.out.size() > kMaxQueued) {
    log::warn("a sandbox's supervisor does not read; its link is cut", {{"session", options_.name}});
    ::shutdown(fd, SHUT_RDWR);
    connection.out.clear();
    return;
  }
  if (!connection.writer_waits) {
    connection.writer_waits = true;
    scope_.spawn(write_rest(active_));
  }
}

net::Task<void> Link::Impl::write_rest(std::shared_ptr<Connection> connection) {
  co_await connection->socket.async_wait(Socket::wait_write, net::use_result);
  connection->writer_waits = false;
  if (connection->ended || connection != active_) co_return;
  flush();
  changed_.notify_all();
}

}  // namespace brig::supervisor
