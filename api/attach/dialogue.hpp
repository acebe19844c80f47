// How a conversation over a WebSocket lives and ends, whatever it is about.
//
// Its parts run until the first of them, or brigd, says how it ends. Then a farewell is said, unless a
// message is half sent: that cannot be taken back, so the connection is cut. Who gives no sign of life for
// two pings is cut off, too, also while he takes nothing of what is sent to him.
//
//   dialogue.read(inward());    // the only part that receives; it goes on until the farewell is answered
//   dialogue.work(outward());   // the only part that sends
//   co_await dialogue.run(conversation);
//
// Ownership: borrows the socket. Threads: the loop's. Failure: told to the other end.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "api/attach/websocket.hpp"
#include "api/server.hpp"
#include "net/event.hpp"
#include "net/scope.hpp"

namespace brig::api::attach {

class Dialogue {
 public:
  // `what`: for the log.
  Dialogue(boost::asio::any_io_executor executor, WebSocket& socket, const Limits& limits, std::string what,
           std::string request_id);

  void read(net::Task<void> part) { reading_.spawn(std::move(part)); }
  void work(net::Task<void> part) { work_.spawn(std::move(part)); }
  net::Task<void> run(Conversation* conversation);

  // Whether it goes on after that.
  net::Task<bool> send(std::span<const std::byte> head, std::span<const std::byte> bytes);
  net::Task<bool> send_text(std::string text);

  // What is said first counts.
  void end(std::uint16_t code = kCloseNormal, std::string reason = {}, std::string last_words = {});
  void fail(const Error& error);
  // There is nobody to say it to. Who broke the rules of WebSockets has been told so by ours.
  void vanished();
  bool ended() const { return ending_.has_value(); }

  // While it is we who do not read, silence says nothing of them.
  void set_deaf(bool deaf) { deaf_ = deaf; }
  // Told when it has ended, and to the parts' own use.
  net::Event& changed() { return changed_; }

 private:
  struct Ending {
    bool vanished = false;
    std::uint16_t code = kCloseNormal;
    std::string reason;
    std::string last_words;  // a text message before the farewell
  };

  net::Task<bool> until_nothing_is_sent();
  bool sent(bool well);
  net::Task<void> say_goodbye();
  net::Task<void> keepalive();
  net::Task<void> ping();
  void end(Ending ending);

  WebSocket& socket_;
  Limits limits_;
  std::string what_;
  std::string request_id_;
  net::Scope work_;
  net::Scope reading_;
  net::Event changed_;
  std::optional<Ending> ending_;
  bool sending_ = false;
  bool pinging_ = false;
  bool deaf_ = false;
};

}  // namespace brig::api::attach
