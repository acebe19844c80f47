// The loop behind attach(): one poll over brigd, our own descriptors and signals.
//
// Ownership: lives for one attach(). Threads: one. Failure: as Result; Error::where is "lost" when the
// process may run on without us.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/attach/attach.hpp"
#include "cli/attach/ground.hpp"
#include "cli/attach/questions.hpp"
#include "cli/attach/resume.hpp"
#include "cli/attach/sink.hpp"
#include "cli/client/websocket.hpp"
#include "cli/signals.hpp"
#include "cli/terminal.hpp"

namespace brig::cli {

class Attacher {
 public:
  Attacher(Client& client, AttachRequest request);
  Result<AttachEnd> run();

 private:
  // attacher.cpp: connections
  Result<void> open();
  Result<void> serve();
  bool wait_to_retry();
  bool may_retry(const Error& error) const;
  Error given_up(const Error& why) const;
  void note(const std::string& text);
  void finish(AttachEnd end) { end_ = std::move(end); }

  // attacher_io.cpp: what comes and goes
  Result<void> poll_once(int timeout);
  void keep_alive(bool listening);
  Result<void> receive();
  Result<void> pump_output();
  Result<void> take_payload(const FrameReader::Event& event);
  Result<void> take_text();
  Result<void> take_hello(const nlohmann::json& hello);
  Result<void> take_control(const FrameReader::Event& event);
  Result<void> send_pending();
  void pump_input();
  void send_text(std::string_view json);
  void send_size();
  void read_stdin();
  void take_signals();
  void leave_in_good_order();

  // attacher_pen.cpp: who writes
  Result<void> take_pen(const nlohmann::json& pen, std::uint64_t offset, bool greeting);
  void pen_moved(bool ours, const nlohmann::json& pen);
  void typed_without_pen(std::string_view typed);
  std::string how_to_take_over() const;
  // attacher_prompt.cpp: what the person is asked
  bool may_write_between() const;
  void announce_questions();
  void open_prompt();
  void show_line(const std::string& text);
  void close_prompt();
  void key_at_prompt(char key);
  void check_prompt();
  bool ours() const { return request_.write; }
  bool may_write() const { return request_.write && has_pen_; }
  bool reached_until() const {
    return request_.until && cursor_.next() && *cursor_.next() >= *request_.until;
  }

  Client& client_;
  AttachRequest request_;
  Signals signals_;
  std::optional<RawTerminal> raw_;
  OutputCursor cursor_;
  InputWindow input_;
  Reconnect reconnect_;
  Sink sink_;
  std::optional<AttachEnd> end_;
  std::deque<int> held_signals_;  // to be passed on once there is a connection
  int repeated_signal_ = 0;
  int repeats_ = 0;
  SteadyTime repeated_at_{};
  bool stdin_open_;
  bool ever_connected_ = false;
  const std::string key_;  // by which brigd knows us again
  bool wants_pen_;         // on the next connection
  bool take_over_;
  bool has_pen_ = false;
  bool told_to_watch_ = false;

  std::optional<Questions> questions_;
  std::optional<Question> prompt_;  // is being asked: output waits
  bool prompt_due_ = false;         // as soon as nothing of the program's is on its way
  SteadyTime prompt_until_{};
  std::uint64_t announced_ = 0;
  bool title_pushed_ = false;
  Ground ground_;

  // Of the present connection:
  std::unique_ptr<Stream> stream_;
  bool lost_ = true;
  bool greeted_ = false;
  std::optional<Outcome> outcome_;
  FrameReader reader_;
  std::string outbox_;
  SteadyTime heard_{};
  bool pinged_ = false;

  // Received and not yet passed on. `unread_`, `piece_` and the sink point into `buffer_`.
  std::vector<char> buffer_;
  std::string_view unread_;
  std::string_view piece_;
  int piece_stream_ = 1;
  std::string prefix_;  // kind and offset of the present binary message
  std::string text_;
};

}  // namespace brig::cli
