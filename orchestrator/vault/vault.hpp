// Secrets that people give the service to keep, so that sandboxes need not hold them.
//
// Each belongs to an owner, and a mesh if there is one. The ledger has them sealed (seal.hpp); a value is
// opened when it is needed, each time anew, so a replaced or removed one is gone with the next use. Nobody
// can ask for a value: what comes out goes to the hosts that credentials name (credential.hpp), and into the
// variables of services whose owner said so.
//
// Ownership: borrows its tables and the clock. Threads: the loop's; the key file is read on it, once.
// Failure: as Result; never with a value in it.
#pragma once

#include <map>
#include <optional>

#include "core/clock.hpp"
#include "net/task.hpp"
#include "store/vault.hpp"
#include "vault/seal.hpp"

namespace brig::vault {

inline constexpr std::size_t kMaxValue = 16 * 1024;
inline constexpr std::size_t kMaxValues = 1000;  // of one owner

// What may be told of a value.
struct Entry {
  std::string name;
  WallTime created{};
  WallTime replaced{};  // as created, if it never was
  std::optional<WallTime> last_used;
};

// A letter or '_', then letters, digits, '_', '-' and '.', 128 in all.
Result<void> check_key(std::string_view field, std::string_view name);

// What the API needs.
class Secrets {
 public:
  virtual ~Secrets() = default;
  // In place of one of that name, if there is one. The value must fit into a header.
  virtual net::Task<Result<Entry>> set(Scope scope, std::string name, Secret value) = 0;
  virtual net::Task<Result<std::vector<Entry>>> list(Scope scope) = 0;
  // `conflict`, naming them, while sessions use it; unless `force`.
  virtual net::Task<Result<void>> remove(Scope scope, std::string name, bool force) = 0;
};

class Vault final : public Secrets {
 public:
  Vault(store::VaultTable& table, const Clock& clock, std::filesystem::path key_file);

  net::Task<Result<Entry>> set(Scope scope, std::string name, Secret value) override;
  net::Task<Result<std::vector<Entry>>> list(Scope scope) override;
  net::Task<Result<void>> remove(Scope scope, std::string name, bool force) override;

  net::Task<Result<bool>> has(Scope scope, std::string name);
  // `not_found`, saying how to set it, if there is none.
  net::Task<Result<Secret>> open(Scope scope, std::string name);

  // For parts of Brig that keep what they were entrusted with in rows of their own, under this key: what one
  // seals as `name`, nobody opens as another.
  net::Task<Result<Sealed>> seal(Scope scope, std::string name, Secret value);
  net::Task<Result<Secret>> unseal(Scope scope, std::string name, Sealed sealed);

 private:
  net::Task<Result<void>> need_key(bool make);

  store::VaultTable& table_;
  const Clock& clock_;
  std::filesystem::path key_file_;
  std::optional<SealingKey> key_;
  // When uses were written down last: once a minute is enough for a person.
  std::map<std::pair<Scope, std::string>, WallTime> noted_;
};

// What to say where a key is missing.
Error no_such_key(const std::string& name);

}  // namespace brig::vault
