#include "api/auth/peer.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace brig::api {
namespace {

constexpr std::size_t kMaxGroups = 65536;  // NGROUPS_MAX

}  // namespace

Result<Peer> local_peer(int fd) {
  Peer out;
  out.local = true;
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return errno_error(errno, "cannot tell who calls", "api: peer");
  out.uid = credentials.uid;
  out.gid = credentials.gid;
  out.address = "uid:" + std::to_string(out.uid);
  out.groups.resize(64);
  size = static_cast<socklen_t>(out.groups.size() * sizeof(gid_t));
  int rc = ::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, out.groups.data(), &size);
  if (rc != 0 && errno == ERANGE && size / sizeof(gid_t) <= kMaxGroups) {
    out.groups.resize(size / sizeof(gid_t));
    rc = ::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, out.groups.data(), &size);
  }
  if (rc != 0) return errno_error(errno, "cannot tell the caller's groups", "api: peer");
  out.groups.resize(size / sizeof(gid_t));
  return out;
}

Result<session::Caller> caller_of(const Peer& peer, uid_t own_uid, std::optional<gid_t> group) {
  session::Caller out;
  out.owner = peer.address;
  out.credential = peer.address;
  out.uid = peer.uid;
  out.gid = peer.gid;
  bool member = group && (peer.gid == *group ||
                          std::find(peer.groups.begin(), peer.groups.end(), *group) != peer.groups.end());
  if (peer.uid == 0) {
    out.role = session::Caller::Role::admin;
  } else if (peer.uid == own_uid || member) {
    out.role = session::Caller::Role::user;
  } else {
    return Error{
        Code::denied,
        "uid " + std::to_string(peer.uid) +
            " may not use brigd; become root, or have this user added to the group that owns its socket",
        "api: peer", false};
  }
  return out;
}

}  // namespace brig::api
