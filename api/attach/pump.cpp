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
      request_id_(std::move(request_id)),
      dialogue_(executor, socket, limits, "attach", request_id_) {}

net::Task<void> Pump::run(Conversation* conversation) {
  dialogue_.read(input());
  dialogue_.work(output());
  if (takes_part_) dialogue_.work(feed());
  co_await dialogue_.run(conversation);
}

net::Task<void> Pump::output() {
  bool more = co_await dialogue_.send_text(hello(*attachment_, takes_part_));
  while (more && !dialogue_.ended()) {
    auto event = co_await attachment_->next();
    if (!event) {
      dialogue_.fail(event.error());
      co_return;
    }
    if (!*event) {
      dialogue_.end();
      co_return;
    }
    more = co_await tell(**event);
  }
}

net::Task<bool> Pump::tell(session::AttachEvent event) {
  if (const auto* output = std::get_if<session::Output>(&event)) co_return co_await send_output(*output);
  if (const auto* lost = std::get_if<session::Gap>(&event))
    co_return co_await dialogue_.send_text(gap(*lost));
  if (const auto* accepted = std::get_if<session::StdinAccepted>(&event))
    co_return co_await dialogue_.send_text(stdin_ack(accepted->offset));
  if (const auto* moved = std::get_if<session::PenMoved>(&event)) {
    drop_queue();  // what was still to be written is another hand's, or of another time
    co_return co_await dialogue_.send_text(pen(*moved));
  }
  if (const auto* dropped = std::get_if<session::InputRefused>(&event))
    co_return co_await dialogue_.send_text(refused(*dropped));
  dialogue_.end(kCloseNormal, {}, end(std::get<session::Ended>(event).outcome));
  co_return false;
}

net::Task<bool> Pump::send_output(session::Output event) {
  auto kind = static_cast<std::uint8_t>(event.stream);
  while (!event.bytes.empty()) {
    auto piece = event.bytes.first(std::min(event.bytes.size(), kMaxOutput));
    auto head = header(kind, event.offset);
    bool more = co_await dialogue_.send(head, piece);
    if (!more) co_return false;
    event.offset += piece.size();
    event.bytes = event.bytes.subspan(piece.size());
  }
  co_return true;
}

net::Task<void> Pump::input() {
  for (;;) {
    auto message = co_await socket_.receive();
    if (!message) {
      if (socket_.said_goodbye()) attachment_->leave();
      dialogue_.vanished();
      co_return;
    }
    if (dialogue_.ended()) continue;  // read on, for the answer to our farewell
    if (!takes_part_) {
      dialogue_.fail(Error{Code::denied,
                           "this attachment only reads; attach with write=1 or watch=1 to take part",
                           "api: attach", false});
      continue;
    }
    if (message->text) {
      co_await control({reinterpret_cast<const char*>(message->bytes.data()), message->bytes.size()});
      continue;
    }
    auto piece = decode_input(message->bytes);
    if (!piece) {
      dialogue_.fail(piece.error());
      continue;
    }
    if (!attachment_->has_pen()) {
      attachment_->refuse_input();
      continue;
    }
    enqueue(*piece);
    dialogue_.set_deaf(queued_ > kReadAhead);
    while (queued_ > kReadAhead && !dialogue_.ended()) co_await dialogue_.changed().wait();
    dialogue_.set_deaf(false);
  }
}

void Pump::drop_queue() {
  queue_.clear();
  queued_ = feeding_;
  dialogue_.changed().notify_all();
}

void Pump::enqueue(const Input& input) {
  if (takes_no_more_) return;
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
  dialogue_.changed().notify_all();
}

net::Task<void> Pump::control(std::string text) {
  auto decoded = decode_control(text);
  if (!decoded) {
    dialogue_.fail(decoded.error());
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
  } else if (!takes_no_more_) {
    queue_.push_back({std::get<Eof>(*decoded).offset, {}, true});
    queued_ += kPieceCost;
    dialogue_.changed().notify_all();
  }
  if (done) co_return;
  // A process that has just ended takes no signal; that is no reason to keep its last output from anyone.
  if (done.error().code == Code::invalid) {
    dialogue_.fail(done.error());
  } else {
    log::debug("a control message had no effect", {{"request", request_id_}, {"error", done.error()}});
  }
}

net::Task<void> Pump::feed() {
  for (;;) {
    while (queue_.empty()) co_await dialogue_.changed().wait();
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
    dialogue_.changed().notify_all();
    if (done) continue;
    if (done.error().code == Code::denied && !attachment_->has_pen()) {
      attachment_->refuse_input();
      continue;
    }
    if (done.error().code != Code::conflict && done.error().code != Code::not_found) {
      dialogue_.fail(done.error());
      co_return;
    }
    // The process has closed its input or ended: what else comes for it is dropped.
    takes_no_more_ = true;
    queue_.clear();
    queued_ = 0;
    dialogue_.changed().notify_all();
    co_return;
  }
}

}  // namespace brig::api::attach
