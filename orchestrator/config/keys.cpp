#include "config/keys.hpp"

#include <algorithm>
#include <array>

#include "core/names.hpp"
#include "core/text.hpp"

namespace brig::config {
namespace {

using Into = Config&;
using Name = std::string_view;

void read_path(Table& table, Name name, std::filesystem::path& into, bool may_be_empty) {
  auto value = table.text(name);
  if (!value) return;
  if (value->empty() && may_be_empty)
    into.clear();
  else if (value->empty() || value->front() != '/')
    table.fail(name, "is " + quoted(*value) + "; write an absolute path");
  else
    into = std::filesystem::path(*value).lexically_normal();
}

// One of `choices`, as its place among them.
template <std::size_t N>
std::optional<std::size_t> read_choice(Table& table, Name name,
                                       const std::array<std::string_view, N>& choices) {
  auto value = table.text(name, 64);
  if (!value) return {};
  auto at = std::find(choices.begin(), choices.end(), *value);
  if (at != choices.end()) return static_cast<std::size_t>(at - choices.begin());
  std::vector<std::string> words(choices.begin(), choices.end());
  table.fail(name,
             "is " + quoted(*value) + "; write one of " + join(words, ", ") + did_you_mean(*value, choices));
  return {};
}

// What a name of an image may start with: the engine takes lower case only.
bool is_prefix(std::string_view text) {
  if (text.empty() || text.size() > 64 || text.front() == '-' || text.back() == '-') return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

// "127.0.0.1:7543", "[::1]:7543".
bool is_listen(std::string_view text) {
  auto colon = text.rfind(':');
  if (colon == 0 || colon == std::string_view::npos || text.size() > 100) return false;
  auto port = text.substr(colon + 1);
  auto host = text.substr(0, colon);
  if (host.find(':') != std::string_view::npos && (host.front() != '[' || host.back() != ']')) return false;
  if (port.empty() || port.size() > 5) return false;
  unsigned number = 0;
  for (char c : port) {
    if (c < '0' || c > '9') return false;
    number = number * 10 + static_cast<unsigned>(c - '0');
  }
  return number >= 1 && number <= 65535;
}

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 50;

void read_quota(Table& table, Config::Quota& into) {
  if (auto v = table.number("sessions", 0, 100000)) into.sessions = *v;
  if (auto v = table.size("memory", 0, kMostBytes)) into.memory = *v;
  if (auto v = table.size("disk", 0, kMostBytes)) into.disk = *v;
  if (auto v = table.number("starts_per_minute", 0, 100000)) into.starts_per_minute = *v;
}

// Of an image's name, the host; not a namespace in it.
bool is_registry(std::string_view text) {
  bool named = text == "localhost" || text.find_first_of(".:") != text.npos;
  return named && text.front() != '-' && text.front() != '.' && text.front() != ':' &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isdigit(c) || std::islower(c) || c == '-' || c == '.' || c == ':';
         });
}

constexpr std::array<std::string_view, 3> kPinnings{"auto", "ask", "strict"};

void read_mesh(Table& table, Config::Mesh& into) {
  if (auto v = read_choice(table, "pinning", kPinnings)) into.pinning = *v;
  if (auto v = table.number("services", 0, 100000)) into.services = *v;
  if (auto v = table.number("deploys_per_minute", 0, 1000000)) into.deploys_per_minute = *v;
  if (auto v = table.number("calls_per_minute", 0, 10000000)) into.calls_per_minute = *v;
  if (auto v = table.texts("registries", 64, 256)) {
    for (const auto& registry : *v)
      if (!is_registry(registry))
        table.fail("registries",
                   "has " + quoted(registry) +
                       "; write a registry's host as images' names begin with it, as in "
                       "\"registry.example.com\", \"registry.example.com:5000\" or \"docker.io\"");
    into.registries = *v;
  }
}

constexpr std::array<std::string_view, 4> kLevels{"debug", "info", "warn", "error"};
constexpr std::array<std::string_view, 2> kFormats{"text", "json"};
constexpr std::array<std::string_view, 3> kNetworks{"default", "host", "none"};

const Key kKeys[] = {
    {"service", "state_dir", "\"/var/lib/brig\"", "",
     "Where everything that outlives brigd is kept; one brigd per directory.",
     [](Table& t, Name n, Into c) { read_path(t, n, c.service.state_dir, false); }},
    {"service", "socket", "\"/run/brig/brig.sock\"", "",
     "The unix socket of the API; its directory is made if need be.",
     [](Table& t, Name n, Into c) {
       read_path(t, n, c.service.socket, false);
       if (c.service.socket.native().size() > 107)
         t.fail(n, "has more than 107 bytes, which no unix socket may have; choose a shorter path");
     }},
    {"service", "group", "\"brig\"", "",
     "Who is in this group may use the socket; an empty text leaves it to root alone.",
     [](Table& t, Name n, Into c) {
       if (auto v = t.text(n, 32)) c.service.group = *v;
     }},
    {"service", "log_level", "\"info\"", "", "How much is logged: debug, info, warn or error.",
     [](Table& t, Name n, Into c) {
       if (auto v = read_choice(t, n, kLevels)) c.service.log_level = static_cast<log::Level>(*v);
     }},
    {"service", "log_format", "\"text\"", "",
     "text for people, json for machines: one object a line, on stderr.",
     [](Table& t, Name n, Into c) {
       if (auto v = read_choice(t, n, kFormats)) c.service.log_format = static_cast<log::Format>(*v);
     }},

    {"api.tcp", "listen", "", "\"127.0.0.1:7543\"",
     "Address and port; absent, the API is on the socket only.",
     [](Table& t, Name n, Into c) {
       auto v = t.text(n, 128);
       if (v && !is_listen(*v))
         t.fail(n,
                "is " + quoted(*v) + "; write address and port, as in \"127.0.0.1:7543\" or \"[::1]:7543\"");
       if (v) c.tcp.listen = *v;
     }},
    {"api.tcp", "cert", "", "\"/etc/brig/tls/cert.pem\"",
     "The server's certificate chain, PEM; absent, brigd makes one of its own in STATE/tls.",
     [](Table& t, Name n, Into c) { read_path(t, n, c.tcp.cert, false); }},
    {"api.tcp", "key", "", "\"/etc/brig/tls/key.pem\"", "The certificate's private key, PEM.",
     [](Table& t, Name n, Into c) { read_path(t, n, c.tcp.key, false); }},
    {"api.tcp", "allowed_hosts", "[]", "",
     "Names that callers may use for this server beside the address above; other Host and Origin headers are "
     "refused.",
     [](Table& t, Name n, Into c) {
       if (auto v = t.texts(n, 64, 253)) c.tcp.allowed_hosts = *v;
     }},

    {"preview", "listen", "", "\"127.0.0.1:7544\"",
     "Address and port of the web pages of ports in sandboxes ('brig preview'); absent, there are none. Not "
     "the "
     "API's: what a sandbox serves shares nothing with it.",
     [](Table& t, Name n, Into c) {
       auto v = t.text(n, 128);
       if (v && !is_listen(*v))
         t.fail(n,
                "is " + quoted(*v) + "; write address and port, as in \"127.0.0.1:7544\" or \"[::1]:7544\"");
       if (v) c.preview.listen = *v;
     }},
    {"preview", "domain", "\"localhost\"", "",
     "Each preview has a name of its own below this one, which must lead to the address above: for others "
     "than "
     "localhost, a wildcard in the DNS.",
     [](Table& t, Name n, Into c) {
       auto v = t.text(n, 200);
       if (!v) return;
       bool good = !v->empty() && v->front() != '.' && v->back() != '.' &&
                   std::all_of(v->begin(), v->end(), [](char ch) {
                     return (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '-' || ch == '.';
                   });
       if (!good)
         t.fail(n, "is " + quoted(*v) + "; write a host name in lower case, as in \"preview.example.org\"");
       c.preview.domain = *v;
     }},
    {"preview", "cert", "", "\"/etc/brig/tls/preview.pem\"",
     "A certificate chain for *.domain, PEM; absent, pages are plain HTTP on loopback, and elsewhere brigd "
     "makes "
     "a certificate of its own.",
     [](Table& t, Name n, Into c) { read_path(t, n, c.preview.cert, false); }},
    {"preview", "key", "", "\"/etc/brig/tls/preview.key\"", "The certificate's private key, PEM.",
     [](Table& t, Name n, Into c) { read_path(t, n, c.preview.key, false); }},

    {"engine", "host", "\"\"", "",
     "The engine, as DOCKER_HOST says it (unix:///var/run/docker.sock, tcp://host:2376); empty: DOCKER_HOST, "
     "DOCKER_TLS_VERIFY and DOCKER_CERT_PATH of brigd's environment, else the usual socket.",
     [](Table& t, Name n, Into c) {
       if (auto v = t.text(n)) c.engine.host = *v;
     }},
    {"engine", "tls_verify", "true", "", "With a tcp host: demand TLS and check the engine's certificate.",
     [](Table& t, Name n, Into c) {
       if (auto v = t.flag(n)) c.engine.tls_verify = *v;
     }},
    {"engine", "cert_path", "", "\"/etc/brig/engine\"",
     "The directory with ca.pem, cert.pem and key.pem for a tcp host, as DOCKER_CERT_PATH.",
     [](Table& t, Name n, Into c) { read_path(t, n, c.engine.cert_path, true); }},

    {"policy", "ceiling", "\"/etc/brig/ceiling.toml\"", "",
     "The most that any sandbox may have; if the file does not exist, the host alone is the bound.",
     [](Table& t, Name n, Into c) { read_path(t, n, c.policy.ceiling, false); }},
    {"policy", "profiles_dir", "\"/etc/brig/profiles.d\"", "",
     "Profiles (NAME.toml) beside the built-in ones; need not exist.",
     [](Table& t, Name n, Into c) { read_path(t, n, c.policy.profiles_dir, false); }},
    {"policy", "default_profile", "\"default\"", "", "The profile of sandboxes that ask for none.",
     [](Table& t, Name n, Into c) {
       auto v = t.text(n, 64);
       if (!v) return;
       if (!check_name(n, *v)) t.fail(n, "is " + quoted(*v) + "; write a profile's name");
       c.policy.default_profile = *v;
     }},

    {"images", "dir", "\"\"", "",
     "The folder with one folder per provider (Dockerfile, provider.toml); empty: the one installed with "
     "brigd.",
     [](Table& t, Name n, Into c) { read_path(t, n, c.images.dir, true); }},
    {"images", "base", "\"debian:bookworm-slim\"", "",
     "What the base image is pulled from where an image registry can be reached; else, and if empty, it is "
     "bootstrapped from this host's own apt configuration.",
     [](Table& t, Name n, Into c) {
       if (auto v = t.text(n, 255)) c.images.base = *v;
     }},
    {"images", "prefix", "\"brig\"", "",
     "What the names of our images start with; two brigd with different images on one engine need two.",
     [](Table& t, Name n, Into c) {
       auto v = t.text(n, 255);
       if (!v) return;
       if (!is_prefix(*v))
         t.fail(n, "is " + quoted(*v) + "; write lower-case letters, digits and '-', at most 64");
       c.images.prefix = *v;
     }},
    {"images", "build_network", "\"default\"", "",
     "The network of build steps: default (the engine's bridge), host, or none.",
     [](Table& t, Name n, Into c) {
       if (auto v = read_choice(t, n, kNetworks)) c.images.build_network = kNetworks[*v];
     }},
    {"images", "build_deadline", "\"1h\"", "", "How long one image may take to build.",
     [](Table& t, Name n, Into c) {
       if (auto v = t.duration(n, std::chrono::minutes(1), std::chrono::hours(24)))
         c.images.build_deadline = *v;
     }},

    {"trust", "ca_bundle", "\"auto\"", "",
     "The certificate authorities that builds and sandboxes trust beside their own: the path of a PEM file, "
     "none, or "
     "auto: this host's bundle if authorities were added to it.",
     [](Table& t, Name n, Into c) {
       auto v = t.text(n);
       if (!v) return;
       if (*v != "auto" && *v != "none" && (v->empty() || v->front() != '/'))
         t.fail(n, "is " + quoted(*v) + "; write \"auto\", \"none\" or an absolute path");
       c.trust.ca_bundle = *v;
     }},
    {"trust", "builds", "true", "", "Whether image builds get that bundle.",
     [](Table& t, Name n, Into c) {
       if (auto v = t.flag(n)) c.trust.builds = *v;
     }},
    {"trust", "sandboxes", "true", "", "Whether sandboxes get that bundle.",
     [](Table& t, Name n, Into c) {
       if (auto v = t.flag(n)) c.trust.sandboxes = *v;
     }},

    {"egress", "connections", "2048", "", "How many connections out one sandbox may have at a time.",
     [](Table& t, Name n, Into c) {
       if (auto v = t.number(n, 1, 100000)) c.egress.connections = *v;
     }},
    {"egress", "connections_per_second", "200", "",
     "How many new ones a second, in bursts of up to a thousand; what is over that waits.",
     [](Table& t, Name n, Into c) {
       if (auto v = t.number(n, 1, 100000)) c.egress.connections_per_second = *v;
     }},
    {"egress", "bytes", "\"0\"", "\"10 GiB\"",
     "How much one sandbox may send and receive together while brigd runs; 0 is without a bound.",
     [](Table& t, Name n, Into c) {
       if (auto v = t.size(n, 0, std::uint64_t{1} << 60)) c.egress.bytes = *v;
     }},
    {"egress", "answer_within", "\"2m\"", "",
     "How long a connection that needs a person's yes waits for it, before it is a no.",
     [](Table& t, Name n, Into c) {
       if (auto v = t.duration(n, std::chrono::seconds(1), std::chrono::hours(1)))
         c.egress.answer_within = *v;
     }},

    {"limits", "max_sessions", "1000", "", "How many sandboxes may exist at a time.",
     [](Table& t, Name n, Into c) {
       if (auto v = t.number(n, 1, 100000)) c.limits.max_sessions = *v;
     }},
    {"limits", "output_bytes", "\"16 MiB\"", "",
     "How much output of each process is kept to be read again; the oldest goes first.",
     [](Table& t, Name n, Into c) {
       if (auto v = t.size(n, 1u << 20, std::uint64_t{1} << 40)) c.limits.output_bytes = *v;
     }},
    {"limits", "max_connections", "1024", "", "How many connections the API takes at a time.",
     [](Table& t, Name n, Into c) {
       if (auto v = t.number(n, 8, 1000000)) c.limits.max_connections = *v;
     }},
    {"limits", "requests_per_minute", "6000", "",
     "How many requests a minute each caller of the API may make.",
     [](Table& t, Name n, Into c) {
       if (auto v = t.number(n, 1, 10000000)) c.limits.requests_per_minute = *v;
     }},
    {"limits", "events", "50000", "", "How many events are kept to be read again; the oldest go first.",
     [](Table& t, Name n, Into c) {
       if (auto v = t.number(n, 100, 100000000)) c.limits.events = *v;
     }},
    {"limits", "events_age", "\"30d\"", "", "How long events are kept.",
     [](Table& t, Name n, Into c) {
       if (auto v = t.duration(n, std::chrono::minutes(1), std::chrono::hours(24 * 3650)))
         c.limits.events_age = *v;
     }},
    {"limits", "audit", "1000000", "", "How many entries of each mesh's audit are kept; the oldest go first.",
     [](Table& t, Name n, Into c) {
       if (auto v = t.number(n, 1000, 1000000000)) c.limits.audit = *v;
     }},

    {"volumes", "size", "\"4 GiB\"", "",
     "How much a volume may hold, of a provider's configuration or a shared one that asks for nothing else: "
     "a "
     "file system of that size, which takes on the host what is in it. One that is there keeps its size.",
     [](Table& t, Name n, Into c) {
       if (auto v = t.size(n, 16u << 20, std::uint64_t{1} << 44)) c.volumes.size = *v;
     }},
    {"volumes", "max_size", "\"64 GiB\"", "", "How much a shared volume may ask for.",
     [](Table& t, Name n, Into c) {
       if (auto v = t.size(n, 16u << 20, std::uint64_t{1} << 44)) c.volumes.max_size = *v;
     }},
    {"volumes", "per_owner", "100", "", "How many shared volumes one owner may have.",
     [](Table& t, Name n, Into c) {
       if (auto v = t.number(n, 0, 100000)) c.volumes.per_owner = *v;
     }},
    {"volumes", "retention", "\"7d\"", "",
     "How long a pruned volume is kept in quarantine, from where it can be restored.",
     [](Table& t, Name n, Into c) {
       if (auto v = t.duration(n, Millis{1'000}, std::chrono::hours(24 * 3650))) c.volumes.retention = *v;
     }},
    {"volumes", "archive_rate", "\"256 MiB\"", "",
     "How much a second is read of volumes that are archived for the quarantine.",
     [](Table& t, Name n, Into c) {
       if (auto v = t.size(n, 1u << 20, std::uint64_t{1} << 40)) c.volumes.archive_rate = *v;
     }},

    {"quota", "sessions", "0", "", "How many sessions one owner may have at a time; 0 is no bound.",
     [](Table& t, Name, Into c) { read_quota(t, c.quota.standard); }},
    {"quota", "memory", "\"0\"", "",
     "What the memory limits of one owner's sessions may come to; 0 is no bound.", [](Table&, Name, Into) {}},
    {"quota", "disk", "\"0\"", "",
     "What the disk limits of one owner's sessions may come to, ended ones too until they are removed, and "
     "apart "
     "from that the sizes of the shared volumes he made; 0 is no bound. With a bound, a session needs a disk "
     "limit.",
     [](Table&, Name, Into) {}},
    {"quota", "starts_per_minute", "0", "", "How many sessions one owner may start a minute; 0 is no bound.",
     [](Table&, Name, Into) {}},
    {"quota", "owners", "", "[{ owner = \"uid:1000\", sessions = 50, memory = \"64 GiB\" }]",
     "Owners with bounds of their own; what one does not say, is as above.",
     [](Table& t, Name n, Into c) {
       for (auto* entry : t.list(n, 10000)) {
         auto owner = entry->text("owner", 128);
         if (!owner || owner->empty()) {
           entry->fail("owner", "is missing; say whose bounds these are, such as \"uid:1000\"");
           return;
         }
         auto quota = c.quota.standard;
         read_quota(*entry, quota);
         if (!c.quota.owners.emplace(*owner, quota).second)
           entry->fail("owner",
                       "is " + quoted(*owner) + " for the second time; say all of its bounds at once");
       }
     }},

    {"mesh", "pinning", "\"ask\"", "",
     "What becomes of a service's tools that are new or have changed since they were approved: \"auto\", "
     "they "
     "pass; \"ask\", those of its first start pass, later ones wait for whoever looks after it; \"strict\", "
     "all wait for who manages the mesh's permissions.",
     [](Table& t, Name, Into c) { read_mesh(t, c.meshes.standard); }},
    {"mesh", "services", "200", "", "How many services a mesh may have; 0 is no bound.",
     [](Table&, Name, Into) {}},
    {"mesh", "deploys_per_minute", "60", "",
     "How often a minute each member may deploy or update services; 0 is no bound.",
     [](Table&, Name, Into) {}},
    {"mesh", "calls_per_minute", "6000", "",
     "How many calls a minute each member may make of services; 0 is no bound.", [](Table&, Name, Into) {}},
    {"mesh", "registries", "[]", "",
     "Registries whose images members may deploy as services; the engine pulls and unpacks them. Admins of "
     "this "
     "host may name any.",
     [](Table&, Name, Into) {}},
    {"mesh", "meshes", "", "[{ mesh = \"acme\", pinning = \"strict\", services = 20 }]",
     "Meshes with rules of their own; what one does not say, is as above.",
     [](Table& t, Name n, Into c) {
       for (auto* entry : t.list(n, 10000)) {
         auto name = entry->text("mesh", 64);
         if (!name || !check_name("mesh", *name)) {
           entry->fail("mesh", "names no mesh; say which these rules are of, such as \"acme\"");
           return;
         }
         auto rules = c.meshes.standard;
         read_mesh(*entry, rules);
         if (!c.meshes.named.emplace(*name, rules).second)
           entry->fail("mesh", "is " + quoted(*name) + " for the second time; say all of its rules at once");
       }
     }},
};

const TableMeaning kTables[] = {
    {"service", "The service itself."},
    {"api.tcp", "The API over TCP with TLS, for callers with a token. Off unless listen is set."},
    {"preview", "Ports in sandboxes as web pages, for whoever has the URL. Off unless listen is set."},
    {"engine", "The Docker engine."},
    {"policy", "What sandboxes may do."},
    {"images", "The images of providers and how they are built."},
    {"trust", "Certificate authorities, for networks that sign TLS anew."},
    {"egress", "The one door out of sandboxes; what they may reach is the policy's to say."},
    {"limits", "Bounds on what brigd itself spends."},
    {"volumes", "What outlives sandboxes."},
    {"quota", "Bounds on what each owner of sessions may have, be it a user of this host or a token."},
    {"mesh", "What each mesh may have: the services that its members deploy for one another."},
};

}  // namespace

std::span<const Key> keys() {
  return kKeys;
}
std::span<const TableMeaning> tables() {
  return kTables;
}

}  // namespace brig::config
