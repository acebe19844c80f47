// One WebSocket on one connection to a port in a sandbox, until both directions have ended or either breaks:
// the messages of brig.port.v1.
//
// A binary message holds bytes of the stream, {"end": true} says that its sender has no more; the other
// direction goes on. Nothing is read ahead: a side that does not read holds the other back.
//
// Ownership: owns the channel; borrows the socket. Threads: the loop's. Failure: told to the other end.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "api/attach/dialogue.hpp"
#include "supervisor/link.hpp"

namespace brig::api::attach {

inline constexpr std::string_view kPortProtocol = "brig.port.v1";

class Tunnel {
 public:
  Tunnel(boost::asio::any_io_executor executor, WebSocket& socket,
         std::unique_ptr<supervisor::Channel> channel, const Limits& limits, std::string request_id);

  net::Task<void> run(Conversation* conversation);

 private:
  net::Task<void> outward();
  net::Task<void> inward();

  WebSocket& socket_;
  std::unique_ptr<supervisor::Channel> channel_;
  Dialogue dialogue_;
  bool out_ended_ = false;
  bool in_ended_ = false;
};

}  // namespace brig::api::attach
