// One WebSocket on one Attachment, until either ends: output and events one way, input and controls the
// other.
//
// Output is pulled only when the last message has been taken, so a slow reader costs one message and what the
// kernel holds, and stalls nobody else. Input is read ahead of the process up to a bound, so that signals
// overtake what the process does not read.
//
// Ownership: owns the attachment; borrows the socket. Threads: the loop's. Failure: told to the other end.
#pragma once

#include <deque>
#include <memory>

#include "api/attach/dialogue.hpp"
#include "api/attach/messages.hpp"

namespace brig::api::attach {

class Pump {
 public:
  Pump(boost::asio::any_io_executor executor, WebSocket& socket,
       std::unique_ptr<session::Attachment> attachment, bool takes_part, const Limits& limits,
       std::string request_id);

  net::Task<void> run(Conversation* conversation);

 private:
  struct Piece {
    std::uint64_t offset = 0;
    std::vector<std::byte> bytes;
    bool eof = false;
  };

  net::Task<void> output();
  net::Task<bool> tell(session::AttachEvent event);
  net::Task<bool> send_output(session::Output event);
  net::Task<void> input();
  net::Task<void> control(std::string text);
  net::Task<void> feed();

  void enqueue(const Input& input);
  void drop_queue();

  WebSocket& socket_;
  std::unique_ptr<session::Attachment> attachment_;
  bool takes_part_;  // may write, or take the pen over
  std::string request_id_;
  Dialogue dialogue_;

  std::deque<Piece> queue_;
  std::size_t queued_ = 0;
  std::size_t feeding_ = 0;     // of it, what is being written
  bool takes_no_more_ = false;  // the process takes no more input
};

}  // namespace brig::api::attach
