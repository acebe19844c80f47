// Bytes both ways, for connections whose socket was not handed over. What the other side does not take stays
// in the kernel's buffer: bytes are looked at, sent on, and only then taken.
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init_egress/egress.hpp"

namespace brig::init::egress {
namespace {

constexpr int kRounds = 4;  // of 256 KiB, then others have their turn

enum class Moved : std::uint8_t { some, nothing, end, broken };

// `limit(bytes)` says how many of them may be passed on, `passed(bytes)` hears how many were.
template <class Limit, class Passed>
Moved move(int from, bool& readable, int to, bool& writable, bool is_tcp, Limit limit, Passed passed) {
  ssize_t n = ::recv(from, scratch, kScratch, MSG_PEEK | MSG_DONTWAIT);
  if (n == 0) return Moved::end;
  if (n < 0) {
    if (errno == EINTR) return Moved::some;
    if (errno != EAGAIN) return Moved::broken;
    readable = false;
    return Moved::nothing;
  }
  std::size_t size = limit(std::string_view(scratch, static_cast<std::size_t>(n)));
  if (size == 0) return Moved::broken;
  ssize_t sent = ::send(to, scratch, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno == EINTR) return Moved::some;
    if (errno != EAGAIN) return Moved::broken;
    writable = false;
    return Moved::nothing;
  }
  auto done = static_cast<std::size_t>(sent);
  passed(std::string_view(scratch, done));
  // TCP forgets bytes without copying them once more.
  for (std::size_t left = done; left > 0;) {
    ssize_t taken = ::recv(from, scratch, left, MSG_DONTWAIT | (is_tcp ? MSG_TRUNC : 0));
    if (taken <= 0) return Moved::broken;
    left -= static_cast<std::size_t>(taken);
  }
  return Moved::some;
}

}  // namespace

// Client → brigd. False: it is over.
bool Egress::pump_out(Connection& connection) {
  for (int i = 0; i < kRounds; ++i) {
    if (!connection.client_readable || !connection.line_writable || connection.client_ended) return true;
    if (connection.body.done()) {
      // The one request of this connection is passed on; only the client's end is waited for.
      char one = 0;
      ssize_t n = ::recv(connection.client, &one, 1, MSG_PEEK | MSG_DONTWAIT);
      connection.client_readable = false;
      if (n < 0) return errno == EAGAIN || errno == EINTR;
      connection.client_ended = n == 0;
      return true;
    }
    auto limit = [&](std::string_view bytes) { return connection.body.take(bytes); };
    auto passed = [&](std::string_view bytes) { connection.body.advance(bytes); };
    switch (move(connection.client, connection.client_readable, connection.line, connection.line_writable,
                 true, limit, passed)) {
      case Moved::some:
        break;
      case Moved::nothing:
        return true;
      case Moved::end:
        connection.client_ended = true;
        return true;
      case Moved::broken:
        return false;
    }
  }
  return true;
}

// brigd → client.
bool Egress::pump_in(Connection& connection) {
  for (int i = 0; i < kRounds; ++i) {
    if (!connection.line_readable || !connection.client_writable || connection.line_ended) return true;
    auto all = [](std::string_view bytes) { return bytes.size(); };
    switch (move(connection.line, connection.line_readable, connection.client, connection.client_writable,
                 false, all, [](std::string_view) {})) {
      case Moved::some:
        break;
      case Moved::nothing:
        return true;
      case Moved::end:
        connection.line_ended = true;
        return true;
      case Moved::broken:
        return false;
    }
  }
  return true;
}

void Egress::pump(Connection& connection) {
  // A reset passes on as one: the other end must not take half a conversation for a whole one.
  if (!pump_in(connection) || !pump_out(connection)) return release(connection);
  if (connection.client_ended && !connection.line_shut) {
    ::shutdown(connection.line, SHUT_WR);
    connection.line_shut = true;
  }
  if (connection.line_ended && !connection.client_shut) {
    ::shutdown(connection.client, SHUT_WR);
    connection.client_shut = true;
  }
  if (connection.line_ended && connection.client_ended) return release(connection);
  if (connection.line_ended && connection.line_gone) return leave(connection);
  bool more = (connection.client_readable && connection.line_writable && !connection.client_ended) ||
              (connection.line_readable && connection.client_writable && !connection.line_ended);
  if (more && !connection.queued) {
    connection.queued = true;
    more_[more_count_++] = static_cast<std::uint16_t>(index_of(connection, connections_));
  }
}

}  // namespace brig::init::egress
