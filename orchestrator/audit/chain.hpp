// The chain of a mesh's audit: each entry's hash covers the one before it, and an anchor, sealed under a key
// that is not in the ledger, says where it ends.
//
//   hash = SHA-256(prev_hash | mesh | event | actor | payload | created_at), in hex; the first prev_hash is
//   "genesis"
//
// The fields are joined by '|', which only payload may have in it: so no two entries are written alike.
// created_at is the time as the API tells it, payload the JSON as it is kept.
//
// So whoever changes, removes, reorders or adds a row breaks the chain there; whoever makes the chain anew
// from there, or cuts off its end, does not fit the anchor; and without the key there is no other anchor.
// Where brigd itself has let the oldest go, the anchor says where the chain begins.
//
// Threads: any. Failure: none; verify() tells the first entry that is not as it was written.
#pragma once

#include <optional>
#include <string>

#include "store/audit.hpp"

namespace brig::audit {

inline constexpr const char* kGenesis = "genesis";

using Entry = store::AuditRow;

std::string hash_of(const Entry& entry);

// What is sealed of a chain.
struct Anchor {
  std::uint64_t entries = 0;     // written so far; the id of the last
  std::string hash = kGenesis;   // of the last
  std::uint64_t let_go = 0;      // the first so many are kept no more
  std::string since = kGenesis;  // the hash of the last of those
  // A later entry was written after one that was not as it should be: from here on nothing is proven.
  std::optional<std::uint64_t> broken_at;
  bool operator==(const Anchor&) const = default;
};
std::string to_text(const Anchor& anchor);
std::optional<Anchor> anchor_of(std::string_view text);

struct Verdict {
  bool valid = true;
  std::uint64_t entries = 0;  // that there are
  std::uint64_t first = 1;    // id
  std::optional<std::uint64_t> broken_at;
  std::string hash = kGenesis;  // of the last entry that holds
};

// Walks a chain from its beginning, as the anchor has it.
class Walk {
 public:
  explicit Walk(const std::optional<Anchor>& anchor);
  void take(const Entry& entry);
  // `anchor`: none if it is gone, or is not ours. An empty chain needs none.
  Verdict end(const std::optional<Anchor>& anchor) const;
  std::uint64_t last_id() const { return last_id_; }
  const std::string& last_hash() const { return last_hash_; }
  const std::optional<std::uint64_t>& broken_at() const { return broken_at_; }

 private:
  void breaks_at(std::uint64_t id) {
    if (!broken_at_) broken_at_ = id;
  }
  std::uint64_t entries_ = 0;
  std::uint64_t last_id_ = 0;
  std::uint64_t first_ = 1;
  std::string hash_ = kGenesis;       // of the last that holds
  std::string last_hash_ = kGenesis;  // of the last, as it says itself
  std::optional<std::uint64_t> broken_at_;
};

}  // namespace brig::audit
