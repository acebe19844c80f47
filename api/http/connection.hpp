// One connection: its requests one after another, each within its bounds, until one of them becomes a
// WebSocket, breaks the rules, or nobody asks any more.
//
// A request that comes before the last one was answered waits in the kernel and in a bounded buffer.
//
// Ownership: borrows the Hub; lives in run(). Threads: the loop's. Failure: its own; a broken request is
// answered with a problem document and ends the connection.
#pragma once

#include <functional>
#include <string>

#include "api/http/hub.hpp"
#include "api/http/parser.hpp"
#include "api/http/stream.hpp"

namespace brig::api {

class Connection final : public Conversation {
 public:
  Connection(Hub& hub, Stream stream, Peer peer);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() override;

  net::Task<void> run();

  // The server stops, or the caller's credentials are gone. An idle connection ends at once, a request is
  // answered first (unless revoked), a conversation is told.
  void end(EndReason reason);
  // What the caller came with, "uid:1000" or "token:ab12cd34"; empty before the first request.
  const std::string& credential() const { return credential_; }
  // Cuts conversations whose credentials have expired.
  void check_expiry(WallTime now);

  void when_told_to_end(std::function<void(EndReason)> end) override { end_ = std::move(end); }

 private:
  enum class Phase { idle, request, conversation };

  net::Task<bool> serve_one();
  net::Task<bool> fill(std::size_t chunk, Millis limit);
  net::Task<std::optional<Failure>> read_head(RequestParser* parser);
  net::Task<std::optional<Failure>> read_body(RequestParser* parser, std::size_t limit);
  class Upload;
  net::Task<bool> go_on();
  std::optional<Failure> take_turn(const std::string& who);
  net::Task<std::optional<Failure>> authorize(Request* request, const Route** route);
  net::Task<bool> answer(Request* request, Response response, bool keep_alive);
  net::Task<bool> stream_answer(Request* request, Response response);
  net::Task<void> watch_for_the_end();
  net::Task<void> become_websocket(Request* request, Response response);
  void note(const Request& request, const Route* route, int status, SteadyTime begun);

  Hub& hub_;
  Stream stream_;
  Peer peer_;
  std::string credential_;
  std::optional<WallTime> expires_;
  std::string buffer_;  // read, not yet consumed
  Phase phase_ = Phase::idle;
  bool ended_ = false;   // by the other end, or by end()
  bool linger_ = false;  // what they still send must not make the kernel drop what we sent
  std::function<void(EndReason)> end_;
};

}  // namespace brig::api
