// What the API needs of the rest of the house: interfaces, and nothing that stands behind them.
//
// Ownership: Services borrows; everything in it outlives the Server. Threads: the loop's. Failure: as Result.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "audit/log.hpp"
#include "core/clock.hpp"
#include "core/metrics.hpp"
#include "core/result.hpp"
#include "doctor/doctor.hpp"
#include "egress/egress.hpp"
#include "events/log.hpp"
#include "image/images.hpp"
#include "mcp/gateway/gateway.hpp"
#include "net/task.hpp"
#include "policy/explain.hpp"
#include "policy/profile.hpp"
#include "policy/request.hpp"
#include "provider/identities.hpp"
#include "provider/registry.hpp"
#include "prune/footprint.hpp"
#include "prune/gc.hpp"
#include "prune/prunes.hpp"
#include "review/reviews.hpp"
#include "service/permissions.hpp"
#include "service/services.hpp"
#include "session/one_shot.hpp"
#include "session/reach.hpp"
#include "session/sessions.hpp"
#include "session/usage.hpp"
#include "session/volumes.hpp"
#include "session/workspaces.hpp"
#include "vault/vault.hpp"

namespace brig::api {

class Policies {
 public:
  virtual ~Policies() = default;
  virtual std::vector<const policy::Profile*> profiles() const = 0;
  virtual std::string default_profile() const = 0;
  // An empty name is the default profile. An unknown one is `not_found` and names the nearest.
  virtual Result<policy::Explanation> explain(const std::string& profile,
                                              const policy::Request& request) const = 0;
};

using TokenHash = std::array<unsigned char, 32>;

// A bearer token as it is kept: never its secret.
struct Token {
  std::string id;  // short and public
  TokenHash hash{};
  std::string label;
  session::Caller::Role role = session::Caller::Role::viewer;
  std::string owner;                              // "token:ID", unless it was made for another
  std::string mesh;                               // what it is confined to; empty: nothing
  std::optional<session::Caller::Member> member;  // who has it there
  WallTime created{};
  std::optional<WallTime> expires;
  std::optional<WallTime> revoked;
  std::optional<WallTime> last_used;
};

class TokenStore {
 public:
  virtual ~TokenStore() = default;
  virtual net::Task<Result<void>> create(Token token) = 0;
  virtual net::Task<Result<std::vector<Token>>> list() = 0;
  // Whatever has this hash, expired and revoked ones too: the caller judges.
  virtual net::Task<Result<std::optional<Token>>> find(TokenHash hash) = 0;
  // `not_found` if there is none.
  virtual net::Task<Result<void>> revoke(std::string id, WallTime now) = 0;
  virtual net::Task<Result<void>> touch(std::string id, WallTime now) = 0;
};

// A port of a session that may be looked at by whoever has the token.
struct Preview {
  std::string id;    // public: a label of its host name
  TokenHash hash{};  // of the token, which is kept nowhere
  std::string session;
  std::uint16_t port = 0;
  std::string owner;  // the session's
  std::string mesh;
  WallTime created{};
  WallTime expires{};
};

class PreviewStore {
 public:
  virtual ~PreviewStore() = default;
  virtual net::Task<Result<void>> create(Preview preview) = 0;
  // Expired ones too: the caller judges.
  virtual net::Task<Result<std::vector<Preview>>> list() = 0;
  virtual net::Task<Result<std::optional<Preview>>> find(std::string id) = 0;
  virtual net::Task<Result<void>> remove(std::string id) = 0;
};

struct Condition {
  std::string name;  // "engine", "ledger"
  bool ok = false;
  std::string detail;  // why not, and what to do
};

struct VersionInfo {
  std::string version;
  std::string installation;
};

struct Services {
  session::Sessions& sessions;
  session::Workspaces& workspaces;
  review::Reviews& reviews;
  session::Reach& reach;
  session::OneShots& one_shots;
  session::Usages& usages;
  session::Volumes& volumes;
  prune::Prunes& prunes;
  prune::StandingPrunes& standing_prunes;
  prune::Footprints& footprints;
  prune::Gc& gc;
  image::Images& images;
  provider::Providers& providers;
  provider::Identities& identities;
  doctor::Doctor& doctor;
  egress::Egress& egress;
  vault::Secrets& vault;
  service::Services& deployed;
  mcp::Gateway& gateway;
  service::Permissions& permissions;
  audit::Log& audit;
  Policies& policies;
  TokenStore& tokens;
  PreviewStore& previews;
  events::Log& events;
  metrics::Registry& metrics;
  const Clock& clock;
  std::function<std::vector<Condition>()> readiness;  // ready if all are ok
  VersionInfo version;
};

}  // namespace brig::api
