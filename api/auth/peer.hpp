// Who is at the other end of a connection, as the kernel says it.
//
// Threads: any. Failure: as Result.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "session/sessions.hpp"

namespace brig::api {

struct Peer {
  bool local = false;  // the unix socket; then uid, gid and groups hold
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  // The unix socket: "uid:1000"; TCP: the address without its port; an agent: "session:ID".
  std::string address;
  std::optional<session::Caller> agent;  // who is at the other end, and need not say so
};

// Of a connected unix socket: SO_PEERCRED and SO_PEERGROUPS.
Result<Peer> local_peer(int fd);

// root is an admin, `own_uid` and members of `group` are users; nobody else is let in.
Result<session::Caller> caller_of(const Peer& peer, uid_t own_uid, std::optional<gid_t> group);

}  // namespace brig::api
