// What brig-init does to the system around it. One implementation for real, one in the fuzz target.
//
// Ownership: file descriptors given out belong to the caller. Threads: one. Failure: errno values.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "link_wire/messages.hpp"

namespace brig::init::system {

std::uint64_t now_ms();  // monotonic

struct Child {
  pid_t pid = 0;
  int in = -1;   // to write; the terminal's master; -1: /dev/null
  int out = -1;  // to read; the terminal's master (its own descriptor)
  int err = -1;  // to read; -1 with a terminal
  int exec_status =
      -1;  // gives 8 bytes {u32 stage, u32 errno} if the program could not be started, else ends
};
// All descriptors are non-blocking and close on exec. False: nothing was started, and `stage` and `error` say
// why.
bool start(const link::SpawnHead& head, std::span<const std::byte> strings, Child& child, link::Stage& stage,
           int& error);

// Process 1 of its namespace, as it should be; in some tests it is not, and must not signal everything.
bool is_first_process();
// `pid` as in Child. Errors don't matter: who is gone needs no signal.
void send_signal(pid_t pid, link::Target target, int number);
void resize(int terminal, std::uint16_t rows, std::uint16_t cols);
// The character that means end-of-file, and whether the terminal heeds it (canonical mode).
bool eof_character(int terminal, char& c);

// Takes the next dead child. False if there is none now; `any_left` says whether any child remains.
bool reap(pid_t& pid, link::ExitKind& kind, std::uint32_t& status, bool& any_left);

// A socket connecting to the port on loopback, or a negative errno.
int connect_port(std::uint16_t port, bool ipv6);
// A socket connected to brigd, or a negative errno.
int connect_link(const char* path);

// Of every process inside but brig-init's own, of which `egress` is one.
void fill_stats(link::Stats& stats, pid_t egress);

// The way out of the sandbox is a process of its own (docs/adr, egress). Opens its sockets on loopback, which
// outlive it; what can't be had is complained about.
void open_doors(const char* egress_socket);
// Starts that process; its pid, or 0 if no doors were opened or the kernel refuses. The child forgets
// `secrets`.
pid_t start_egress(std::span<std::byte> secrets);

// True once SIGTERM or SIGINT has come from outside the sandbox.
bool take_stop_request(int signal_fd);
int open_signal_fd();

void complain(const char* text);

}  // namespace brig::init::system
