// Input on its way to one process: straight into its pipe or terminal while that has room, else into a ring.
//
// Ownership: owns the descriptor and the ring. Threads: one. Failure: a process that no longer reads is
// `gone`: its input is taken and dropped, so that brigd is not held up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "init/ring.hpp"
#include "link_wire/frame.hpp"

namespace brig::init {

class StdinSink {
 public:
  // `fd` -1: there is no input at all.
  void open(int fd, bool terminal);
  void close();

  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0 && !eof_; }
  bool gone() const { return gone_; }
  std::uint64_t received() const { return received_; }
  std::uint64_t consumed() const { return consumed_; }

  // False if brigd broke the rules: a hole, more than the window, or input after the end.
  bool take(std::uint64_t offset, std::span<const std::byte> bytes);
  bool take_eof(std::uint64_t offset);
  // The descriptor may take more.
  void on_writable() {
    writable_ = true;
    pump();
  }
  // Nobody reads from the other end.
  void on_hangup() { give_up(); }
  void trim() { ring_.trim(); }

 private:
  void pump();
  std::size_t write_some(const iovec* parts, int count);
  void finish();
  void give_up();

  Ring ring_;
  int fd_ = -1;
  bool terminal_ = false;
  bool writable_ = false;
  bool eof_ = false;  // brigd has said that no more will come
  bool gone_ = false;
  std::uint8_t eof_marks_left_ = 0;
  char last_ = '\n';
  std::uint64_t received_ = 0;
  std::uint64_t consumed_ = 0;
};

}  // namespace brig::init
