// The socket to brigd: frames in, frames out, without copying the bytes of processes.
//
// Small frames gather in a fixed buffer. One data frame at a time is sent straight out of its ring; it is
// chosen by the supervisor, which learns when it is wholly sent.
//
// Ownership: owns the socket and its buffers. Threads: one. Failure: `broken`, then the caller closes.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "link_wire/frame.hpp"

namespace brig::init {

class Connection {
 public:
  enum class Sent : std::uint8_t { all, data, blocked, broken };
  enum class Got : std::uint8_t { bytes, none, closed };

  // False if there is no memory for the buffers, which stay for the life of the process.
  bool reserve();
  void release();
  void open(int fd);
  void close();
  bool up() const { return fd_ >= 0; }
  int fd() const { return fd_; }

  void on_readable() { readable_ = true; }
  void on_writable() { writable_ = true; }

  // Brings bytes in if the socket has some.
  Got receive();
  // The next frame; its payload is valid until the next receive().
  link::Status next(link::Frame& frame, link::Fault& fault);
  // Forgets what a frame carried.
  static void wipe(const link::Frame& frame);

  std::size_t room() const { return kOutSize - out_end_; }
  // Queues a frame; the caller has seen that there is room.
  void put(const link::Header& header, std::span<const std::byte> payload = {});

  bool has_data() const { return data_left_ > 0; }
  void start_data(const link::Header& header, const iovec* parts, int count);
  const link::Header& data_header() const { return data_; }
  bool idle() const { return out_begin_ == out_end_ && !has_data(); }
  Sent send();

  void trim();

 private:
  static constexpr std::size_t kInSize = 128 * 1024;  // two frames, so that one always fits behind another
  static constexpr std::size_t kOutSize = 16 * 1024;

  int fd_ = -1;
  bool readable_ = false;
  bool writable_ = false;
  bool in_touched_ = false;

  std::byte* in_ = nullptr;
  std::size_t in_begin_ = 0;
  std::size_t in_end_ = 0;

  std::byte* out_ = nullptr;
  std::size_t out_begin_ = 0;
  std::size_t out_end_ = 0;

  link::Header data_;
  std::byte data_head_[link::kHeaderSize] = {};
  iovec data_part_[3] = {};
  int data_first_ = 0;
  int data_count_ = 0;
  std::size_t data_left_ = 0;
  bool data_begun_ = false;
};

}  // namespace brig::init
