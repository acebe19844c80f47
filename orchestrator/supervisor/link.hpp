// brigd's end of the link to one sandbox's brig-init (docs/link-protocol.md).
//
// A Link listens on the session's socket for as long as it lives, and talks to the one supervisor that
// identified itself: by the kernel's word (PeerCheck) and by the link key. A lost connection is not an error:
// brig-init keeps what was not acknowledged, comes back, and nothing is missing or doubled. Calls made
// meanwhile wait (spawn, write_stdin, stats, open_port) or are `unavailable` (signal, resize, forget).
//
// The supervisor lives in a hostile sandbox: whatever it sends is bounded and checked; a violation ends the
// connection and is told to the observer as Error{protocol}.
//
// Ownership: the session owns Link and observer, the observer outlives the Link; close() before destroying
// it. Threads: the loop's. Failure: as Result; of a process that cannot be started as SpawnOutcome.
#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/names.hpp"
#include "core/result.hpp"
#include "core/secret.hpp"
#include "link_wire/messages.hpp"
#include "net/task.hpp"

namespace brig::supervisor {

using link::ExitKind;
using link::ProcessState;
using link::Stage;
using link::Stats;
using link::Stream;
using link::Target;
// What the supervisor has of a process; `id`, `state`, offsets.
using KnownProcess = link::ProcessRecord;

// What must survive brigd: store it before start(), and `registered` before the first spawn.
struct LinkState {
  Secret key;               // new_link_key()
  bool registered = false;  // a supervisor has been given the key: from then on one without it is refused
};
Secret new_link_key();

struct Peer {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};
// Is this peer the session's supervisor? An error is the reason why not; it is logged and the peer closed.
using PeerCheck = std::function<net::Task<Result<void>>(Peer)>;

// The peer is process 1 of a pid namespace exactly one below ours, and in the container's cgroup.
// Right for runc and crun. Under gVisor the peer is the gofer, whoever called: there only the key tells.
Result<void> check_first_process(const Peer& peer, const ContainerId& container);
// The peer is any process in the container's cgroup. Not for gVisor, likewise.
Result<void> check_member(const Peer& peer, const ContainerId& container);
// What still runs in the container's cgroup, of which its engine does not know any more. Looks at every
// process of the host.
void kill_all_of(const ContainerId& container);

struct TerminalSize {
  std::uint16_t rows = 24;
  std::uint16_t cols = 80;
};

struct ProcessSpec {
  std::vector<std::string> argv;  // argv[0] without '/' is looked for in PATH, inside
  std::vector<std::pair<std::string, Secret>> env;
  bool inherit_env = true;  // on top of the image's environment; false: `env` is all there is
  std::string cwd = "/";
  std::optional<TerminalSize> terminal;
  bool stdin_open = false;
};

struct SpawnOutcome {
  bool started = false;
  std::uint32_t pid = 0;  // inside
  Stage stage{};          // if not started: where it failed, and
  int error = 0;          // the errno
  // One sentence naming the program or directory that could not be used.
  std::string message(const ProcessSpec& spec) const;
  // As a shell would give it: 127 not found, 126 anything else.
  int exit_code() const;
};

struct Exit {
  ExitKind kind = ExitKind::exited;
  int value = 0;  // code or signal
};

// Called on the loop, never from inside a call into the Link. May call Link's plain functions.
class LinkObserver {
 public:
  virtual ~LinkObserver() = default;

  // The supervisor introduces itself: how far is the output of each of its processes stored? Called for each
  // before on_connected(). Unknown process: 0 (it then sends all it has).
  virtual std::uint64_t output_held(std::uint32_t process) = 0;
  // `processes` is all the supervisor knows, exited ones too; on_exited() follows for those as for any other.
  virtual void on_connected(std::span<const KnownProcess> processes) = 0;

  // The next bytes of a process. Returns the offset up to which output is stored and may be let go by the
  // supervisor: offset + size if stored at once, less to hold the process back (ack() later). `bytes` stay
  // valid until on_batch_end() returns, so that many can be written in one go.
  virtual std::uint64_t on_output(std::uint32_t process, Stream stream, std::uint64_t offset,
                                  std::span<const std::byte> bytes) = 0;
  // Everything one read brought has been delivered; acknowledgements go out after it.
  virtual void on_batch_end() {}
  // brig-init no longer has [from, to): only if output once acknowledged was lost on our side.
  virtual void on_gap(std::uint32_t process, std::uint64_t from, std::uint64_t to) = 0;

  // The process itself has ended, and all it wrote before has been delivered (up to `offset`). Descendants
  // may still write. Once per Link, whatever happens to the connection.
  virtual void on_exited(std::uint32_t process, Exit exit, std::uint64_t offset) = 0;
  // Nobody can write any more: `offset` is the output's length. May come before or after on_exited().
  virtual void on_output_end(std::uint32_t process, std::uint64_t offset) = 0;
  // Input before `offset` reached the process; `gone`: it no longer reads, the rest is dropped.
  virtual void on_stdin_ack(std::uint32_t process, std::uint64_t offset, bool gone) = 0;

  // The connection is lost (unavailable) or was ended for a violation (protocol). It may come back.
  virtual void on_disconnected(const Error& why) = 0;
  // The supervisor has shut down and will exit now.
  virtual void on_finished() = 0;
};

// A connection to a port inside. Destroying it closes it. One reader and one writer at a time.
class Channel {
 public:
  virtual ~Channel() = default;
  // At least one byte, at most `max`; empty at the end of the stream.
  virtual net::Task<Result<std::vector<std::byte>>> read(std::size_t max) = 0;
  // Returns once the bytes are on their way; waits for credit.
  virtual net::Task<Result<void>> write(std::span<const std::byte> bytes) = 0;
  // No more will be written; reading goes on.
  virtual Result<void> finish_writing() = 0;
};

struct LinkOptions {
  std::string name;                 // for logs: the session's id
  std::filesystem::path directory;  // the socket is `sock` in it
  std::optional<uid_t> socket_uid;  // owner of the socket; the mode is 0600. None: ours
  LinkState state;
  PeerCheck check;
  Millis handshake_deadline{10'000};
  std::size_t max_pending = 4;  // connections that have not identified themselves
};

class Link {
 public:
  Link(net::asio::any_io_executor executor, LinkOptions options, LinkObserver& observer);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link();

  // Binds the socket (replacing a stale one atomically) and starts to accept.
  Result<void> start();
  // Ends everything and waits for it; calls that wait get `cancelled`. The socket file is removed.
  // The supervisor is not told: it goes on, and connects to the next Link on the same socket.
  net::Task<void> close();

  bool connected() const;
  net::Task<Result<void>> wait_connected(Deadline deadline);

  // Starts process `id` (1 …; never used before in this sandbox). Waits through lost connections: the answer
  // is the truth, however often the question had to be asked.
  net::Task<Result<SpawnOutcome>> spawn(std::uint32_t id, ProcessSpec spec, Deadline deadline);

  // Where input for this process goes on; nothing if it is not known.
  std::optional<std::uint64_t> stdin_offset(std::uint32_t process) const;
  // Takes the bytes from `offset` on; those before stdin_offset() are skipped, a hole is `invalid`. Waits
  // while the window of 64 KiB is full; `bytes` must last until it returns.
  net::Task<Result<void>> write_stdin(std::uint32_t process, std::uint64_t offset,
                                      std::span<const std::byte> bytes);
  net::Task<Result<void>> stdin_eof(std::uint32_t process, std::uint64_t offset);

  // Output before `offset` is stored. Only needed for what on_output() held back.
  void ack(std::uint32_t process, std::uint64_t offset);

  Result<void> signal(std::uint32_t process, int number, Target target = Target::process);
  Result<void> resize(std::uint32_t process, TerminalSize size);
  // The supervisor may drop what it knows of a process that has ended; so does the Link. At most 64 processes
  // live or wait to be forgotten. One that could not start is forgotten by spawn() itself.
  Result<void> forget(std::uint32_t process);
  // SIGTERM to everything inside, SIGKILL after `grace`; on_exited() for each, on_finished(), and then the
  // supervisor exits, and with it the container.
  Result<void> shutdown(Millis grace);

  net::Task<Result<Stats>> stats(Deadline deadline);
  net::Task<Result<void>> ping(Deadline deadline);
  net::Task<Result<std::unique_ptr<Channel>>> open_port(std::uint16_t port, Deadline deadline);

  class Impl;  // this module's own

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace brig::supervisor
