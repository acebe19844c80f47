// Identities: accounts at a provider, each with a configuration of its own.
//
// Two identities are two logins and two histories: each has its own config volumes, and the CLI is pointed at
// them by the provider's own variable. They are per owner; of an owner's identities at a provider exactly one
// is the default. The first look makes one, "Default".
//
// Ownership: borrows the tables and the volumes. Threads: the loop's. Failure: as Result; a provider that
// keeps no configuration has no identities (`unsupported`).
#pragma once

#include <vector>

#include "image/images.hpp"
#include "net/worker.hpp"
#include "provider/probe.hpp"
#include "store/identities.hpp"
#include "volume/volumes.hpp"

namespace brig::provider {

struct Identity {
  std::string id;  // made by us, never changes
  std::string label;
  std::string config_dir;  // inside the sandbox
  bool is_default = false;
  WallTime created{};
};

struct IdentitySpec {
  std::string label;
  std::string config_dir;  // empty: where the provider declares it
  bool set_default = false;
};

// What is not set stays; a `config_dir` of "" is where the provider declares it.
using IdentityChange = store::IdentityChange;

// Whose identities: an owner's, and in each mesh others.
inline std::string holder_of(const std::string& owner, const std::string& mesh) {
  return mesh.empty() ? owner : owner + "@" + mesh;
}

// `owner` is a holder_of() throughout.
class Identities {
 public:
  virtual ~Identities() = default;
  virtual net::Task<Result<std::vector<Identity>>> list(std::string owner, std::string provider) = 0;
  virtual net::Task<Result<Identity>> create(std::string owner, std::string provider, IdentitySpec spec) = 0;
  virtual net::Task<Result<Identity>> update(std::string owner, std::string provider, std::string id,
                                             IdentityChange change) = 0;
  // The entry alone: what is in its volumes stays.
  virtual net::Task<Result<void>> remove(std::string owner, std::string provider, std::string id) = 0;
  virtual net::Task<Result<Probe>> probe(std::string owner, std::string provider, std::string id) = 0;
};

class LedgerIdentities final : public Identities {
 public:
  LedgerIdentities(store::IdentityTable& table, const image::Images& images, const volume::Volumes& volumes,
                   const Clock& clock, net::Worker& blocking)
      : table_(table), images_(images), volumes_(volumes), clock_(clock), blocking_(blocking) {}

  net::Task<Result<std::vector<Identity>>> list(std::string owner, std::string provider) override;
  net::Task<Result<Identity>> create(std::string owner, std::string provider, IdentitySpec spec) override;
  net::Task<Result<Identity>> update(std::string owner, std::string provider, std::string id,
                                     IdentityChange change) override;
  net::Task<Result<void>> remove(std::string owner, std::string provider, std::string id) override;
  net::Task<Result<Probe>> probe(std::string owner, std::string provider, std::string id) override;

  // By id or label; who asks for none, or for one that is not there, gets the default.
  net::Task<Result<Identity>> choose(std::string owner, std::string provider, std::string ref);

 private:
  store::IdentityRow seed(const std::string& owner, const std::string& provider) const;

  store::IdentityTable& table_;
  const image::Images& images_;
  const volume::Volumes& volumes_;
  const Clock& clock_;
  net::Worker& blocking_;
};

// "brig-claude-1f2e3d4c-1": the volume of the provider's config mount at `place`, from 0.
std::string volume_name(const std::string& provider, const std::string& identity, std::size_t place);

// What the volumes of `identity` are, and where they go.
std::vector<volume::Wanted> volumes_of(const image::Provider& provider, const Identity& identity);

// What points the CLI at `identity`; empty if its provider names no variable.
std::map<std::string, std::string> environment_of(const image::Provider& provider, const Identity& identity);

}  // namespace brig::provider
