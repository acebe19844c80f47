// Process 1: the loop, the table of processes, the table of channels, and what brigd asks of them.
//
// One thread, one epoll; every descriptor is watched edge-triggered once and for all, and a flag remembers
// that it may be read or written. Everything brigd sends is checked against the rules of the link; a
// violation ends the connection (a new one is made), never the process.
//
// Ownership: owns everything; one per program, in static memory. Threads: one.
// Failure: prepare() gives false if the kernel refuses the bare necessities.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "init/channel.hpp"
#include "init/connection.hpp"
#include "init/process.hpp"
#include "init/system.hpp"

namespace brig::init {

class Supervisor {
 public:
  bool prepare(const char* socket_path);
  // One turn of the loop. False when all is over and the program should end.
  bool turn(int max_wait_ms);
  // Gives everything back. The program has no need of it, it ends; who makes many supervisors has.
  void close();

 private:
  enum class Phase : std::uint8_t { running, terminating, killing, reporting };
  // What a watched descriptor is; goes into its epoll tag with the index of its process or channel.
  enum Kind : std::uint32_t { kSignals, kLink, kOut, kErr, kIn, kExec, kChannel };

  // supervisor.cpp: the loop
  void watch(int fd, Kind kind, std::size_t index);
  void watch_process(Process& process);
  void dispatch(std::uint64_t tag, std::uint32_t events);
  bool pump();
  int wait_ms() const;
  void reap();
  void trim();
  void keep_egress();

  // talk.cpp: the connection
  void connect();
  void disconnect(const char* why, std::uint64_t retry_ms);
  void read_frames();
  void send_all();
  void queue_due();
  void queue_process(Process& process);
  void queue_channel(Channel& channel);
  bool pick_data();
  void data_sent();
  void send_hello();
  bool on_welcome(std::span<const std::byte> payload);

  // requests.cpp: what brigd asks for. False: it broke the rules.
  bool on_frame(const link::Frame& frame);
  bool on_spawn(const link::Frame& frame);
  void start_process(std::uint32_t id, const link::SpawnHead& head, std::span<const std::byte> strings);
  bool on_forget(std::uint32_t id);
  void on_signal(const link::Header& header);
  bool on_open(const link::Header& header);
  bool on_channel(const link::Frame& frame);
  void on_stats(std::uint64_t token);
  void end_spawn_parts();
  Process* find_process(std::uint32_t id);
  Channel* find_channel(std::uint32_t id);

  // shutdown.cpp
  void begin_shutdown(std::uint64_t grace_ms);
  bool step_shutdown();
  void signal_everything(int number);
  bool all_reported();
  bool any_alive() const;

  int epoll_ = -1;
  int signals_ = -1;
  const char* path_ = nullptr;
  bool children_changed_ = false;
  bool busy_ = false;     // there is more to do without waiting
  bool stalled_ = false;  // frames wait until there is room for replies

  Connection link_;
  bool welcomed_ = false;
  bool has_key_ = false;
  std::byte key_[link::kKeySize] = {};
  std::uint64_t retry_at_ = 0;  // when to connect again
  std::uint64_t retry_ms_ = 0;
  std::uint64_t handshake_by_ = 0;

  Process processes_[link::kMaxProcesses];
  Channel channels_[link::kMaxChannels];
  std::size_t next_turn_ = 0;        // whose data goes next
  Process* data_process_ = nullptr;  // whose data is on its way
  Channel* data_channel_ = nullptr;

  std::byte* spawn_ = nullptr;  // where SPAWN_PARTs gather
  std::size_t spawn_size_ = 0;
  std::uint32_t spawn_id_ = 0;

  Phase phase_ = Phase::running;
  std::uint64_t phase_until_ = 0;
  std::uint64_t next_kill_ = 0;
  bool bye_queued_ = false;
  bool children_left_ = false;

  pid_t egress_ = 0;             // the process that lets others out; 0: there is none just now
  std::uint64_t egress_at_ = 0;  // when to start another; 0: never

  std::uint64_t started_ = 0;
  std::uint64_t trim_at_ = 0;
};

}  // namespace brig::init
