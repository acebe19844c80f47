// What was done in each mesh: written once, in order, and never changed.
//
// Rows and the anchor that goes with them are one commit: a kill -9 anywhere leaves a chain that verifies. It
// may cost what was noted last (journal.hpp), and nothing that add() returned for.
//
// Each mesh has a chain and an anchor (chain.hpp). The anchors are sealed by the vault's key. Before the
// first entry of a mesh is added, the anchor is held against what is there: a chain that was cut off or
// replaced while brigd was away goes on, and its anchor says from then on where it broke. The oldest are let
// go once there are too many, after a look at whether they are as they were written.
//
// Ownership: borrows table, vault and clock. load() before anybody asks; run() writes; close() after the last
// add(). Threads: the loop's. Failure: as Result; note() never fails: what the ledger will not take for long
// is dropped, counted, and the loss is itself an entry.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>

#include "audit/chain.hpp"
#include "audit/journal.hpp"
#include "net/event.hpp"
#include "vault/vault.hpp"

namespace brig::audit {

class Log final : public Journal {
 public:
  static constexpr std::size_t kMaxPayload = 4096;
  static constexpr std::size_t kMaxQueued = 8192;

  struct Options {
    std::uint64_t keep = 1'000'000;  // entries of each mesh
  };
  Log(net::asio::any_io_executor executor, Options options, store::AuditTable& table, vault::Vault& vault,
      const Clock& clock);

  net::Task<Result<void>> load();
  // Writes what is told, until close().
  net::Task<void> run();
  // Once everything is written.
  net::Task<void> close();

  net::Task<Result<void>> add(Deed deed) override;
  void note(Deed deed) override;

  struct Query {
    std::uint64_t limit = 100;
    std::uint64_t offset = 0;
    std::string event;  // with every one below it; empty: any
  };
  // The newest first.
  net::Task<Result<std::vector<Entry>>> query(std::string mesh, Query query);
  net::Task<Result<Verdict>> verify(std::string mesh);
  // In order, at most so many beyond this one.
  net::Task<Result<std::vector<Entry>>> after(std::string mesh, std::uint64_t id, std::size_t most);

 private:
  struct Chain {
    Anchor anchor;
    bool sound = true;     // its anchor was one of ours
    bool checked = false;  // against what is there
  };
  using Chains = std::map<std::string, Chain>;

  // What add() waits for.
  struct Outcome {
    bool settled = false;
    Result<void> result;
  };
  struct Queued {
    Entry entry;
    std::shared_ptr<Outcome> outcome;  // none: nobody waits
  };
  void queue(Deed deed, std::shared_ptr<Outcome> outcome = {});
  void refuse(const Error& why);
  net::Task<Result<void>> write();
  net::Task<Result<void>> check(const std::string* mesh);
  net::Task<Result<store::AuditSeal>> seal(std::string mesh, Anchor anchor);
  net::Task<std::optional<Anchor>> open(std::string mesh, store::AuditSeal sealed);
  Anchor total(const Chains& chains) const;
  net::Task<Result<void>> let_go(const std::string* mesh, Anchor* anchor);

  Options options_;
  store::AuditTable& table_;
  vault::Vault& vault_;
  const Clock& clock_;
  Chains chains_;
  bool whole_ = true;  // no mesh's anchor was missing when they were read
  std::deque<Queued> queued_;
  bool urgent_ = false, closing_ = false, running_ = false;
  std::map<std::string, std::uint64_t> dropped_;  // by mesh
  net::Event changed_;
  net::Event settled_;
};

}  // namespace brig::audit
