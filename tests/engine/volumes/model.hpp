// What a prune may take, once more: written from docs/volumes.md, knowing nothing of how brigd does it. The
// test knows of each volume what it did to it.
//
// Threads: any. Failure: none.
#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace brig::test {

struct Fact {
  std::string name;      // the engine's
  std::string mesh;      // "": none
  std::string provider;  // "": it is shared
  std::string identity;  // its label; "": it is gone, or there never was one
  std::chrono::minutes idle{};
  bool pinned = false;
  bool large = false;  // holds more than 2 MiB
  std::string holder;  // what has it, whatever that is
};

struct Wish {
  std::vector<std::string> options;  // of brig volume prune
  std::optional<std::chrono::minutes> unused_for = {};
  std::size_t keep_last = 0;
  std::string mesh = {}, provider = {}, identity = {}, kind = {};
  bool orphan = false, large = false;
};

struct Fate {
  std::set<std::string> goes, stays;
};

inline Fate fate_of(const std::vector<Fact>& facts, const Wish& wish) {
  std::vector<Fact> meant;
  for (const auto& one : facts) {
    bool config = !one.provider.empty();
    bool fits = (wish.mesh.empty() || one.mesh == wish.mesh) &&
                (wish.provider.empty() || one.provider == wish.provider) &&
                (wish.identity.empty() || one.identity == wish.identity) &&
                (wish.kind.empty() || wish.kind == (config ? "config" : "shared")) &&
                (!wish.orphan || (config && one.identity.empty())) && (!wish.large || one.large);
    if (fits) meant.push_back(one);
  }
  std::sort(meant.begin(), meant.end(),
            [](const Fact& a, const Fact& b) { return std::tie(a.idle, a.name) < std::tie(b.idle, b.name); });
  std::map<std::tuple<std::string, std::string>, std::size_t> kept;  // all are one owner's
  Fate out;
  for (const auto& one : meant) {
    bool among_last = kept[{one.mesh, one.provider}]++ < wish.keep_last;
    bool old = one.idle >= wish.unused_for.value_or(std::chrono::hours(30 * 24));
    (one.pinned || !one.holder.empty() || !old || among_last ? out.stays : out.goes).insert(one.name);
  }
  return out;
}

}  // namespace brig::test
