#include "store/schema.hpp"

namespace brig::store {

namespace {

// 1: sessions, their processes, tokens, settings.
constexpr const char* kFirst = R"sql(
CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  id                TEXT PRIMARY KEY,
  name              TEXT NOT NULL,
  owner             TEXT NOT NULL,
  phase             TEXT NOT NULL,
  reason            TEXT NOT NULL,
  provider          TEXT NOT NULL,
  image_tag         TEXT NOT NULL,
  image_id          TEXT NOT NULL,
  profile           TEXT NOT NULL,
  runtime           TEXT NOT NULL,
  policy_json       TEXT NOT NULL,
  policy_hash       TEXT NOT NULL,
  project           TEXT,
  container_name    TEXT NOT NULL,
  container_id      TEXT,
  link_key          BLOB NOT NULL CHECK (length(link_key) = 32),
  link_registered   INTEGER NOT NULL,
  generation        INTEGER NOT NULL,
  labels_json       TEXT NOT NULL,
  remove_when_ended INTEGER NOT NULL,
  created_ms        INTEGER NOT NULL,
  started_ms        INTEGER,
  ended_ms          INTEGER,
  outcome_json      TEXT,
  UNIQUE (owner, name)
) STRICT;

-- No values of environment variables here: any of them may be a key.
CREATE TABLE processes (
  session_id   TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  number       INTEGER NOT NULL,
  argv_json    TEXT NOT NULL,
  cwd          TEXT NOT NULL,
  tty          INTEGER NOT NULL,
  stdin_open   INTEGER NOT NULL,
  started_ms   INTEGER NOT NULL,
  ended_ms     INTEGER,
  outcome_json TEXT,
  PRIMARY KEY (session_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
  id           TEXT PRIMARY KEY,
  hash         BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
  label        TEXT NOT NULL,
  role         TEXT NOT NULL,
  owner        TEXT NOT NULL,
  created_ms   INTEGER NOT NULL,
  expires_ms   INTEGER,
  revoked_ms   INTEGER,
  last_used_ms INTEGER
) STRICT;
)sql";

// The layers of workspaces: the session's own, and those frozen below it, top first, separated by spaces.
constexpr const char* kLayers = R"sql(
ALTER TABLE sessions ADD COLUMN layer TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN frozen TEXT NOT NULL DEFAULT '';
UPDATE sessions SET layer = id;
)sql";

// What happened, in order; and the mesh (a tenant) that sessions and tokens may belong to.
// AUTOINCREMENT: a number is never used again, also when the newest rows were trimmed away.
constexpr const char* kEvents = R"sql(
ALTER TABLE sessions ADD COLUMN mesh TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN mesh TEXT NOT NULL DEFAULT '';

CREATE TABLE events (
  number      INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms       INTEGER NOT NULL,
  kind        TEXT NOT NULL,
  session     TEXT NOT NULL,
  owner       TEXT NOT NULL,
  mesh        TEXT NOT NULL,
  detail_json TEXT NOT NULL
) STRICT;
)sql";

// Rules of egress: each session's, in the order in which they are read, and those that stand for an owner's
// project.
constexpr const char* kEgress = R"sql(
CREATE TABLE egress_rules (
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  place      INTEGER NOT NULL,
  verb       TEXT NOT NULL,
  rule       TEXT NOT NULL,
  origin     TEXT NOT NULL,
  PRIMARY KEY (session_id, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE egress_standing (
  owner   TEXT NOT NULL,
  project TEXT NOT NULL,
  verb    TEXT NOT NULL,
  rule    TEXT NOT NULL,
  origin  TEXT NOT NULL,
  UNIQUE (owner, project, rule)
) STRICT;
)sql";

constexpr const char* kCheckpoints = R"sql(
CREATE TABLE checkpoints (
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  name       TEXT NOT NULL,
  layers     TEXT NOT NULL,
  made       INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  bytes      INTEGER NOT NULL,
  PRIMARY KEY (session_id, name)
) STRICT, WITHOUT ROWID;
)sql";

// Config volumes, identities, declared providers, hooks; a session's identity.
constexpr const char* kProviders = R"sql(
CREATE TABLE identities (
  id         TEXT PRIMARY KEY,
  owner      TEXT NOT NULL,
  provider   TEXT NOT NULL,
  label      TEXT NOT NULL,
  config_dir TEXT NOT NULL,
  is_default INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  UNIQUE (owner, provider, label)
) STRICT;
CREATE UNIQUE INDEX identities_default ON identities (owner, provider) WHERE is_default = 1;

CREATE TABLE volumes (
  name        TEXT PRIMARY KEY,
  owner       TEXT NOT NULL,
  mesh        TEXT NOT NULL,
  provider    TEXT NOT NULL,
  identity    TEXT NOT NULL,
  created_ms  INTEGER NOT NULL,
  attached_ms INTEGER,
  attached_by TEXT NOT NULL
) STRICT;

-- Gone only once what the session wrote is where it belongs; so no row of a session goes before these.
CREATE TABLE volume_attachments (
  session_id TEXT NOT NULL REFERENCES sessions (id),
  place      INTEGER NOT NULL,
  volume     TEXT NOT NULL REFERENCES volumes (name),
  target     TEXT NOT NULL,
  sharing    TEXT NOT NULL,
  writable   INTEGER NOT NULL,
  state_json TEXT NOT NULL,
  PRIMARY KEY (session_id, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX volume_attachments_volume ON volume_attachments (volume);

CREATE TABLE providers (
  id          TEXT PRIMARY KEY,
  declaration TEXT NOT NULL,
  owner       TEXT NOT NULL,
  created_ms  INTEGER NOT NULL,
  updated_ms  INTEGER NOT NULL
) STRICT;

CREATE TABLE hooks (
  session_id   TEXT PRIMARY KEY REFERENCES sessions (id),
  program      TEXT NOT NULL,
  project      TEXT NOT NULL,
  phase        TEXT NOT NULL,
  cleanup_json TEXT NOT NULL,
  deadline_ms  INTEGER NOT NULL
) STRICT;

ALTER TABLE sessions ADD COLUMN identity TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN identity_id TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN provider_env TEXT NOT NULL DEFAULT '{}';
)sql";

// How long sessions may live, and when they were last seen at work.
constexpr const char* kLives = R"sql(
CREATE TABLE lives (
  session_id TEXT PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
  expires_ms INTEGER,
  idle_ms    INTEGER NOT NULL,
  active_ms  INTEGER NOT NULL,
  cpu_ms     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

// Ports of sessions that may be looked at: of each token its SHA-256 alone.
constexpr const char* kPreviews = R"sql(
CREATE TABLE previews (
  id         TEXT PRIMARY KEY,
  hash       BLOB NOT NULL CHECK (length(hash) = 32),
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  port       INTEGER NOT NULL,
  owner      TEXT NOT NULL,
  mesh       TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

// Volumes with a bound, and those that their owners made; which of these a session has, and what was cloned
// into it.
constexpr const char* kShared = R"sql(
ALTER TABLE volumes ADD COLUMN label TEXT NOT NULL DEFAULT '';
ALTER TABLE volumes ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE volumes ADD COLUMN removing INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX volumes_label ON volumes (owner, mesh, label) WHERE label <> '';

ALTER TABLE sessions ADD COLUMN volumes_json TEXT NOT NULL DEFAULT '[]';
ALTER TABLE sessions ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN base TEXT NOT NULL DEFAULT '';
)sql";

// Secrets, sealed; and the credentials of sessions, which name keys and hold no value.
constexpr const char* kVault = R"sql(
CREATE TABLE vault (
  owner        TEXT NOT NULL,
  mesh         TEXT NOT NULL,
  name         TEXT NOT NULL,
  sealed       BLOB NOT NULL,
  created_ms   INTEGER NOT NULL,
  replaced_ms  INTEGER NOT NULL,
  last_used_ms INTEGER,
  PRIMARY KEY (owner, mesh, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE session_credentials (
  session_id  TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  place       INTEGER NOT NULL,
  key         TEXT NOT NULL,
  rule_json   TEXT NOT NULL,
  placeholder TEXT NOT NULL,
  PRIMARY KEY (session_id, place)
) STRICT, WITHOUT ROWID;
)sql";

// Which volumes stay whatever a prune says, which are in quarantine, and who had each before, the last few.
constexpr const char* kUses = R"sql(
ALTER TABLE volumes ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;

-- Where a volume is on its way into the quarantine or out of it ('': it is not), and since when.
ALTER TABLE volumes ADD COLUMN stage TEXT NOT NULL DEFAULT '';
ALTER TABLE volumes ADD COLUMN stage_ms INTEGER;
ALTER TABLE volumes ADD COLUMN archive_bytes INTEGER NOT NULL DEFAULT 0;

CREATE TABLE volume_uses (
  volume       TEXT NOT NULL REFERENCES volumes (name) ON DELETE CASCADE,
  session_id   TEXT NOT NULL,
  session_name TEXT NOT NULL,
  at_ms        INTEGER NOT NULL,
  PRIMARY KEY (volume, session_id)
) STRICT, WITHOUT ROWID;
)sql";

// Sessions that are no more, the latest few thousand: an engine may still be making the container that a
// brigd asked for which was killed meanwhile.
constexpr const char* kGone = R"sql(
CREATE TABLE gone_sessions (
  place          INTEGER PRIMARY KEY,
  id             TEXT NOT NULL UNIQUE,
  container_name TEXT NOT NULL
) STRICT;
)sql";

// A session's name is its owner's within a mesh: somebody confined to one mesh neither meets nor learns of
// the names in another. (SQLite changes no constraint of a table, only tables.)
constexpr const char* kNames = R"sql(
CREATE TABLE sessions_by_mesh (
  id                TEXT PRIMARY KEY,
  name              TEXT NOT NULL,
  owner             TEXT NOT NULL,
  phase             TEXT NOT NULL,
  reason            TEXT NOT NULL,
  provider          TEXT NOT NULL,
  image_tag         TEXT NOT NULL,
  image_id          TEXT NOT NULL,
  profile           TEXT NOT NULL,
  runtime           TEXT NOT NULL,
  policy_json       TEXT NOT NULL,
  policy_hash       TEXT NOT NULL,
  project           TEXT,
  container_name    TEXT NOT NULL,
  container_id      TEXT,
  link_key          BLOB NOT NULL CHECK (length(link_key) = 32),
  link_registered   INTEGER NOT NULL,
  generation        INTEGER NOT NULL,
  labels_json       TEXT NOT NULL,
  remove_when_ended INTEGER NOT NULL,
  created_ms        INTEGER NOT NULL,
  started_ms        INTEGER,
  ended_ms          INTEGER,
  outcome_json      TEXT,
  layer             TEXT NOT NULL DEFAULT '',
  frozen            TEXT NOT NULL DEFAULT '',
  mesh              TEXT NOT NULL DEFAULT '',
  identity          TEXT NOT NULL DEFAULT '',
  identity_id       TEXT NOT NULL DEFAULT '',
  provider_env      TEXT NOT NULL DEFAULT '{}',
  volumes_json      TEXT NOT NULL DEFAULT '[]',
  source            TEXT NOT NULL DEFAULT '',
  base              TEXT NOT NULL DEFAULT '',
  UNIQUE (owner, mesh, name)
) STRICT;
INSERT INTO sessions_by_mesh SELECT
  id, name, owner, phase, reason, provider, image_tag, image_id, profile, runtime, policy_json, policy_hash,
  project, container_name, container_id, link_key, link_registered, generation, labels_json,
  remove_when_ended, created_ms, started_ms, ended_ms, outcome_json, layer, frozen, mesh, identity,
  identity_id, provider_env, volumes_json, source, base FROM sessions ORDER BY rowid;
DROP TABLE sessions;
ALTER TABLE sessions_by_mesh RENAME TO sessions;
)sql";

// MCP servers of meshes, and what was built for them: a layer under the hash of what is in it.
constexpr const char* kServices = R"sql(
CREATE TABLE artefacts (
  hash       TEXT NOT NULL PRIMARY KEY,
  layer      TEXT NOT NULL UNIQUE,
  bytes      INTEGER NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE services (
  mesh        TEXT NOT NULL,
  name        TEXT NOT NULL,
  owner       TEXT NOT NULL,
  spec_json   TEXT NOT NULL,
  env         BLOB NOT NULL,
  wanted      TEXT NOT NULL,
  state       TEXT NOT NULL,
  reason      TEXT NOT NULL,
  artefact    TEXT NOT NULL,
  built_json  TEXT NOT NULL,
  session_id  TEXT NOT NULL,
  server_json TEXT NOT NULL,
  created_ms  INTEGER NOT NULL,
  updated_ms  INTEGER NOT NULL,
  PRIMARY KEY (mesh, name)
) STRICT, WITHOUT ROWID;
)sql";

// Who has a token in its mesh, and who may see and call a service. One that was there before was for all of
// its mesh, and stays so.
constexpr const char* kMembers = R"sql(
ALTER TABLE tokens ADD COLUMN peer TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN groups_json TEXT NOT NULL DEFAULT '[]';
ALTER TABLE tokens ADD COLUMN member TEXT NOT NULL DEFAULT '';
ALTER TABLE services ADD COLUMN scope TEXT NOT NULL DEFAULT '"mesh"';
)sql";

// What single peers of a mesh may do beyond, or short of, their role.
constexpr const char* kPermissions = R"sql(
CREATE TABLE permissions (
  mesh           TEXT NOT NULL,
  peer           TEXT NOT NULL,
  overrides_json TEXT NOT NULL,
  PRIMARY KEY (mesh, peer)
) STRICT, WITHOUT ROWID;
)sql";

// What was done in each mesh, as a chain of hashes, and where each chain ends, sealed.
constexpr const char* kAudit = R"sql(
CREATE TABLE audit (
  mesh       TEXT NOT NULL,
  id         INTEGER NOT NULL CHECK (id > 0),
  event      TEXT NOT NULL,
  actor      TEXT NOT NULL,
  payload    TEXT NOT NULL,
  prev_hash  TEXT NOT NULL,
  hash       TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  PRIMARY KEY (mesh, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_anchors (
  mesh TEXT PRIMARY KEY,
  seal BLOB NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

// What services have run, to go back to.
constexpr const char* kVersions = R"sql(
CREATE TABLE service_versions (
  mesh       TEXT NOT NULL,
  name       TEXT NOT NULL,
  number     INTEGER NOT NULL,
  spec_json  TEXT NOT NULL,
  env        BLOB NOT NULL,
  artefact   TEXT NOT NULL,
  built_json TEXT NOT NULL,
  made_ms    INTEGER NOT NULL,
  ran        INTEGER NOT NULL,
  PRIMARY KEY (mesh, name, number)
) STRICT, WITHOUT ROWID;
ALTER TABLE services ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
INSERT INTO service_versions SELECT mesh, name, 1, spec_json, env, artefact, built_json, updated_ms, 1
  FROM services WHERE artefact != '';
UPDATE services SET version = 1 WHERE artefact != '';
)sql";

// What the rules of brig.toml that prune by themselves have planned last, and done last.
constexpr const char* kStanding = R"sql(
CREATE TABLE standing_prunes (
  rule        TEXT NOT NULL PRIMARY KEY,
  planned_ms  INTEGER NOT NULL,
  agreed_json TEXT NOT NULL,
  pending     INTEGER NOT NULL,
  done_ms     INTEGER,
  report_json TEXT NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

// Which tools of each service may pass, and as what they were approved.
constexpr const char* kToolGates = R"sql(
CREATE TABLE tool_gates (
  mesh       TEXT NOT NULL,
  service    TEXT NOT NULL,
  lists_json TEXT NOT NULL DEFAULT '',
  met        INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (mesh, service),
  FOREIGN KEY (mesh, service) REFERENCES services (mesh, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE tool_pins (
  mesh        TEXT NOT NULL,
  service     TEXT NOT NULL,
  tool        TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  tool_json   TEXT NOT NULL,
  PRIMARY KEY (mesh, service, tool),
  FOREIGN KEY (mesh, service) REFERENCES services (mesh, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_events ON audit (mesh, event, id);
)sql";

// Who a session is at its mesh's endpoint. One that was there before has none.
constexpr const char* kAgents = R"sql(
ALTER TABLE sessions ADD COLUMN agent_json TEXT NOT NULL DEFAULT '';
)sql";

// Bundles of files, deployed as services are and mounted into sessions.
constexpr const char* kSkills = R"sql(
ALTER TABLE sessions ADD COLUMN skills_json TEXT NOT NULL DEFAULT '{}';
)sql";

constexpr const char* kSteps[] = {kFirst,    kLayers,    kEvents,  kEgress,      kCheckpoints, kProviders,
                                  kLives,    kPreviews,  kShared,  kVault,       kUses,        kGone,
                                  kNames,    kServices,  kMembers, kPermissions, kAudit,       kVersions,
                                  kStanding, kToolGates, kAgents,  kSkills};

}  // namespace

std::span<const char* const> migrations() {
  return kSteps;
}

}  // namespace brig::store
