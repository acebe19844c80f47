// What single peers may do beyond, or short of, what their role in the mesh says.
//
// An override stands until it is taken back; a denial holds for owners, too. All of them are in memory, so
// that asking costs nothing: a change is committed first and holds from then on, also for who is calling.
//
// Ownership: borrows the table. load() before anybody asks. Threads: the loop's. Failure: as Result; a row of
// the ledger that does not read denies everything.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "service/access.hpp"
#include "store/permissions.hpp"

namespace brig::service {

std::optional<Permission> permission_of(std::string_view word);  // "deploy", "vault", "tools", "permissions"
std::string_view word_of(Permission permission);
inline constexpr Permission kPermissions[] = {Permission::deploy, Permission::vault, Permission::tools,
                                              Permission::permissions};

std::string to_json(const Overrides& overrides);
Overrides overrides_from_json(std::string_view text);

class Permissions {
 public:
  struct Entry {
    std::string peer;
    Overrides overrides;
  };

  explicit Permissions(store::PermissionTable& table) : table_(table) {}

  net::Task<Result<void>> load();

  const Overrides& of(const session::Caller& caller) const;
  Result<void> require(const session::Caller& caller, const std::string& mesh, Permission permission) const;
  // Those of the mesh, by peer; for who may not manage them, their own.
  Result<std::vector<Entry>> list(const session::Caller& caller, const std::string& mesh) const;
  // Whether set() would.
  Result<void> check(const session::Caller& caller, const std::string& mesh, const std::string& peer,
                     const Overrides& overrides) const;
  // In place of what there was for this peer. Nobody changes their own, and who may manage permissions is an
  // owner's to say.
  net::Task<Result<void>> set(session::Caller caller, std::string mesh, std::string peer,
                              Overrides overrides);

 private:
  const Overrides& of(const std::string& mesh, const std::string& peer) const;

  store::PermissionTable& table_;
  std::map<std::pair<std::string, std::string>, Overrides> overrides_;  // by mesh and peer
};

}  // namespace brig::service
