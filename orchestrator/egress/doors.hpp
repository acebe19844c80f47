// The doors of all sessions, and the ledger behind them.
//
// A session's rules are rows of the ledger: those of its policy, of its provider and presets, what stands for
// its owner and project, and what was added since. They are written before they hold, so that a door which a
// new brigd opens again has the same. The ceiling is not among them: it is asked at each decision, as it is
// now.
//
// Ownership: borrows everything in Parts; close_all() before destroying it. Threads: the loop's.
// Failure: as Result; a session without a door is `conflict`.
#pragma once

#include "core/paths.hpp"
#include "egress/door.hpp"
#include "egress/presets.hpp"
#include "policy/effective.hpp"
#include "store/egress.hpp"
#include "store/vault.hpp"

namespace brig::egress {

// What a session begins with; `policy` as resolved, the rest as it is known at its start.
struct Beginning {
  std::string owner;
  std::string project;  // "": none
  std::string provider;
  std::vector<std::string> provider_hosts;
  const policy::Profile* profile = nullptr;
  policy::Egress policy;
};

// What the doors need to know of a session, whenever one is opened.
struct Facts {
  SessionId id;
  std::string name;
  std::string owner;
  std::string mesh;
  std::string project;
  Insider insider;
  std::function<void(UniqueFd)> endpoint;  // of its mesh; see Door::About
};

class Doors final : public Egress {
 public:
  struct Parts {
    Shared shared;
    StatePaths paths;
    store::EgressTable& table;
    Presets& presets;
    const policy::Ceiling& ceiling;
    store::CredentialTable* credentials = nullptr;  // with Shared::vault
  };
  explicit Doors(Parts parts);
  ~Doors() override;

  // Which rules a session would begin with: what needs asking, asks.
  net::Task<Result<std::vector<store::EgressRow>>> plan(Beginning beginning);
  // Which credentials it would have: those the caller asks for, and the provider's beside them. `not_found`,
  // saying how to set it, where the vault lacks a key that is needed.
  net::Task<Result<std::vector<Entrusted>>> equip(vault::Scope scope, std::vector<Credential> provider,
                                                  std::vector<Credential> request);
  // Writes them down, and makes the authority that its sandbox is to trust; gives that, as PEM ("": there are
  // none).
  net::Task<Result<std::string>> keep(SessionId id, std::vector<Entrusted> credentials);
  // Those of a session, for one that goes on from it.
  net::Task<Result<std::vector<Entrusted>>> credentials(SessionId id);
  // Writes them down and opens the door. The session's row is in the ledger.
  net::Task<Result<void>> open(Facts facts, std::vector<store::EgressRow> rows);
  // After a restart of ours: with the rules the ledger has.
  net::Task<Result<void>> reopen(Facts facts);
  // Those of a session, for another that goes on from it.
  net::Task<Result<std::vector<store::EgressRow>>> rules(SessionId id);
  net::Task<void> close(SessionId id);
  net::Task<void> close_all();

  net::Task<Result<DoorView>> show(SessionId id) override;
  net::Task<Result<std::string>> change(SessionId id, Verb verb, std::string rule, Scope scope) override;
  net::Task<Result<void>> forget(SessionId id, std::string rule) override;
  net::Task<Result<void>> answer(SessionId id, std::uint64_t question, bool yes, Scope scope) override;
  net::Task<Result<Tried>> test(SessionId id, std::string target) override;
  Result<std::vector<std::string>> account(SessionId id, std::size_t count) override;
  std::shared_ptr<Audit::Follower> follow(SessionId id) override;

 private:
  struct Held;
  struct Turn;
  Result<std::shared_ptr<Held>> find(const SessionId& id);
  // One change at a time: each begins with what the one before it wrote.
  net::Task<Result<std::shared_ptr<Turn>>> turn(SessionId id);
  net::Task<Result<void>> commit(std::shared_ptr<Turn> turn, std::vector<store::EgressRow> rows);
  Result<Rules> rules_of(const std::vector<store::EgressRow>& rows) const;
  Result<void> start(Facts facts, std::vector<store::EgressRow> rows, std::vector<Entrusted> credentials);

  Parts parts_;
  std::map<SessionId, std::shared_ptr<Held>> doors_;
};

}  // namespace brig::egress
