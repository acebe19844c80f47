// What the ledger keeps, as plain values. Phases, outcomes and policies are text here: this module lies
// beneath the ones that give them meaning.
//
// Never stored: values of environment variables, input, output, bearer tokens (their hashes are).
// Threads: plain values. Failure: none.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/names.hpp"
#include "core/secret.hpp"

namespace brig::store {

struct SessionRow {
  SessionId id;
  std::string name;   // unique among the owner's sessions of that mesh that still have a row
  std::string owner;  // "uid:1000", "token:ab12cd34"
  std::string mesh;   // the tenant it belongs to, if any
  std::string phase;  // session::State as text, or "removing"
  std::string reason;
  std::string provider;
  std::string image_tag;
  std::string image_id;
  std::string profile;
  std::string runtime;
  std::string policy_json;  // the effective policy, canonical
  std::string policy_hash;
  std::optional<std::string> project;
  LayerId layer;                // what it writes to its workspace goes there
  std::vector<LayerId> frozen;  // what it sees below that, top first
  std::string container_name;
  std::optional<std::string> container_id;
  Secret link_key;               // 32 bytes
  bool link_registered = false;  // a supervisor holds the key
  std::uint64_t generation = 1;
  std::string labels_json = "{}";
  bool remove_when_ended = false;
  WallTime created{};
  std::optional<WallTime> started;
  std::optional<WallTime> ended;
  std::optional<std::string> outcome_json;
  std::string identity;  // its label; empty: the provider keeps no configuration
  std::string identity_id;
  std::string provider_env = "{}";  // what every process gets of the provider; nothing secret
  std::string volumes_json = "[]";  // its owner's volumes that it asked for
  std::string source;      // what its workspace was cloned from: "URL" or "URL REF"; empty: it was not
  LayerId base;            // the frozen layer that stands for a project then
  std::string agent_json;  // who it is at its mesh's endpoint; empty: it has none there
  std::string skills_json = "{}";  // {name: layer} of the bundles that it has mounted, whoever has them since
};

// What changes in a session's life; what is not set stays as it is.
struct SessionChange {
  std::optional<std::string> phase;
  std::optional<std::string> reason;
  std::optional<std::string> container_id;  // "" : it has none any more
  std::optional<bool> link_registered;
  std::optional<std::uint64_t> generation;
  std::optional<WallTime> started;
  std::optional<WallTime> ended;
  std::optional<std::string> outcome_json;
  // The change is made from this phase only; from any other it is `conflict`.
  std::optional<std::string> only_from;
};

// What a session consisted of, under a name ("" while a fork is being made of it).
struct CheckpointRow {
  SessionId session;
  std::string name;
  std::vector<LayerId> layers;  // top first
  bool made = false;            // false while the uppermost is being copied
  WallTime created{};
  std::uint64_t bytes = 0;  // of the uppermost layer
};

struct ProcessRow {
  SessionId session;
  std::uint32_t number = 0;
  std::string argv_json;
  std::string cwd;
  bool tty = false;
  bool stdin_open = false;
  WallTime started{};
  std::optional<WallTime> ended;
  std::optional<std::string> outcome_json;
};

using TokenHash = std::array<unsigned char, 32>;

struct TokenRow {
  std::string id;  // short and public
  TokenHash hash{};
  std::string label;
  std::string role;
  std::string owner;
  std::string mesh;  // what it is confined to, if anything
  std::string peer;  // who has it in that mesh; empty: nobody in particular
  std::string groups_json = "[]";
  std::string member;  // the peer's role there
  WallTime created{};
  std::optional<WallTime> expires;
  std::optional<WallTime> revoked;
  std::optional<WallTime> last_used;
};

// Of a session with a bound on its life; others have none.
struct LifeRow {
  SessionId session;
  std::optional<WallTime> expires;
  Millis idle{};             // ends after so long without work; 0: never
  WallTime active{};         // last seen at work
  std::uint64_t cpu_ms = 0;  // what its processes had used by then
};

struct EventRow {
  std::uint64_t number = 0;  // given by the ledger: rising, never used twice
  WallTime at{};
  std::string kind;
  std::string session;
  std::string owner;
  std::string mesh;
  std::string detail_json = "{}";
};

}  // namespace brig::store
