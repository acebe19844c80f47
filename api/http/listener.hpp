// Listening sockets: made by hand, so that no descriptor of theirs or of a connection's is ever inherited; or
// those that somebody else listens on for us, whose callers outlast us.
//
// Threads: the loop's. Failure: as Result, naming path or address.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>

#include "api/auth/peer.hpp"
#include "api/server.hpp"
#include "core/unique_fd.hpp"

namespace brig::api {

// Mode 0660 and the group's, or 0600. Replaces a socket file that nobody listens on; nothing else.
Result<UniqueFd> listen_unix(const UnixListener& where);
Result<UniqueFd> listen_tcp(const TcpListener& where);
std::uint16_t port_of(int fd);
Result<Peer> tcp_peer(int fd);

// Accepts for ever, handing over each connection. Out of descriptors, it pauses instead of spinning.
net::Task<void> accept_loop(int fd, std::function<void(UniqueFd)> take);

}  // namespace brig::api
