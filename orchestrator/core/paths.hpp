// Every file name that brigd makes, in one place.
//
//   STATE/brig.db                        the ledger; brig.db.lock: held by the brigd that uses it
//   STATE/bin/brig-init                  the supervisor, linked into every session's link directory
//   STATE/ca.crt                         the authorities sandboxes trust, linked likewise
//   STATE/sessions/ID/link/              mounted read-only at /run/brig in it: init, sock, egress, ca.crt
//   STATE/sessions/ID/hosts              mounted read-only at /etc/hosts
//   STATE/sessions/ID/resolv.conf        mounted read-only at /etc/resolv.conf
//   STATE/sessions/ID/workspace/         where the overlay is mounted
//   STATE/sessions/ID/out/PROC/          a process's output log
//   STATE/sessions/ID/egress.log         the account of what it reached and tried to; egress.log.1: before
//   STATE/layers/LAYER/{upper,work}/     what sessions wrote to their workspaces (workspace/layers.hpp)
//   STATE/layers/LAYER/disk.img          with a disk limit: the file system that upper and work are in
//   STATE/sessions/ID/config/N/          a session's own view of a config volume: upper, work, view
//   STATE/sessions/ID/overlays/N         files generated for a session, mounted into its sandbox
//   STATE/volumes/NAME/data/             a config volume: the device of the engine's volume NAME
//   STATE/quarantine/NAME/               a pruned volume's archive, until it is restored or let go
//   STATE/reviews/ID/                    what was applied of it and can be undone (review/journal.hpp)
//   STATE/reviews/ID/known               what earlier applies left on the host (review/conflict.hpp)
//   STATE/templates/                     formatted disk images, one per size
//   STATE/tls/                           certificates of the API's TCP listener
//
// Threads: any. Failure: none.
#pragma once

#include <cstdint>
#include <filesystem>

#include "core/names.hpp"

namespace brig {

class StatePaths {
 public:
  explicit StatePaths(std::filesystem::path state) : state_(std::move(state)) {}

  const std::filesystem::path& root() const { return state_; }
  std::filesystem::path database() const { return state_ / "brig.db"; }
  std::filesystem::path init_binary() const { return state_ / "bin" / "brig-init"; }
  std::filesystem::path sessions() const { return state_ / "sessions"; }
  std::filesystem::path session(const SessionId& id) const { return sessions() / id.str(); }
  std::filesystem::path link_dir(const SessionId& id) const { return session(id) / "link"; }
  std::filesystem::path link_init(const SessionId& id) const { return link_dir(id) / "init"; }
  std::filesystem::path link_socket(const SessionId& id) const { return link_dir(id) / "sock"; }
  std::filesystem::path hosts(const SessionId& id) const { return session(id) / "hosts"; }
  std::filesystem::path resolv(const SessionId& id) const { return session(id) / "resolv.conf"; }
  std::filesystem::path workspace(const SessionId& id) const { return session(id) / "workspace"; }
  std::filesystem::path output(const SessionId& id, std::uint32_t process) const {
    return session(id) / "out" / std::to_string(process);
  }
  std::filesystem::path layers() const { return state_ / "layers"; }
  std::filesystem::path layer(const LayerId& id) const { return layers() / id.str(); }
  std::filesystem::path egress_account(const SessionId& id) const { return session(id) / "egress.log"; }
  std::filesystem::path config(const SessionId& id, std::size_t place) const {
    return session(id) / "config" / std::to_string(place);
  }
  std::filesystem::path overlays(const SessionId& id) const { return session(id) / "overlays"; }
  std::filesystem::path volumes() const { return state_ / "volumes"; }
  std::filesystem::path volume(const std::string& name) const { return volumes() / name; }
  std::filesystem::path quarantine() const { return state_ / "quarantine"; }
  std::filesystem::path quarantine(const std::string& name) const { return quarantine() / name; }
  std::filesystem::path reviews() const { return state_ / "reviews"; }
  std::filesystem::path review(const SessionId& id) const { return reviews() / id.str(); }
  std::filesystem::path known(const SessionId& id) const { return review(id) / "known"; }
  std::filesystem::path tls() const { return state_ / "tls"; }

 private:
  std::filesystem::path state_;
};

// True if `path`, once "." and ".." are gone, lies in `root` or is it. Both absolute.
bool is_within(const std::filesystem::path& path, const std::filesystem::path& root);

}  // namespace brig
