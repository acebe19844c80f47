#include "audit/log.hpp"

#include <algorithm>

#include "core/log.hpp"
#include "core/text.hpp"

namespace brig::audit {
namespace {

constexpr std::size_t kAtOnce = 512;
constexpr std::size_t kPage = 1'000;
constexpr Millis kGather{50};
constexpr Millis kRetry{1'000};
constexpr const char* kSealedAs = "audit";
const std::string kAll;  // where the anchor of all of them is kept: a mesh has a name

// Tells one field from the next (chain.hpp).
std::string without_bars(std::string field) {
  std::replace(field.begin(), field.end(), '|', '_');
  return field;
}

bool is_of_a_mesh(const Deed& deed) {
  return !deed.mesh.empty() && check_name("mesh", deed.mesh).ok();
}

Entry entry_of(Deed deed, WallTime now) {
  Entry out;
  out.mesh = std::move(deed.mesh);
  out.event = without_bars(std::move(deed.event));
  out.actor = without_bars(std::move(deed.actor));
  out.payload = std::move(deed.payload);
  out.created = now;
  if (out.payload.size() > Log::kMaxPayload)
    out.payload = R"({"omitted":"it had )" + std::to_string(out.payload.size()) + R"( bytes"})";
  return out;
}

}  // namespace

Log::Log(net::asio::any_io_executor executor, Options options, store::AuditTable& table, vault::Vault& vault,
         const Clock& clock)
    : options_(options),
      table_(table),
      vault_(vault),
      clock_(clock),
      changed_(executor),
      settled_(executor) {}

net::Task<Result<store::AuditSeal>> Log::seal(std::string mesh, Anchor anchor) {
  vault::Scope scope{"", std::move(mesh)};
  Secret text(to_text(anchor));
  co_return co_await vault_.seal(std::move(scope), kSealedAs, std::move(text));
}

net::Task<std::optional<Anchor>> Log::open(std::string mesh, store::AuditSeal sealed) {
  vault::Scope scope{"", std::move(mesh)};
  auto text = co_await vault_.unseal(std::move(scope), kSealedAs, std::move(sealed));
  if (!text) co_return std::nullopt;
  co_return anchor_of(text->reveal());
}

Anchor Log::total(const Chains& chains) const {
  Anchor out;
  for (const auto& [mesh, chain] : chains) out.entries += chain.anchor.entries;
  out.hash = std::to_string(chains.size()) + "-meshes";
  if (!whole_) out.broken_at = 1;
  return out;
}

net::Task<Result<void>> Log::load() {
  BRIG_CO_TRY(auto seals, co_await table_.anchors());
  std::optional<Anchor> all;
  for (auto& [mesh, sealed] : seals) {
    auto anchor = co_await open(mesh, sealed);
    if (mesh == kAll) {
      all = anchor;
      continue;
    }
    auto& chain = chains_[mesh];
    chain.sound = anchor.has_value();
    if (anchor) chain.anchor = *anchor;
  }
  whole_ = seals.empty() || (all && *all == total(chains_));
  if (!whole_) log::error("the audit's anchors are not those that were written", {});
  co_return Result<void>();
}

void Log::queue(Deed deed, std::shared_ptr<Outcome> outcome) {
  queued_.push_back({entry_of(std::move(deed), clock_.wall()), std::move(outcome)});
  changed_.notify_all();
}

// What is not done for want of an entry must have none later.
void Log::refuse(const Error& why) {
  std::erase_if(queued_, [&](const Queued& one) {
    if (!one.outcome) return false;
    one.outcome->settled = true;
    one.outcome->result = why;
    return true;
  });
}

net::Task<Result<void>> Log::add(Deed deed) {
  if (!is_of_a_mesh(deed)) co_return Result<void>();
  if (queued_.size() >= 2 * kMaxQueued)
    co_return Error{Code::unavailable, "too much waits to be written into the audit; try again", "audit",
                    true};
  urgent_ = true;
  auto outcome = std::make_shared<Outcome>();
  queue(std::move(deed), outcome);
  while (!outcome->settled && !(closing_ && !running_)) co_await settled_.wait();
  if (outcome->settled) co_return outcome->result;
  co_return Error{Code::cancelled, "brigd is stopping", "audit", true};
}

void Log::note(Deed deed) {
  if (!is_of_a_mesh(deed) || closing_) return;
  if (queued_.size() >= kMaxQueued)
    ++dropped_[deed.mesh];
  else
    queue(std::move(deed));
}

net::Task<void> Log::close() {
  closing_ = true;
  changed_.notify_all();
  while (running_) co_await settled_.wait();
}

net::Task<void> Log::run() {
  running_ = true;
  bool failing = false;
  while (!queued_.empty() || !closing_) {
    while (queued_.empty() && !closing_) co_await changed_.wait();
    auto gathered = Deadline::in(kGather);
    while (!urgent_ && !closing_ && co_await changed_.wait_until(gathered)) {
    }
    urgent_ = false;
    auto done = co_await write();
    if (!done) {
      if (!failing) log::error("the ledger does not take the audit", {{"error", done.error()}});
      refuse(done.error());
    }
    failing = !done.ok();
    settled_.notify_all();
    if (failing && closing_) break;
    if (failing) co_await net::sleep_for(kRetry);
  }
  running_ = false;
  settled_.notify_all();
}

// What the anchor says of a mesh, held against its last entry.
net::Task<Result<void>> Log::check(const std::string* mesh) {
  BRIG_CO_TRY(auto last, co_await table_.last(*mesh));
  bool known = chains_.contains(*mesh);
  auto& chain = chains_[*mesh];
  auto end = last ? last->id : 0;
  std::optional<std::uint64_t> at;
  if (!chain.sound || (!known && !whole_))
    at = 1;
  else if (end != chain.anchor.entries)
    at = std::min(end, chain.anchor.entries) + 1;
  else if (last && last->hash != chain.anchor.hash)
    at = end;
  else if (!whole_)
    at = end + 1;  // there may have been more
  if (at) {
    log::error("the audit was changed by others", {{"mesh", *mesh}, {"entry", *at}});
    chain.anchor.broken_at = std::min(*at, chain.anchor.broken_at.value_or(*at));
  }
  chain.anchor.entries = end;
  chain.anchor.hash = last ? last->hash : kGenesis;
  if (end < chain.anchor.let_go) {
    chain.anchor.let_go = end;
    chain.anchor.since = chain.anchor.hash;
  }
  chain.checked = true;
  co_return Result<void>();
}

// The oldest page of a mesh that has too many. Nobody can look at it any more after that: so now.
net::Task<Result<void>> Log::let_go(const std::string* mesh, Anchor* anchor) {
  BRIG_CO_TRY(auto page, co_await table_.after(*mesh, anchor->let_go, kPage));
  Walk walk(*anchor);
  auto end = anchor->let_go + kPage;
  for (const auto& row : page.rows)
    if (row.id <= end) walk.take(row);
  auto at = walk.broken_at();
  if (!at && walk.last_id() != end) at = walk.last_id() + 1;
  if (at) {
    log::error("the audit was changed by others", {{"mesh", *mesh}, {"entry", *at}});
    anchor->broken_at = std::min(*at, anchor->broken_at.value_or(*at));
  }
  anchor->let_go = end;
  anchor->since = walk.last_hash();
  co_return Result<void>();
}

net::Task<Result<void>> Log::write() {
  while (!queued_.empty() || !dropped_.empty()) {
    // While there is room: what cannot be written for long must not grow.
    if (queued_.size() < kMaxQueued) {
      for (const auto& [mesh, count] : std::exchange(dropped_, {}))
        queue({mesh, "audit.lost", "brigd", R"({"entries":)" + std::to_string(count) + "}"});
    }
    auto count = std::min(queued_.size(), kAtOnce);
    std::vector<Entry> rows;
    for (std::size_t i = 0; i < count; ++i) rows.push_back(queued_[i].entry);
    for (const auto& row : rows) {
      if (auto it = chains_.find(row.mesh); it != chains_.end() && it->second.checked) continue;
      BRIG_CO_CHECK(co_await check(&row.mesh));
    }
    auto next = chains_;
    std::set<std::string> meshes;
    for (auto& row : rows) {
      auto& anchor = next[row.mesh].anchor;
      row.id = ++anchor.entries;
      row.prev_hash = anchor.hash;
      anchor.hash = row.hash = hash_of(row);
      meshes.insert(row.mesh);
    }
    store::AuditCuts cuts;
    for (const auto& mesh : meshes) {
      auto& anchor = next[mesh].anchor;
      if (anchor.entries - anchor.let_go < options_.keep + kPage) continue;
      BRIG_CO_CHECK(co_await let_go(&mesh, &anchor));
      cuts[mesh] = anchor.let_go;
    }
    store::AuditSeals seals;
    for (const auto& mesh : meshes) {
      BRIG_CO_TRY(seals[mesh], co_await seal(mesh, next[mesh].anchor));
    }
    BRIG_CO_TRY(seals[kAll], co_await seal(kAll, total(next)));
    BRIG_CO_CHECK(co_await table_.append(std::move(rows), std::move(seals), std::move(cuts)));
    chains_ = std::move(next);
    for (std::size_t i = 0; i < count; ++i) {
      if (queued_[i].outcome) queued_[i].outcome->settled = true;
    }
    queued_.erase(queued_.begin(), queued_.begin() + static_cast<std::ptrdiff_t>(count));
    settled_.notify_all();
  }
  co_return Result<void>();
}

net::Task<Result<std::vector<Entry>>> Log::query(std::string mesh, Query query) {
  co_return co_await table_.newest(std::move(mesh), std::move(query.event), query.limit, query.offset);
}

net::Task<Result<std::vector<Entry>>> Log::after(std::string mesh, std::uint64_t id, std::size_t most) {
  BRIG_CO_TRY(auto page, co_await table_.after(std::move(mesh), id, most));
  co_return std::move(page.rows);
}

net::Task<Result<Verdict>> Log::verify(std::string mesh) {
  // What this brigd has written itself was there.
  auto known = chains_.find(mesh);
  auto least = known == chains_.end() ? 0 : known->second.anchor.entries;
  std::optional<Walk> walk;
  std::uint64_t begins = 0;
  while (true) {
    auto last = walk ? walk->last_id() : 0;
    BRIG_CO_TRY(auto page, co_await table_.after(mesh, last, kPage));
    std::optional<Anchor> anchor;
    if (page.anchor && (!walk || page.rows.empty())) anchor = co_await open(mesh, *page.anchor);
    if (!walk) {
      walk.emplace(anchor);
      begins = anchor ? anchor->let_go : 0;
    }
    for (const auto& row : page.rows) walk->take(row);
    if (!page.rows.empty()) continue;
    // Meanwhile the oldest were let go, perhaps some that were to be read.
    if (anchor && anchor->let_go != begins && walk->broken_at()) {
      walk.reset();
      continue;
    }
    auto verdict = walk->end(anchor);
    bool damaged = page.anchor && !anchor;
    // If an anchor is gone, or is an older one, of no mesh can be said that nothing is missing at its end.
    if (verdict.valid && (damaged || !whole_ || walk->last_id() < least)) {
      verdict.valid = false;
      verdict.broken_at = walk->last_id() + 1;
    }
    co_return verdict;
  }
}

}  // namespace brig::audit
