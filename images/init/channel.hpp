// A connection from brigd to a port inside: bytes both ways, each direction bounded by credit.
//
// Ownership: owns the socket and its buffers. Threads: one. Failure: a channel ends with an errno; it does
// not outlive the connection to brigd.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "init/ring.hpp"
#include "link_wire/frame.hpp"

namespace brig::init {

class Channel {
 public:
  bool free() const { return id_ == 0; }
  std::uint32_t id() const { return id_; }
  int fd() const { return fd_; }

  // `fd` is connecting to `port` by IPv4; if that is refused, IPv6 is tried. False: no memory.
  bool open(std::uint32_t id, int fd, std::uint16_t port);
  void release();

  // The socket's events. `new_fd`: it is another descriptor now and wants to be watched.
  void on_readable() { readable_ = true; }
  void on_writable(bool& new_fd);

  // From brigd. False if it broke the rules.
  bool take(std::span<const std::byte> bytes);
  void take_end();
  bool take_credit(std::uint64_t more);

  // Reads ahead what fits into credit. True if something came of it.
  bool read_ahead();
  // What is ready to be sent, and after it was sent.
  std::span<const std::byte> ready() const { return {buffer_, length_}; }
  void mark_sent() { length_ = 0; }

  // What is to be told, once each; asked in this order.
  bool take_opened();
  std::uint32_t take_consumed();
  bool take_end_due();
  // It is over: a CLOSE with this errno goes out, and the channel can be released.
  bool over() const;
  int error() const { return error_; }
  // brigd closed it: it is over, and brigd is not told.
  void close_quietly();
  bool quiet() const { return quiet_; }

 private:
  void flush();
  void fail(int error);

  std::uint32_t id_ = 0;
  int fd_ = -1;
  std::uint16_t port_ = 0;
  bool connecting_ = false;
  bool tried_ipv6_ = false;
  bool opened_due_ = false;
  bool readable_ = false;
  bool writable_ = false;
  bool in_ended_ = false;   // brigd will send no more
  bool in_shut_ = false;    // and the socket knows
  bool out_ended_ = false;  // the socket gave its end
  bool end_told_ = false;   // and brigd knows
  bool failed_ = false;
  bool quiet_ = false;
  int error_ = 0;
  Ring in_;                     // from brigd, not yet taken by the socket
  std::uint32_t consumed_ = 0;  // of it, since the last credit
  std::byte* buffer_ = nullptr;
  std::size_t length_ = 0;
  std::size_t credit_ = 0;
};

}  // namespace brig::init
