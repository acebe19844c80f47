// MCP servers that run in a mesh, as the API sees them.
//
// A service is a row of the ledger that says what is to run; brigd builds it in a sandbox, runs it in
// another, and speaks to its standard input and output itself. Its life:
//
//   building ──► installing ──► starting ──► running ◄──► restarting ──► crashed
//       └─────────────┴─────────────┴──► failed ▲       stopped: somebody asked for it
//                                               └──► paused: it stands still until it is called
//
// A skill is deployed as a service is, and is not run: its files are served, and mounted into the sessions of
// its mesh (session/skills.hpp). It goes from building to ready, or to failed.
//
// What was begun goes on though whoever asked goes away, and after a restart of brigd: a deployment is made
// whole, a server that runs is taken up again without its noticing. A version in place of another is started
// beside it, and has the calls once it works.
//
// One of which the ledger's record does not read is there as failed, to be deployed anew or removed.
//
// Who may do what with a service is said in access.hpp; for whoever may not see it, it is `not_found`.
//
// Ownership: the implementation owns services; Views are copies. Threads: the loop's. Failure: as Result.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mcp/gateway/backends.hpp"
#include "policy/egress/rule.hpp"
#include "service/scope.hpp"
#include "service/skill_card.hpp"
#include "service/tool_gate.hpp"
#include "session/sessions.hpp"

namespace brig::service {

// `ready`: a skill, whose files are there.
enum class State {
  building,
  installing,
  starting,
  running,
  paused,
  restarting,
  stopped,
  failed,
  crashed,
  ready
};
std::string_view to_string(State state);
std::optional<State> state_of(std::string_view text);

// A package of the registry that this host's npm is set up for.
struct NpmSource {
  std::string package;                     // "@scope/name" or "name"
  std::string range;                       // a version, a range or a tag; empty: the newest
  std::string bin;                         // which of its commands; empty: the one there is, or of its name
  std::vector<std::string> allow_scripts;  // packages whose install scripts run
  bool operator==(const NpmSource&) const = default;
};

// A directory on this host, copied when it is deployed.
struct DirectorySource {
  std::string path;
  // With whose rights it is read: those of whoever deployed it. None: an admin's token.
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  bool operator==(const DirectorySource&) const = default;
};

// A repository, cloned when it is deployed: its newest commit alone.
struct RepositorySource {
  std::string url;  // http or https
  std::string ref;  // a branch or tag; empty: what the repository says
  std::string key;  // of the deployer's vault, told to its host alone; empty: none
  bool operator==(const RepositorySource&) const = default;
};

// A zip that the deployer has handed in.
struct ZipSource {
  std::string file_id;
  std::string kept;  // where; once it is deployed
  bool operator==(const ZipSource&) const = default;
};

// A server elsewhere, for which a bridge of ours stands in: in a sandbox that reaches that host alone.
// Variables HEADER_NAME are headers of every request.
struct RemoteSource {
  std::string url;  // http or https; Streamable HTTP, or the transport of 2024-11-05
  bool operator==(const RemoteSource&) const = default;
};

// An image that the engine has or pulls: what it runs by its own account, unless `args` say otherwise.
struct ImageSource {
  std::string reference;  // "registry.example.com/team/server:2"
  std::string key;        // of the deployer's vault, which opens the registry; empty: none is needed
  bool local = false;     // one that no registry has may be taken: whoever named it may use the engine's
  bool operator==(const ImageSource&) const = default;
};

// What a server of files runs on; `binary`: on nothing.
enum class Runtime { node, python, bun, binary };
inline constexpr Runtime kRuntimes[] = {Runtime::node, Runtime::python, Runtime::bun, Runtime::binary};
std::string_view to_string(Runtime runtime);
std::optional<Runtime> runtime_of(std::string_view text);

struct Spec {
  bool skill = false;            // files, and no server
  std::optional<NpmSource> npm;  // one of these
  std::optional<DirectorySource> directory;
  std::optional<RepositorySource> git;
  std::optional<ZipSource> zip;
  std::optional<RemoteSource> remote;
  std::optional<ImageSource> image;
  std::optional<Runtime> runtime;  // none: what the source says
  std::vector<std::string> args;   // of its command
  std::vector<egress::Rule> allow;
  std::optional<std::uint64_t> memory;  // bytes
  std::optional<std::uint32_t> milli_cpus;
  std::optional<Millis> idle;  // paused when nobody has called it for so long; none: never
};

struct DeploySpec {
  std::string name;
  Spec spec;
  // "$vault:KEY" stands for that key of the deployer's vault, whatever it is when the server starts.
  std::map<std::string, Secret> env;
  std::optional<Scope> scope;  // none: as that of the one of its name, else "peer"
};

// What a service has run, and can run again.
struct Version {
  std::uint64_t number = 0;
  std::string version;  // what was resolved; empty: the source has none
  std::string artefact;
  WallTime made{};
};

struct BundleFile {
  std::string path;  // of its root; no link and no directory
  std::uint64_t bytes = 0;
  bool executable = false;
};

// A file's content, as it was when it was asked for, whatever becomes of its skill.
class FileReader {
 public:
  virtual ~FileReader() = default;
  virtual net::Task<Result<std::vector<std::byte>>> next() = 0;  // empty: that was all
};

// How it is made and fares, for those who look after it.
struct Insight {
  std::string reason;  // one sentence: why it is in its state; empty where the state says it all
  Spec spec;
  std::map<std::string, std::string> env;  // names, each with the vault's key it stands for or ""
  std::string version;                     // what was resolved; empty: the source has none
  std::vector<std::string> command;
  std::string artefact;
  std::uint64_t artefact_bytes = 0;
  std::uint64_t number = 0;       // of the version that it has; 0: none was built yet
  std::vector<Version> versions;  // what is kept, oldest first, with that one
  std::string session;            // the id of its sandbox; empty: none
  int restarts = 0;               // since it was last quiet
  std::size_t waiting = 0;        // tools that wait for approval
};

// What the catalogue tells of it.
struct View {
  std::string mesh;
  std::string name;
  std::string owner;  // who deployed it
  Scope scope;
  State state = State::building;
  // "npm", "git", "zip", "remote", "image", "directory"; "unknown": it does not read
  std::string_view source;
  std::optional<Runtime> runtime;  // once it is known; an image has none
  std::string server_info;         // JSON, as it came; empty: it never ran
  std::optional<SkillCard> skill;  // of one that was built
  std::string_view type;           // "mcp", "skill"
  std::size_t tools = 0;
  WallTime created{};
  WallTime updated{};
  std::optional<Insight> inside;  // none: not for this caller
};

struct Tool {
  std::string name;
  std::string json;  // as the server described it
};

// What somebody has looked at, and lets pass.
struct Approval {
  std::string tool;
  std::string fingerprint;
};

// The gate before a service's tools, for those who look after it.
struct ToolReport {
  struct Entry {
    std::string name;
    Standing standing = Standing::unreadable;
    std::string fingerprint;          // empty: it cannot be read
    std::vector<ToolChange> changes;  // since it was approved, if it waits
  };
  Pinning pinning = Pinning::ask;
  ToolLists lists;
  std::vector<Entry> tools;  // all that its server lists
};

struct LogLine {
  WallTime at{};
  std::string text;  // printable
};

// The lines of a log, as they come.
class LogReader {
 public:
  virtual ~LogReader() = default;
  // At least one; none at the end, which is that of the service. `not_found` once its reader may not read it.
  virtual net::Task<Result<std::vector<LogLine>>> next() = 0;
};

struct Uploaded {
  std::string id;
  std::uint64_t bytes = 0;
};

// A file on its way in. One that is not finished is gone with this.
class Upload {
 public:
  virtual ~Upload() = default;
  // `bytes` must last until it returns.
  virtual net::Task<Result<void>> write(std::span<const std::byte> bytes) = 0;
  virtual net::Task<Result<Uploaded>> finish() = 0;
};

// Told of each state as it is reached.
using Progress = std::function<void(State state, const std::string& what)>;

class Services {
 public:
  virtual ~Services() = default;

  // What would be refused without anything being begun. It counts as one of the caller's deployments.
  virtual Result<void> check(const session::Caller& caller, const std::string& mesh,
                             const DeploySpec& spec) = 0;
  // Likewise of an update.
  virtual Result<void> check_update(const session::Caller& caller, const std::string& mesh,
                                    const std::string& name) = 0;
  // How long until the caller may deploy (or one of those), or call again, if that was refused as
  // `rate_limited`.
  virtual Millis wait_to_deploy(const session::Caller& caller, const std::string& mesh) const = 0;
  virtual Millis wait_to_call(const session::Caller& caller, const std::string& mesh) const = 0;
  // Of a file to deploy, kept for whoever hands it in: for an hour, or until it is built.
  virtual net::Task<Result<std::unique_ptr<Upload>>> upload(session::Caller caller, std::string mesh) = 0;
  // In place of the one of that name, as an update is. Returns once it runs.
  virtual net::Task<Result<View>> deploy(session::Caller caller, std::string mesh, DeploySpec spec,
                                         Progress progress) = 0;
  // The newest that its source has, built, started and asked for its tools beside what runs; then calls go to
  // it. What does not come so far changes nothing.
  virtual net::Task<Result<View>> update(session::Caller caller, std::string mesh, std::string name,
                                         Progress progress) = 0;
  // Likewise.
  virtual Result<void> check_rollback(const session::Caller& caller, const std::string& mesh,
                                      const std::string& name, std::optional<std::uint64_t> number) = 0;
  // Also of a pause.
  virtual Result<void> check_restart(const session::Caller& caller, const std::string& mesh,
                                     const std::string& name) = 0;
  // To a version that it had before, whole: source, variables, limits; none: the one before. Likewise.
  virtual net::Task<Result<View>> rollback(session::Caller caller, std::string mesh, std::string name,
                                           std::optional<std::uint64_t> number, Progress progress) = 0;
  virtual net::Task<Result<View>> restart(session::Caller caller, std::string mesh, std::string name) = 0;
  virtual net::Task<Result<View>> stop(session::Caller caller, std::string mesh, std::string name) = 0;
  // It stands still until it is called. `conflict` while somebody waits for its answer.
  virtual net::Task<Result<View>> pause(session::Caller caller, std::string mesh, std::string name) = 0;
  // From now on: also for who is calling it.
  virtual net::Task<Result<View>> set_scope(session::Caller caller, std::string mesh, std::string name,
                                            Scope scope) = 0;
  // SIGTERM, ten seconds, SIGKILL; then nothing of it is left but its home.
  virtual net::Task<Result<void>> remove(session::Caller caller, std::string mesh, std::string name) = 0;

  virtual Result<std::vector<View>> list(const session::Caller& caller, const std::string& mesh) = 0;
  virtual Result<View> get(const session::Caller& caller, const std::string& mesh,
                           const std::string& name) = 0;
  virtual Result<std::vector<Tool>> tools(const session::Caller& caller, const std::string& mesh,
                                          const std::string& name) = 0;
  // Of those who look after it: which of its tools pass, which do not, and why.
  virtual net::Task<Result<ToolReport>> tool_report(session::Caller caller, std::string mesh,
                                                    std::string name) = 0;
  // In place of those before; at once, and for everybody.
  virtual net::Task<Result<ToolReport>> set_tool_lists(session::Caller caller, std::string mesh,
                                                       std::string name, ToolLists lists) = 0;
  // `conflict` where a tool is not any more what was looked at; then none passes that did not before.
  virtual net::Task<Result<ToolReport>> approve_tools(session::Caller caller, std::string mesh,
                                                      std::string name, std::vector<Approval> approvals) = 0;
  // Of a skill, by path.
  virtual net::Task<Result<std::vector<BundleFile>>> files(session::Caller caller, std::string mesh,
                                                           std::string name) = 0;
  virtual net::Task<Result<std::unique_ptr<FileReader>>> open_file(session::Caller caller, std::string mesh,
                                                                   std::string name, std::string path) = 0;
  // The last `count` lines, oldest first.
  virtual Result<std::vector<LogLine>> logs(const session::Caller& caller, const std::string& mesh,
                                            const std::string& name, std::size_t count) = 0;
  // Likewise, and then what comes.
  virtual Result<std::unique_ptr<LogReader>> follow_logs(const session::Caller& caller,
                                                         const std::string& mesh, const std::string& name,
                                                         std::size_t count) = 0;
  // `arguments` is a JSON object. What the server answers, also its own errors, is the Answer.
  virtual net::Task<Result<mcp::Answer>> call(session::Caller caller, std::string mesh, std::string name,
                                              std::string tool, std::string arguments, Deadline deadline) = 0;
  // The mesh as a client of the gateway sees it. `not_found` if it is not the caller's.
  virtual Result<std::unique_ptr<mcp::Backends>> backends(const session::Caller& caller,
                                                          const std::string& mesh) = 0;
};

inline constexpr std::size_t kLogLines = 1'000;
inline constexpr Millis kCallWithin{25'000};

}  // namespace brig::service
