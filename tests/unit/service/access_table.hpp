// Who may do what with a service, written down by hand: the model that the code is held against.
//
// A service of mesh acme that peer dana deployed, under each scope, asked for by each identity.
//
// Threads: plain values. Failure: none.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace brig::test::access {

inline constexpr std::string_view kDeployer = "peer:acme:dana";

struct Identity {
  std::string_view name;
  std::string_view host_role;  // of the token: viewer, user, admin
  std::string_view owner;
  std::string_view mesh;
  std::string_view peer;                 // empty: none
  std::vector<std::string_view> groups;  // of the peer
  std::string_view role;
  // What it may do with a service that it sees: s(ee), c(all), i(nspect), x (change), r(eplace); and
  // d(eploy).
  std::string_view may;
};

inline const std::vector<Identity>& identities() {
  static const std::vector<Identity> all = {
      {"root", "admin", "uid:0", "", "", {}, "", "scixrd"},
      {"dana", "user", "peer:acme:dana", "acme", "dana", {"eng/backend"}, "member", "scixrd"},
      {"ana", "user", "peer:acme:ana", "acme", "ana", {"eng/backend"}, "member", "scd"},
      {"bo", "user", "peer:acme:bo", "acme", "bo", {"eng"}, "member", "scd"},
      {"cy", "user", "peer:acme:cy", "acme", "cy", {}, "admin", "scixd"},
      {"ow", "user", "peer:acme:ow", "acme", "ow", {"ops/night", "eng"}, "owner", "scixd"},
      // Near misses: a group whose name only begins alike, a peer likewise.
      {"an", "user", "peer:acme:an", "acme", "an", {"engineers", "eng2/backend"}, "member", "scd"},
      {"anybody", "user", "token:ab12cd34", "acme", "", {}, "", "scd"},
      {"onlooker", "viewer", "token:ab12cd35", "acme", "", {}, "", "s"},
      // Looks at what is dana's.
      {"shadow", "viewer", "peer:acme:dana", "acme", "", {}, "", "si"},
      {"namesake", "user", "peer:other:dana", "other", "dana", {"eng/backend"}, "owner", ""},
      // Even with the deployer's own things, but of no mesh.
      {"stray", "user", "peer:acme:dana", "", "", {}, "", ""},
      {"local", "user", "uid:1000", "", "", {}, "", ""},
  };
  return all;
}

struct Case {
  std::string_view name;   // fit for a service
  std::string_view scope;  // JSON
  std::vector<std::string_view> seen_by;
};

inline const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"private", R"("peer")", {"root", "dana", "shadow"}},
      {"open", R"("mesh")", {"root", "dana", "shadow", "ana", "bo", "cy", "ow", "an", "anybody", "onlooker"}},
      {"to-ana", R"({"peers": ["ana"]})", {"root", "dana", "shadow", "ana"}},
      {"to-two", R"({"peers": ["bo", "cy"]})", {"root", "dana", "shadow", "bo", "cy"}},
      {"to-dana", R"({"peers": ["dana"]})", {"root", "dana", "shadow"}},
      {"to-unknown", R"({"peers": ["zoe"]})", {"root", "dana", "shadow"}},
      {"to-eng", R"({"group": "eng"})", {"root", "dana", "shadow", "ana", "bo", "ow"}},
      {"to-backend", R"({"group": "eng/backend"})", {"root", "dana", "shadow", "ana"}},
      {"to-deeper", R"({"group": "eng/backend/db"})", {"root", "dana", "shadow"}},
      {"to-groups", R"({"groups": ["ops", "eng/back"]})", {"root", "dana", "shadow", "ow"}},
      {"to-members", R"({"role": "member"})", {"root", "dana", "shadow", "ana", "bo", "an"}},
      {"to-admins", R"({"role": "admin"})", {"root", "dana", "shadow", "cy"}},
      {"to-heads", R"({"roles": ["admin", "owner"]})", {"root", "dana", "shadow", "cy", "ow"}},
      {"to-any",
       R"({"peers": ["bo"], "group": "ops/night", "role": "admin"})",
       {"root", "dana", "shadow", "bo", "ow", "cy"}},
  };
  return all;
}

inline bool sees(const Case& one, const Identity& who) {
  for (auto name : one.seen_by)
    if (name == who.name) return true;
  return false;
}

enum class Expected { hidden, denied, allowed };

inline Expected expected(const Case& one, const Identity& who, char operation) {
  if (!sees(one, who)) return Expected::hidden;
  return who.may.find(operation) == who.may.npos ? Expected::denied : Expected::allowed;
}

}  // namespace brig::test::access
