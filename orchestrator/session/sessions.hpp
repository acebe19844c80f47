// What can be done with agent sessions, as the API sees it.
//
// A session is one sandbox of one provider over one project, with processes in it: number 1 is the provider's
// command, later ones come by exec. Its life:
//
//   preparing ──► starting ──► running ──► ending ──► ended
//       └────────────┴────────────┴───────────┘ each may go straight to `ended`, with an outcome that says
//       why; a running one may be `paused` for a while: nothing in it runs, and nothing is lost
//
// `ended` keeps the row, the output logs and the workspace's changes until remove().
//
// Ownership: the service owns sessions; Views are copies. An Attachment may outlive its session.
// Threads: the loop's. Failure: as Result; a session that is not the caller's is `not_found`, so that ids
// cannot be probed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "core/clock.hpp"
#include "core/names.hpp"
#include "core/result.hpp"
#include "core/secret.hpp"
#include "net/task.hpp"
#include "policy/egress/credential.hpp"
#include "policy/request.hpp"

namespace brig::session {

// Who asks. Made by the API's authentication, never by the request itself.
struct Caller {
  enum class Role { viewer, user, admin };
  Role role = Role::viewer;
  std::string owner;         // "uid:1000", "token:ab12cd34", or what the token was minted for
  std::optional<uid_t> uid;  // callers on the unix socket
  std::optional<gid_t> gid;
  std::string mesh;        // the tenant a token is confined to; empty: none
  std::string credential;  // what they came with: "uid:1000", "token:ab12cd34"
  // Who they are in that mesh; see member.hpp. None: whoever has the token, and nobody in particular.
  struct Member {
    enum class Role { member, admin, owner };
    std::string peer;
    std::vector<std::string> groups;
    Role role = Role::member;
    bool operator==(const Member&) const = default;
  };
  std::optional<Member> member;
  // The session whose agent this is, at its mesh's endpoint; see agent.hpp. None: whoever it is comes
  // himself.
  std::optional<SessionId> agent;
};

struct TerminalSize {
  std::uint16_t rows = 24;
  std::uint16_t cols = 80;
};

struct EnvVar {
  std::string name;
  Secret value;  // any of them may be a key: none is logged or stored
};

struct ProcessSpec {
  std::vector<std::string> argv;
  std::vector<EnvVar> env;
  std::string cwd = "/workspace";
  std::optional<TerminalSize> terminal;  // none: three pipes
  bool stdin_open = false;               // false: /dev/null
};

// A file made for one session, over whatever is at its place.
struct Overlay {
  std::string path;  // inside; absolute
  Secret content;    // may hold keys
  bool read_only = true;
  unsigned mode = 0600;
};

// A volume of the caller's own, in a sandbox.
struct SharedMount {
  std::string volume;  // as its owner calls it
  std::string path;    // inside; absolute
  bool read_only = false;
};

// A repository that is cloned, in a sandbox of its own, into the workspace.
struct GitSource {
  std::string url;  // http or https
  std::string ref;  // a branch or tag; empty: what the repository says
};

struct CreateSpec {
  std::string provider;
  std::string image;     // a reference, instead of the provider's; empty: the provider's
  std::string binary;    // the CLI as the host knows it, often a path there; empty: the provider's
  std::string identity;  // id or label of an account at the provider; empty, or unknown: the default one
  std::string name;      // empty: one is made up
  std::optional<std::string> project;  // absolute path of a directory on the host; none: an empty workspace
  std::optional<GitSource> git;        // instead of a project
  std::string profile;                 // of the policy; empty: the provider's, or "default"
  policy::Request request;             // what the caller asks of the policy beyond the profile
  std::vector<std::string> args;       // appended to the provider's command and default arguments
  std::vector<EnvVar> env;
  std::optional<TerminalSize> terminal;
  bool stdin_open = false;
  std::map<std::string, std::string> labels;
  std::string mesh;                             // an admin's to choose; a caller of a mesh has its own
  std::vector<SharedMount> volumes;             // mounted after the provider's configuration, in their order
  std::vector<Overlay> overlays;                // mounted last, in their order
  std::vector<egress::Credential> credentials;  // beside the provider's own
  bool remove_when_ended = false;
  std::optional<Millis> ttl;   // from now; then it is ended
  std::optional<Millis> idle;  // so long without work, and it is ended
  bool joins = false;          // its agent finds the services of its mesh, if it has one
};

// How a process, or the sandbox as a whole, ended.
struct Outcome {
  enum class Kind {
    exited,         // code
    signaled,       // signal
    spawn_failed,   // detail says at which step; code is 126 or 127 as a shell would give
    out_of_memory,  // the kernel killed it at the memory limit
    stopped,        // somebody asked for it
    expired,        // its time to live, or to idle, was over; detail says which
    failed,         // the sandbox could not be started; detail
    lost,           // the container vanished
  };
  Kind kind = Kind::exited;
  int code = 0;
  int signal = 0;
  std::string detail;
  // Which limits of its policy it ran into, however it ended: "memory", "pids", "disk".
  std::vector<std::string> limits = {};

  // As a shell would report it: the code, 128 + signal, 137 for out of memory, 124 for expired.
  int exit_code() const;
};
std::string_view to_string(Outcome::Kind kind);

enum class State { preparing, starting, running, paused, ending, ended };
std::string_view to_string(State state);

struct ProcessView {
  std::uint32_t number = 0;
  std::vector<std::string> argv;
  bool terminal = false;
  WallTime started{};
  std::optional<WallTime> ended;
  std::optional<Outcome> outcome;
  std::uint64_t output_begin = 0;  // offsets of what is still kept
  std::uint64_t output_end = 0;
};

struct View {
  SessionId id;
  std::string name;
  std::string owner;
  std::string mesh;
  State state = State::preparing;
  std::string reason;  // one sentence: why it is in this state
  std::string provider;
  std::string identity;  // its label; empty: the provider keeps no configuration
  std::string identity_id;
  std::string image;
  std::string profile;
  std::string runtime;
  std::string policy_hash;
  std::optional<std::string> project;
  std::string source;     // what was cloned instead: "URL" or "URL REF"
  std::string container;  // its name; empty once it is gone
  std::map<std::string, std::string> labels;
  WallTime created{};
  std::optional<WallTime> started;
  std::optional<WallTime> ended;
  std::optional<Outcome> outcome;
  std::optional<WallTime> expires;
  std::optional<Millis> idle;
  std::vector<SharedMount> volumes;
  std::vector<egress::Credential> credentials;
  std::vector<ProcessView> processes;
};

// What an attachment yields, in order.
struct Output {
  enum class Stream : std::uint8_t { out = 1, err = 2 };
  Stream stream = Stream::out;
  std::uint64_t offset = 0;          // counts the bytes of both streams
  std::span<const std::byte> bytes;  // valid until the next call of next()
};
struct Gap {  // these bytes were no longer kept when this reader came to them
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};
struct StdinAccepted {  // bytes before this offset have reached the process
  std::uint64_t offset = 0;
};
struct PenMoved {  // it is now this attachment's, or no longer
  bool yours = false;
  std::string by;                  // whose it is; empty: nobody's
  std::uint64_t stdin_offset = 0;  // if yours: where input goes on
};
struct InputRefused {  // what was sent without the pen was dropped
  std::string by;
};
struct Ended {
  Outcome outcome;
};
using AttachEvent = std::variant<Output, Gap, StdinAccepted, PenMoved, InputRefused, Ended>;

struct AttachSpec {
  std::uint32_t process = 1;
  enum class From { offset, start, end } from = From::start;
  std::uint64_t offset = 0;
  bool follow = true;      // false: end with what is kept now, without an Ended
  bool write = false;      // wants the pen: may send input, signals and sizes if nobody else has it
  bool take_over = false;  // with write: also if somebody has
  bool watch = false;      // has no pen, and may take it over later
  std::string key;         // by which a client that comes back finds the pen it had
  std::string who;         // set by attach(): what others are told of it
  bool pace = false;       // the process waits for this reader instead of running ahead of it
};

// One reader of one process. Destroying it detaches. Of those who may write one has the pen, the others
// watch.
class Attachment {
 public:
  virtual ~Attachment() = default;
  virtual std::uint64_t output_offset() const = 0;  // where the first Output will be
  virtual std::uint64_t stdin_offset() const = 0;   // where input goes on
  virtual bool terminal() const = 0;
  virtual bool has_pen() const = 0;
  virtual std::string pen_holder() const = 0;  // empty: nobody
  // Somebody else has written since the client with this key did.
  virtual bool interrupted() const = 0;
  // The pen is ours from now on; events say where input goes on.
  virtual Result<void> take_over() = 0;
  // Something came without the pen: an event says so once.
  virtual void refuse_input() = 0;
  // It goes for good, so the pen need not be kept for it.
  virtual void leave() = 0;
  // The next event; none after Ended, or at the end of what is kept if not following.
  virtual net::Task<Result<std::optional<AttachEvent>>> next() = 0;
  // Returns once the bytes are on their way; waits while the process does not read. Bytes before
  // stdin_offset() are dropped (they arrived before); a hole is `invalid`, the lack of the pen `denied`.
  virtual net::Task<Result<void>> write(std::uint64_t offset, std::vector<std::byte> bytes) = 0;
  virtual net::Task<Result<void>> close_stdin(std::uint64_t offset) = 0;
  virtual net::Task<Result<void>> resize(TerminalSize size) = 0;
  virtual net::Task<Result<void>> signal(int number) = 0;
};

struct ListFilter {
  bool all = false;  // ended ones too
  std::map<std::string, std::string> labels;
  std::string provider;
  std::string owner;
  std::string mesh;
  std::optional<State> state;
};

class Sessions {
 public:
  virtual ~Sessions() = default;
  // Returns once the command runs, or the session has ended in `failed` (an Error then, and nothing is left).
  virtual net::Task<Result<View>> create(Caller caller, CreateSpec spec) = 0;
  // How long until this caller may start another, after a create() that was `rate_limited`.
  virtual Millis start_wait(const Caller& caller) const = 0;
  virtual net::Task<Result<std::vector<View>>> list(Caller caller, ListFilter filter) = 0;
  // `ref` is an id or a name.
  virtual net::Task<Result<View>> get(Caller caller, std::string ref) = 0;
  // SIGTERM to everything inside, SIGKILL after `grace`; returns when it has ended.
  virtual net::Task<Result<View>> stop(Caller caller, std::string ref, Millis grace) = 0;
  // Freezes everything inside, and lets it go on. Asking for what is so already is no error.
  virtual net::Task<Result<View>> pause(Caller caller, std::string ref) = 0;
  virtual net::Task<Result<View>> resume(Caller caller, std::string ref) = 0;
  // Forgets an ended session and all it kept; with `force`, stops it first.
  virtual net::Task<Result<void>> remove(Caller caller, std::string ref, bool force) = 0;
  virtual net::Task<Result<ProcessView>> exec(Caller caller, std::string ref, ProcessSpec spec) = 0;
  virtual net::Task<Result<std::unique_ptr<Attachment>>> attach(Caller caller, std::string ref,
                                                                AttachSpec spec) = 0;
  virtual net::Task<Result<void>> signal(Caller caller, std::string ref, std::uint32_t process,
                                         int number) = 0;
};

}  // namespace brig::session
