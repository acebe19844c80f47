#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "cli/attach/attacher.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

// Over a network, silence may be a cable; a unix socket always tells.
constexpr Millis kPingAfter{20'000};
constexpr Millis kLostAfter{60'000};
constexpr Millis kBlockedSign{10'000};
constexpr Millis kInsists{3000};
constexpr std::size_t kMaxText = 64 * 1024;
// Small, so that input gets on even over a connection that does not live long.
constexpr std::size_t kFrame = 8 * 1024;
constexpr std::size_t kMaxOutbox = 1024 * 1024;

Error nonsense(const char* what) {
  return Error{Code::protocol, std::string("brigd's attachment is not as it should be: ") + what, "client",
               false};
}

bool is_offset(const nlohmann::json& json) {
  return json.is_number_unsigned();
}

}  // namespace

Result<void> Attacher::poll_once(int timeout) {
  bool may_receive = !lost_ && !outcome_ && sink_.empty() && piece_.empty() && !prompt_;
  pollfd polls[5] = {
      {-1, 0, 0}, {signals_.fd(), POLLIN, 0}, {-1, POLLIN, 0}, {-1, POLLOUT, 0}, {-1, POLLIN, 0}};
  if (questions_ && may_write_between()) polls[4].fd = questions_->fd();
  if (!lost_) {
    polls[0].events = static_cast<short>((may_receive ? POLLIN : 0) | (outbox_.empty() ? 0 : POLLOUT));
    // With no events asked for, a hang-up would still be reported, for ever.
    if (polls[0].events != 0) polls[0].fd = stream_->fd();
  }
  if (stdin_open_ && greeted_ && input_.space() > 0 && (has_pen_ || raw_)) polls[2].fd = STDIN_FILENO;
  if (!sink_.empty()) polls[3].fd = sink_.waiting_fd();
  if (may_receive && stream_->pending()) timeout = 0;
  if ((client_.endpoint().tls || !may_receive) && timeout < 0) timeout = 5000;

  int n = ::poll(polls, 5, timeout);
  if (n < 0 && errno != EINTR) return errno_error(errno, "cannot poll", "client");
  if (n > 0 && polls[1].revents) take_signals();
  if (n > 0 && polls[2].revents) read_stdin();
  if (lost_) return {};
  if (n > 0 && (polls[0].revents & POLLOUT)) BRIG_CHECK(send_pending());
  if (may_receive && !lost_ && ((n > 0 && (polls[0].revents & ~POLLOUT)) || stream_->pending())) {
    BRIG_CHECK(receive());
  }
  keep_alive(may_receive);
  return {};
}

void Attacher::keep_alive(bool listening) {
  auto now = std::chrono::steady_clock::now();
  if (!listening) {
    // Nobody takes our output, so we read nothing and see no ping; brigd shall not think us dead for that.
    if (now - heard_ > kBlockedSign) {
      if (outbox_.size() < kMaxOutbox) append_frame(outbox_, Opcode::pong, {}, {});
      heard_ = now;
    }
    return;
  }
  if (!client_.endpoint().tls) return;
  if (now - heard_ > kLostAfter) lost_ = true;
  if (now - heard_ > kPingAfter && !pinged_) {
    append_frame(outbox_, Opcode::ping, {}, {});
    pinged_ = true;
  }
}

Result<void> Attacher::receive() {
  Io io = stream_->read({buffer_.data(), buffer_.size()});
  if (io.state == Io::State::done) {
    unread_ = {buffer_.data(), io.count};
    heard_ = std::chrono::steady_clock::now();
    pinged_ = false;
  }
  if (io.state == Io::State::closed || io.state == Io::State::failed) lost_ = true;
  return {};
}

// Passes on what was received until there is no more of it, or no room for it.
Result<void> Attacher::pump_output() {
  while (true) {
    if (!piece_.empty()) {
      if (!sink_.takes(piece_stream_)) {
        BRIG_CHECK(sink_.flush());
        if (!sink_.empty()) return {};
      }
      sink_.add(piece_stream_, piece_);
      piece_ = {};
    }
    if (outcome_ || (lost_ && !greeted_)) return sink_.flush();
    BRIG_TRY(auto event, reader_.next(unread_));
    switch (event.kind) {
      // Asked even with nothing unread: the end of a message may be all that is left to tell.
      case FrameReader::Event::Kind::need_more:
        return sink_.flush();
      case FrameReader::Event::Kind::payload: {
        BRIG_CHECK(take_payload(event));
        break;
      }
      case FrameReader::Event::Kind::end: {
        if (event.opcode == Opcode::text) BRIG_CHECK(take_text());
        prefix_.clear();
        text_.clear();
        break;
      }
      case FrameReader::Event::Kind::control: {
        BRIG_CHECK(take_control(event));
        break;
      }
    }
  }
}

Result<void> Attacher::take_payload(const FrameReader::Event& event) {
  std::string_view bytes = event.bytes;
  if (event.opcode == Opcode::text) {
    if (text_.size() + bytes.size() > kMaxText) return nonsense("a text message over 64 KiB");
    text_ += bytes;
    return {};
  }
  if (!greeted_) return nonsense("output before its greeting");
  if (prefix_.size() < 9) {
    auto n = std::min<std::size_t>(9 - prefix_.size(), bytes.size());
    prefix_ += bytes.substr(0, n);
    bytes.remove_prefix(n);
    if (prefix_.size() < 9) return {};
    piece_stream_ = prefix_[0];
    if (piece_stream_ != 1 && piece_stream_ != 2) return nonsense("output of an unknown stream");
    std::uint64_t offset = 0;
    for (std::size_t i = 8; i >= 1; --i) offset = offset << 8 | static_cast<unsigned char>(prefix_[i]);
    BRIG_CHECK(cursor_.begin(offset));
  }
  piece_stream_ = prefix_[0];
  piece_ = cursor_.take(bytes);
  if (raw_) ground_.feed(piece_);
  return {};
}

Result<void> Attacher::take_text() {
  auto json = nlohmann::json::parse(text_, nullptr, false);
  if (!json.is_object() || json.size() != 1) return nonsense("a message that is not an object with one key");
  const std::string& key = json.begin().key();
  const auto& value = json.begin().value();
  if (key == "hello") return take_hello(value);
  if (key == "stdin_ack") {
    if (!is_offset(value)) return nonsense("an acknowledgement that is no offset");
    input_.acked(value.get<std::uint64_t>());
    return {};
  }
  if (key == "pen") {
    if (!value.is_object() || !ours()) return {};
    auto offset = value.find("stdin_offset");
    bool good = offset != value.end() && is_offset(*offset);
    return take_pen(value, good ? offset->get<std::uint64_t>() : 0, false);
  }
  if (key == "gap") {
    if (!value.is_object() || !value.contains("from") || !value.contains("to") || !is_offset(value["from"]) ||
        !is_offset(value["to"])) {
      return nonsense("a gap without offsets");
    }
    auto missing = cursor_.gap(value["from"].get<std::uint64_t>(), value["to"].get<std::uint64_t>());
    if (missing > 0) note(std::to_string(missing) + " bytes of output are no longer kept");
    return {};
  }
  if (key == "end") {
    outcome_ = outcome_from_json(value.is_object() && value.contains("outcome") ? value["outcome"]
                                                                                : nlohmann::json());
    return {};
  }
  if (key == "error") {
    Error error = problem_to_error(500, value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    if (error.code == Code::unavailable || error.code == Code::cancelled) {
      lost_ = true;
      return {};
    }
    return error;
  }
  return {};  // a newer brigd may say more than we know
}

Result<void> Attacher::take_hello(const nlohmann::json& hello) {
  if (!hello.is_object() || !hello.contains("offset") || !hello.contains("stdin_offset") ||
      !is_offset(hello["offset"]) || !is_offset(hello["stdin_offset"])) {
    return nonsense("a greeting without offsets");
  }
  auto missing = cursor_.hello(hello["offset"].get<std::uint64_t>());
  auto pen = hello.find("pen");
  if (ours())
    BRIG_CHECK(
        take_pen(pen == hello.end() ? nlohmann::json{{"yours", true}} : *pen, hello["stdin_offset"], true));
  if (reconnect_.noted()) note("connected again");
  if (missing > 0) note(std::to_string(missing) + " bytes of output are no longer kept");
  reconnect_.connected();
  greeted_ = true;
  ever_connected_ = true;
  if (raw_ && has_pen_) send_size();
  while (!held_signals_.empty()) {
    send_text("{\"signal\":\"" + signal_name(held_signals_.front()) + "\"}");
    held_signals_.pop_front();
  }
  return {};
}

Result<void> Attacher::take_control(const FrameReader::Event& event) {
  if (event.opcode == Opcode::ping) {
    if (outbox_.size() > kMaxOutbox) return nonsense("it pings and does not read");
    append_frame(outbox_, Opcode::pong, {}, event.bytes);
  }
  if (event.opcode != Opcode::close) return {};
  unsigned code = event.bytes.size() < 2 ? 1005u
                                         : static_cast<unsigned char>(event.bytes[0]) * 256u +
                                               static_cast<unsigned char>(event.bytes[1]);
  if (code == 1008) {
    return Error{Code::protocol, "brigd refused the attachment: " + printable(event.bytes.substr(2)),
                 "client", false};
  }
  if (code == 1011) {
    return Error{Code::internal,
                 "brigd broke off the attachment: " + printable(event.bytes.substr(2)) + "; see its log",
                 "client", false};
  }
  lost_ = true;
  unread_ = {};
  return {};
}

Result<void> Attacher::send_pending() {
  std::string_view bytes = outbox_;
  while (!bytes.empty()) {
    Io io = stream_->write({bytes.data(), bytes.size()});
    if (io.state == Io::State::failed || io.state == Io::State::closed) {
      // Not yet lost: what it sent before it went is still to be read, perhaps the end itself.
      outbox_.clear();
      return {};
    }
    if (io.state != Io::State::done) break;
    bytes.remove_prefix(io.count);
  }
  outbox_.erase(0, outbox_.size() - bytes.size());
  return {};
}

void Attacher::pump_input() {
  if (!greeted_ || !may_write()) return;
  for (auto bytes = input_.unsent(); !bytes.empty(); bytes = input_.unsent()) {
    bytes = bytes.substr(0, kFrame);
    std::string prefix(1, '\0');
    for (int i = 0; i < 8; ++i) prefix += static_cast<char>(input_.unsent_offset() >> (8 * i) & 0xFF);
    append_frame(outbox_, Opcode::binary, prefix, bytes);
    input_.sent(bytes.size());
  }
  if (input_.eof_due()) {
    send_text("{\"eof\":" + std::to_string(input_.end()) + "}");
    input_.eof_sent();
  }
  if (!outbox_.empty()) (void)send_pending();
}

void Attacher::send_text(std::string_view json) {
  if (outbox_.size() < kMaxOutbox) append_frame(outbox_, Opcode::text, {}, json);
}

void Attacher::send_size() {
  auto size = window_size(STDOUT_FILENO);
  if (!size || !greeted_ || lost_ || !has_pen_) return;
  send_text("{\"resize\":{\"rows\":" + std::to_string(size->rows) +
            ",\"cols\":" + std::to_string(size->cols) + "}}");
}

void Attacher::read_stdin() {
  char bytes[InputWindow::kSize];
  ssize_t n = ::read(STDIN_FILENO, bytes, std::min(sizeof bytes, input_.space()));
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    stdin_open_ = false;
    if (raw_)
      finish({AttachEnd::Kind::detached, {}, SIGHUP});
    else
      input_.close();
    return;
  }
  std::string_view typed(bytes, static_cast<std::size_t>(n));
  if (!raw_) {
    input_.append(typed);
    return;
  }
  if (!wants_pen_) {
    typed_without_pen(typed);
    return;
  }
  std::string kept;
  bool leave = false;
  while (!typed.empty() && !leave) {
    if (prompt_) {
      key_at_prompt(typed.front());
      typed.remove_prefix(1);
      continue;
    }
    auto pressed = request_.detach_keys.feed(typed, kept);
    leave = pressed == DetachKeys::Pressed::leave;
    if (pressed == DetachKeys::Pressed::questions) open_prompt();
  }
  // With nobody to pass it on to, and the person told so, ctrl-c means us.
  if (!stream_ && reconnect_.noted() && kept.find('\x03') != std::string::npos) {
    finish({AttachEnd::Kind::interrupted, {}, SIGINT});
  }
  input_.append(kept);
  if (leave && !end_) finish({AttachEnd::Kind::detached, {}, 0});
}

// Says that we do not come back, so that another can have the pen at once.
void Attacher::leave_in_good_order() {
  if (outcome_) return;
  append_frame(outbox_, Opcode::close, {}, "\x03\xe8");
  auto deadline = Deadline::in(Millis{500});
  while (!deadline.passed()) {
    if (!send_pending() || outbox_.empty()) return;
    pollfd p{stream_->fd(), POLLOUT, 0};
    ::poll(&p, 1, static_cast<int>(deadline.left().count()) + 1);
  }
}

void Attacher::take_signals() {
  while (int number = signals_.take()) {
    if (number == SIGWINCH) {
      send_size();
    } else if (number == SIGTSTP) {
      raw_->restore();
      ::raise(SIGSTOP);
      raw_->make_raw();
      send_size();
    } else if (number == SIGHUP && raw_) {
      finish({AttachEnd::Kind::detached, {}, SIGHUP});
    } else {
      auto now = std::chrono::steady_clock::now();
      bool again = number == repeated_signal_ && now - repeated_at_ < kInsists;
      repeats_ = again ? repeats_ + 1 : 1;
      repeated_signal_ = number;
      repeated_at_ = now;
      bool asked_to_go = number == SIGINT || number == SIGTERM;
      // Somebody insists, or there is nobody to pass it on to.
      if (asked_to_go && (repeats_ >= 3 || !wants_pen_ || (!stream_ && reconnect_.noted()))) {
        finish({AttachEnd::Kind::interrupted, {}, number});
      } else if (greeted_ && !lost_) {
        send_text("{\"signal\":\"" + signal_name(number) + "\"}");
      } else if (held_signals_.size() < 16) {
        held_signals_.push_back(number);
      }
    }
  }
}

}  // namespace brig::cli
