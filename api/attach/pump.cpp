#include "api/attach/pump.hpp"

#include "core/log.hpp"

namespace brig::api::attach {
namespace {

constexpr std::size_t kReadAhead = 256 * 1024;
constexpr std::size_t kPieceCost = 64;  // what even an empty message costs us
constexpr std::size_t kMerged = 64 * 1024;

}  // namespace

Pump::Pump(boost::asio::any_io_executor executor, WebSocket& socket,
           std::unique_ptr<session::Attachment> attachment, bool takes_part, const Limits& limits,
           std::string request_id)
    : socket_(socket),
      attachment_(std::move(attachment)),
      takes_part_(takes_part),
      limits_(limits),
      request_id_(std::move(request_id)),
      work_(executor, "attach"),
      reading_(executor, "attach reader"),
      changed_(executor) {}

net::Task<void> Pump::run(Conversation* conversation) {
  conversation->when_told_to_end([this](EndReason reason) {
    if (reason == EndReason::restart) {
      finish({false, {}, kCloseRestart, "the service restarts"});
    } else {
      finish({false, {}, kClosePolicy, "the credentials hold no longer"});
    }
  });
  reading_.spawn(input());
  work_.spawn(output());
  if (takes_part_) work_.spawn(feed());
  work_.spawn(keepalive());
  bool clean = false;
  bool cancelled = false;
  try {
    clean = co_await until_nothing_is_sent();
  } catch (const boost::system::system_error&) {
    cancelled = true;  // by the server, at the end of its patience
  }
  // Whatever happened, nobody may be left using what goes away with us.
  co_await boost::asio::this_coro::throw_if_cancelled(false);
  if (!clean) socket_.abort();
  co_await work_.close();
  if (clean && !cancelled) co_await say_goodbye();
  co_await reading_.close();
  conversation->when_told_to_end(nullptr);
  co_await boost::asio::this_coro::throw_if_cancelled(true);
}

// Waits for a reason to end; true if a farewell can be said then: a frame that is half sent cannot be taken
// back.
net::Task<bool> Pump::until_nothing_is_sent() {
  while (!finish_) co_await changed_.wait();
  auto deadline = Deadline::in(limits_.close_time);
  bool in_time = true;
  while ((sending_ || pinging_) && in_time && !finish_->vanished)
    in_time = co_await changed_.wait_until(deadline);
  co_return !sending_ && !pinging_ && !finish_->vanished;
}

void Pump::finish(Finish how) {
  if (!finish_) finish_ = std::move(how);
  changed_.notify_all();
}

void Pump::fail(const Error& error) {
  bool theirs = error.code == Code::invalid || error.code == Code::denied || error.code == Code::protocol;
  finish({false, attach::error(error, request_id_), theirs ? kClosePolicy : kCloseInternal,
          std::string(to_string(error.code))});
}

net::Task<void> Pump::say_goodbye() {
  if (!finish_->last_words.empty()) {
    sending_ = true;
    auto deadline = Deadline::in(limits_.close_time);
    auto sent =
        co_await net::with_deadline(socket_.send_text(finish_->last_words), deadline, "the last message");
    if (!sent) {
      socket_.abort();
      co_return;
    }
  }
  co_await socket_.close(finish_->code, finish_->reason, limits_.close_time);
}

net::Task<void> Pump::output() {
  bool more = co_await send_text(hello(*attachment_, takes_part_));
  while (more && !finish_) {
    auto event = co_await attachment_->next();
    if (!event) {
      fail(event.error());
      co_return;
    }
    if (!*event) {
      finish({});
      co_return;
    }
    more = co_await tell(**event);
  }
}

net::Task<bool> Pump::tell(session::AttachEvent event) {
  if (const auto* output = std::get_if<session::Output>(&event)) co_return co_await send_output(*output);
  if (const auto* lost = std::get_if<session::Gap>(&event)) co_return co_await send_text(gap(*lost));
  if (const auto* accepted = std::get_if<session::StdinAccepted>(&event))
    co_return co_await send_text(stdin_ack(accepted->offset));
  if (const auto* moved = std::get_if<session::PenMoved>(&event)) {
    drop_queue();  // what was still to be written is another hand's, or of another time
    co_return co_await send_text(pen(*moved));
  }
  if (const auto* dropped = std::get_if<session::InputRefused>(&event))
    co_return co_await send_text(refused(*dropped));
  finish({false, end(std::get<session::Ended>(event).outcome), kCloseNormal, {}});
  co_return false;
}

net::Task<bool> Pump::send_output(session::Output event) {
  auto kind = static_cast<std::uint8_t>(event.stream);
  while (!event.bytes.empty()) {
    auto piece = event.bytes.first(std::min(event.bytes.size(), kMaxOutput));
    auto head = header(kind, event.offset);
    sending_ = true;
    auto sent = co_await socket_.send(head, piece);
    sending_ = false;
    if (!sent) {
      finish({true, {}, 0, {}});
      co_return false;
    }
    if (finish_) {
      changed_.notify_all();
      co_return false;
    }
    event.offset += piece.size();
    event.bytes = event.bytes.subspan(piece.size());
  }
  co_return true;
}

net::Task<bool> Pump::send_text(std::string text) {
  sending_ = true;
  auto sent = co_await socket_.send_text(std::move(text));
  sending_ = false;
  if (!sent) finish({true, {}, 0, {}});
  if (finish_) changed_.notify_all();
  co_return !finish_;
}

net::Task<void> Pump::input() {
  for (;;) {
    auto message = co_await socket_.receive();
    if (!message) {
      const auto& error = message.error();
      bool gone = error.code == Code::unavailable;
      if (socket_.said_goodbye()) attachment_->leave();
      if (gone) {
        finish({true, {}, 0, {}});
      } else {
        finish({false,
                {},
                error.code == Code::too_large ? kCloseTooLarge : std::uint16_t{1002},
                std::string(to_string(error.code))});
      }
      co_return;
    }
    if (finish_) continue;  // read on, for the answer to our farewell
    if (!takes_part_) {
      fail(Error{Code::denied, "this attachment only reads; attach with write=1 or watch=1 to take part",
                 "api: attach", false});
      continue;
    }
    if (message->text) {
      co_await control({reinterpret_cast<const char*>(message->bytes.data()), message->bytes.size()});
      continue;
    }
    auto piece = decode_input(message->bytes);
    if (!piece) {
      fail(piece.error());
      continue;
    }
    if (!attachment_->has_pen()) {
      attachment_->refuse_input();
      continue;
    }
    enqueue(*piece);
    while (queued_ > kReadAhead && !finish_) co_await changed_.wait();
  }
}

void Pump::drop_queue() {
  queue_.clear();
  queued_ = feeding_;
  changed_.notify_all();
}

void Pump::enqueue(const Input& input) {
  if (deaf_) return;
  bool follows = !queue_.empty() && !queue_.back().eof &&
                 queue_.back().offset + queue_.back().bytes.size() == input.offset &&
                 queue_.back().bytes.size() + input.bytes.size() <= kMerged;
  if (follows) {
    queue_.back().bytes.insert(queue_.back().bytes.end(), input.bytes.begin(), input.bytes.end());
    queued_ += input.bytes.size();
  } else {
    queue_.push_back({input.offset, {input.bytes.begin(), input.bytes.end()}, false});
    queued_ += input.bytes.size() + kPieceCost;
  }
  changed_.notify_all();
}

net::Task<void> Pump::control(std::string text) {
  auto decoded = decode_control(text);
  if (!decoded) {
    fail(decoded.error());
    co_return;
  }
  Result<void> done;
  if (std::holds_alternative<TakeOver>(*decoded)) {
    done = attachment_->take_over();
  } else if (!attachment_->has_pen()) {
    attachment_->refuse_input();
  } else if (const auto* resize = std::get_if<Resize>(&*decoded)) {
    done = co_await attachment_->resize(resize->size);
  } else if (const auto* signal = std::get_if<Signal>(&*decoded)) {
    done = co_await attachment_->signal(signal->number);
  } else if (!deaf_) {
    queue_.push_back({std::get<Eof>(*decoded).offset, {}, true});
    queued_ += kPieceCost;
    changed_.notify_all();
  }
  if (done) co_return;
  // A process that has just ended takes no signal; that is no reason to keep its last output from anyone.
  if (done.error().code == Code::invalid) {
    fail(done.error());
  } else {
    log::debug("a control message had no effect", {{"request", request_id_}, {"error", done.error()}});
  }
}

net::Task<void> Pump::feed() {
  for (;;) {
    while (queue_.empty()) co_await changed_.wait();
    auto piece = std::move(queue_.front());
    queue_.pop_front();
    feeding_ = piece.bytes.size() + kPieceCost;
    Result<void> done;
    if (piece.eof) {
      done = co_await attachment_->close_stdin(piece.offset);
    } else {
      done = co_await attachment_->write(piece.offset, std::move(piece.bytes));
    }
    queued_ -= std::exchange(feeding_, std::size_t{0});
    changed_.notify_all();
    if (done) continue;
    if (done.error().code == Code::denied && !attachment_->has_pen()) {
      attachment_->refuse_input();
      continue;
    }
    if (done.error().code != Code::conflict && done.error().code != Code::not_found) {
      fail(done.error());
      co_return;
    }
    // The process has closed its input or ended: what else comes for it is dropped.
    deaf_ = true;
    queue_.clear();
    queued_ = 0;
    changed_.notify_all();
    co_return;
  }
}

net::Task<void> Pump::keepalive() {
  auto signs = socket_.signs_of_life();
  for (int silent = 0;;) {
    co_await net::sleep_for(limits_.ping_interval);
    auto now = socket_.signs_of_life();
    bool unread = queued_ > kReadAhead;  // then it is we who do not see their answers
    silent = now != signs || unread ? 0 : silent + 1;
    signs = now;
    if (silent >= 2) {
      log::info("an attachment gave no sign of life and is dropped", {{"request", request_id_}});
      finish({true, {}, 0, {}});
      co_return;
    }
    if (!pinging_) {
      pinging_ = true;
      work_.spawn(ping());
    }
  }
}

net::Task<void> Pump::ping() {
  auto sent = co_await socket_.ping();
  pinging_ = false;
  if (!sent) finish({true, {}, 0, {}});
  if (finish_) changed_.notify_all();
}

}  // namespace brig::api::attach
