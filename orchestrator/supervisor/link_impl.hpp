// The inside of Link; see link.hpp. Split over link_connection.cpp (who connects, reading and writing),
// link_frames.cpp (what the supervisor says), link_calls.cpp (what the session asks) and link_channel.cpp.
//
// Ownership: Link and its channels share it. Threads: the loop's. Failure: as Link.
#pragma once

#include <list>
#include <map>

#include "net/event.hpp"
#include "net/scope.hpp"
#include "supervisor/kept_input.hpp"
#include "supervisor/link.hpp"
#include "supervisor/listener.hpp"
#include "supervisor/out_queue.hpp"

namespace brig::supervisor {

using Socket = net::asio::local::stream_protocol::socket;

// One connection, from its acceptance on.
struct Connection {
  explicit Connection(Socket s) : socket(std::move(s)) {}
  Socket socket;
  Peer peer;
  OutQueue out;
  std::vector<std::byte> carry;  // the beginning of a frame whose rest has not come yet
  bool writer_waits = false;     // a coroutine waits until the socket takes more
  bool ended = false;            // it is ours no more: whoever still holds it leaves
};

// Wiped when it goes: argv and env of a process that is being started.
struct SpawnBytes {
  std::vector<std::byte> bytes;
  SpawnBytes() = default;
  SpawnBytes(const SpawnBytes&) = delete;
  SpawnBytes& operator=(const SpawnBytes&) = delete;
  ~SpawnBytes() { explicit_bzero(bytes.data(), bytes.size()); }
};

struct ProcessEntry {
  // Starting it: the bytes are kept until the answer, because a lost connection may have swallowed the
  // question.
  std::shared_ptr<SpawnBytes> spawn;
  std::optional<SpawnOutcome> outcome;
  std::optional<SpawnOutcome>* asker = nullptr;  // who waits for it; nobody: should it start, it is killed

  std::uint64_t delivered = 0;  // output the observer has been given
  std::uint64_t on_wire = 0;    // where the supervisor's next OUTPUT must begin
  std::uint64_t stored = 0;     // what the observer lets go
  std::uint64_t acked = 0;      // what the supervisor was told of that
  bool exit_told = false;
  bool end_told = false;

  std::uint64_t in_taken = 0;  // input accepted from callers
  std::uint64_t in_acked = 0;  // of it, consumed by the process
  KeptInput in;                // [in_taken - in.size(), in_taken): may have to be sent again
  std::optional<std::uint64_t> in_eof;
  bool in_gone = false;
};

struct ChannelState {
  explicit ChannelState(const net::asio::any_io_executor& executor) : changed(executor) {}
  net::Event changed;
  bool opened = false;
  bool closed = false;  // nothing more comes or goes
  int error = 0;
  bool lost = false;  // closed because the connection went
  bool peer_ended = false;
  bool we_ended = false;
  std::vector<std::byte> in;
  std::size_t credit = link::kChannelWindow;
};

class Link::Impl : public std::enable_shared_from_this<Link::Impl> {
 public:
  Impl(net::asio::any_io_executor executor, LinkOptions options, LinkObserver& observer);

  // link_connection.cpp
  Result<void> start();
  net::Task<void> close();
  bool connected() const { return active_ != nullptr; }
  net::Task<Result<void>> wait_connected(Deadline deadline);
  void put(link::Header header, std::span<const std::byte> payload = {});
  void flush();
  // put() and flush(), without a copy if nothing waits before it and the socket takes it.
  void send(link::Header header, std::span<const std::byte> payload);

  // link_calls.cpp
  net::Task<Result<SpawnOutcome>> spawn(std::uint32_t id, ProcessSpec spec, Deadline deadline);
  net::Task<Result<void>> write_stdin(std::uint32_t id, std::uint64_t offset,
                                      std::span<const std::byte> bytes);
  net::Task<Result<void>> stdin_eof(std::uint32_t id, std::uint64_t offset);
  void ack(std::uint32_t id, std::uint64_t offset);
  Result<void> request(link::Header header, std::uint32_t id, const char* what);
  Result<void> forget(std::uint32_t id);
  net::Task<Result<Stats>> ask(link::Type type, Deadline deadline, std::string what);
  ProcessEntry* find(std::uint32_t id);

  // link_channel.cpp
  net::Task<Result<std::unique_ptr<Channel>>> open_port(std::uint16_t port, Deadline deadline);
  void end_channel(std::uint32_t id);

 private:
  // link_connection.cpp
  net::Task<void> accept_loop();
  net::Task<void> serve(std::shared_ptr<Connection> connection);
  net::Task<Result<void>> identify(std::shared_ptr<Connection> connection);
  net::Task<Result<std::vector<std::byte>>> read_hello(std::shared_ptr<Connection> connection);
  net::Task<void> write_rest(std::shared_ptr<Connection> connection);
  Result<void> check_key(const link::HelloHead& hello, link::Refusal& refusal);
  void log_refusal(const Peer& peer, const Error& why);
  void activate(std::shared_ptr<Connection> connection);
  void end(std::shared_ptr<Connection> connection, const Error& why);
  Result<bool> read_some(Connection& connection);
  void send_spawn(std::uint32_t id, const SpawnBytes& spawn);
  void settle(std::uint32_t id, ProcessEntry& entry, const SpawnOutcome& outcome);
  void send_stdin(std::uint32_t id, ProcessEntry& entry, std::uint64_t from);
  void send_acks();

  // link_frames.cpp
  Result<void> on_hello(std::shared_ptr<Connection> connection, std::span<const std::byte> payload);
  Result<void> on_frames(std::span<const std::byte>& bytes);
  Result<void> on_frame(const link::Frame& frame);
  Result<void> on_output(const link::Frame& frame);
  Result<void> on_process(const link::Frame& frame);
  Result<void> on_channel(const link::Frame& frame);

  net::asio::any_io_executor executor_;
  LinkOptions options_;
  LinkObserver& observer_;
  net::Scope scope_;
  net::Event changed_;  // connected, disconnected, an answer came, input was consumed, closing
  Listener listener_;
  bool closing_ = false;

  std::list<std::shared_ptr<Connection>> pending_;  // not identified yet, oldest first
  std::shared_ptr<Connection> active_;
  std::uint64_t refusals_ = 0;
  SteadyTime refusal_logged_{};
  bool seen_any_ = false;         // a supervisor has connected to this Link before
  std::uint32_t highest_id_ = 0;  // of processes asked for or reported so far

  std::map<std::uint32_t, ProcessEntry> processes_;
  std::vector<std::uint32_t> touched_;  // processes whose acknowledgement may have moved
  std::map<std::uint32_t, std::shared_ptr<ChannelState>> channels_;
  std::uint32_t last_channel_ = 0;
  std::uint64_t last_token_ = 0;
  std::map<std::uint64_t, std::optional<Stats>> questions_;  // by token; a value once answered
};

Error closed_error();
Error violation(const char* what);

}  // namespace brig::supervisor
