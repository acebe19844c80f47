// brig.toml: what an operator may set, with its default.
//
// The table in keys.cpp is the one place that knows a key's name, type, default and meaning; parsing, the
// defaults below and deploy/brig.toml.example all come from it. A key that is not in it is refused.
// Several brigd share a machine when each has a file of its own with another state_dir, socket and prefix.
//
// Threads: plain values. Failure: Error{invalid} with file, line, key, value and remedy; the first one found.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/result.hpp"

namespace brig::config {

inline constexpr const char* kDefaultFile = "/etc/brig/brig.toml";

struct Config {
  struct Service {
    std::filesystem::path state_dir;
    std::filesystem::path socket;
    std::string group;  // empty: root alone
    log::Level log_level = log::Level::info;
    log::Format log_format = log::Format::text;
  } service;

  struct Tcp {
    std::string listen;  // "address:port", "[address]:port"; empty: off
    std::filesystem::path cert;
    std::filesystem::path key;
    std::vector<std::string> allowed_hosts;
  } tcp;

  struct Preview {
    std::string listen;  // as in Tcp; empty: off
    std::string domain;  // previews are ID.domain
    std::filesystem::path cert;
    std::filesystem::path key;
  } preview;

  struct Engine {
    std::string host;  // as DOCKER_HOST; empty: what the environment says
    bool tls_verify = false;
    std::filesystem::path cert_path;
  } engine;

  struct Policy {
    std::filesystem::path ceiling;
    std::filesystem::path profiles_dir;
    std::string default_profile;
  } policy;

  struct Images {
    std::filesystem::path dir;  // empty: the one that was installed with brigd
    std::string base;           // empty: never pulled
    std::string prefix;
    std::string build_network;  // "default", "host", "none"
    Millis build_deadline{};
  } images;

  struct Trust {
    std::string ca_bundle;  // "auto", "none" or a path
    bool builds = true;
    bool sandboxes = true;
  } trust;

  struct Egress {
    std::uint64_t connections = 0;             // of one session at a time
    std::uint64_t connections_per_second = 0;  // new ones, of one session
    std::uint64_t bytes = 0;                   // of one session; 0: no bound
    Millis answer_within{};                    // how long a connection waits for a person
  } egress;
  // What the operator says of a single provider.
  struct Provider {
    std::string id;
    std::string image;              // instead of its own; empty: its own
    std::filesystem::path prepare;  // its hook; empty: none
    Millis prepare_deadline{30'000};
  };
  std::vector<Provider> providers;

  struct Volumes {
    std::uint64_t size = 0;  // of those that nobody gave one
    std::uint64_t max_size = 0;
    std::uint64_t per_owner = 0;     // that an owner may make
    Millis retention{};              // in quarantine
    std::uint64_t archive_rate = 0;  // bytes a second, on the way there
  } volumes;

  // A prune that the service makes by itself.
  struct Prune {
    std::string name;
    Millis every{std::chrono::hours(24)};
    Millis notice{std::chrono::hours(24)};  // between its plan and doing it
    bool dry_run = false;                   // it only tells
    Millis unused_for{std::chrono::hours(24 * 30)};
    std::uint64_t keep_last = 0;
    std::uint64_t larger = 0;
    bool orphan = false;
    std::string mesh, provider, identity, kind, owner;  // empty: whatever it is
  };
  std::vector<Prune> prunes;

  struct Quota {  // of one owner; 0: no bound
    std::uint64_t sessions = 0;
    std::uint64_t memory = 0;
    std::uint64_t disk = 0;
    std::uint64_t starts_per_minute = 0;
  };
  struct Quotas {
    Quota standard;
    std::map<std::string, Quota> owners;  // who has other bounds
  } quota;

  struct Mesh {
    std::size_t pinning = 1;     // "auto", "ask", "strict"
    std::uint64_t services = 0;  // 0: no bound; likewise below
    std::uint64_t deploys_per_minute = 0;
    std::uint64_t calls_per_minute = 0;
    std::vector<std::string> registries;  // whose images its members may deploy
  };
  struct Meshes {
    Mesh standard;
    std::map<std::string, Mesh> named;  // that have rules of their own
  } meshes;

  struct Limits {
    std::uint64_t max_sessions = 0;
    std::uint64_t output_bytes = 0;         // kept per process
    std::uint64_t max_connections = 0;      // to the API
    std::uint64_t requests_per_minute = 0;  // per caller
    std::uint64_t events = 0;               // kept
    Millis events_age{};
    std::uint64_t audit = 0;  // kept of each mesh
  } limits;
};

// An empty text is the defaults. `file` is for messages.
Result<Config> parse(std::string_view text, std::string_view file);

// The defaults if `path` does not exist and `may_be_absent`.
Result<Config> load(const std::filesystem::path& path, bool may_be_absent);

// brig.toml with every key, its meaning and its default: deploy/brig.toml.example.
std::string example();

}  // namespace brig::config
