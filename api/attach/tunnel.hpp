// One WebSocket on one connection to a port in a sandbox, until both directions have ended or either breaks:
// the messages of brig.port.v1.
//
// A binary message holds bytes of the stream, {"end": true} says that its sender has no more; the other
// direction goes on. Nothing is read ahead: a side that does not read holds the other back.
//
// Ownership: owns the channel; borrows the socket. Threads: the loop's. Failure: told to the other end.
#pragma once

#include <memory>
#include <optional>

#include "api/attach/websocket.hpp"
#include "api/server.hpp"
#include "net/event.hpp"
#include "net/scope.hpp"
#include "supervisor/link.hpp"

namespace brig::api::attach {

inline constexpr std::string_view kPortProtocol = "brig.port.v1";

class Tunnel {
 public:
  Tunnel(boost::asio::any_io_executor executor, WebSocket& socket,
         std::unique_ptr<supervisor::Channel> channel, const Limits& limits, std::string request_id);

  net::Task<void> run(Conversation* conversation);

 private:
  struct Finish {
    bool vanished = false;
    std::string last_words;
    std::uint16_t code = kCloseNormal;
    std::string reason;
  };
  net::Task<void> outward();
  net::Task<void> inward();
  net::Task<void> keepalive();
  net::Task<void> say_goodbye();
  void finish(Finish how);
  void fail(const Error& error);

  WebSocket& socket_;
  std::unique_ptr<supervisor::Channel> channel_;
  Limits limits_;
  std::string request_id_;
  net::Scope work_;
  net::Scope reading_;
  net::Event changed_;
  std::optional<Finish> finish_;
  bool sending_ = false;
  bool pinging_ = false;
  bool blocked_ = false;  // the port takes no more: then it is we who do not see their answers
  bool out_ended_ = false;
  bool in_ended_ = false;
};

}  // namespace brig::api::attach
