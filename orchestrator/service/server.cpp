#include "service/server.hpp"

#include "core/text.hpp"

namespace brig::service {
namespace {

constexpr Millis kWakeAgain{500};

// Greater than any id that a brigd before this one can have used on the same pipe, and exact as a double.
std::uint64_t first_id(const Clock& clock) {
  return static_cast<std::uint64_t>(clock.wall().time_since_epoch().count()) * 1000;
}

mcp::Client::Options options_of(const Server::About& about, const Clock& clock) {
  mcp::Client::Options options;
  options.name = about.mesh + "/" + about.name;
  options.first_id = first_id(clock);
  return options;
}

Error ended_as(const session::Outcome& outcome) {
  using Kind = session::Outcome::Kind;
  std::string how;
  switch (outcome.kind) {
    case Kind::exited:
      how = "the server exited with code " + std::to_string(outcome.code);
      break;
    case Kind::signaled:
      how = "the server was killed by signal " + std::to_string(outcome.signal);
      break;
    case Kind::out_of_memory:
      how = "the server ran out of memory, and the kernel killed it";
      break;
    case Kind::lost:
      how = "the server's sandbox vanished";
      break;
    default:
      how = "the server was ended";
  }
  if (!outcome.detail.empty()) how += ": " + printable(outcome.detail);
  return {Code::unavailable, std::move(how), "service: server", true};
}

}  // namespace

Server::Server(net::asio::any_io_executor executor, About about, session::Hosting& hosting,
               std::unique_ptr<session::Attachment> attachment, LogRing& log, const Clock& clock,
               mcp::Gateway& gateway)
    : about_(std::move(about)),
      hosting_(hosting),
      attachment_(std::move(attachment)),
      log_(log),
      clock_(clock),
      started_(clock.wall()),
      changed_(executor),
      written_(attachment_->stdin_offset()),
      broken_line_(about_.again),
      gateway_(gateway),
      idle_(executor),
      used_(clock.steady()),
      client_(executor, *this, *this, options_of(about_, clock)) {}

Server::~Server() = default;

net::Task<void> Server::close() {
  co_await client_.close();
}

Millis Server::unused_for() const {
  if (calls_ > 0) return Millis(0);
  return std::chrono::duration_cast<Millis>(clock_.steady() - used_);
}

net::Task<Result<void>> Server::sleep() {
  // What is written to it may wait for it to read on.
  if (calls_ > 0 || writing_)
    co_return Error{Code::conflict,
                    "somebody waits for an answer of service " + quoted(about_.name) + "; try again later",
                    "service: pause", true};
  if (asleep_ || falling_asleep_) co_return Result<void>();
  // From here on, whoever says something to it wakes it.
  asleep_ = falling_asleep_ = true;
  auto done = co_await hosting_.pause(about_.session, true);
  falling_asleep_ = false;
  if (!done) {
    asleep_ = false;
    used_ = clock_.steady();  // it is not tried again at once
  }
  changed_.notify_all();
  co_return done;
}

net::Task<Result<void>> Server::wake() {
  while (falling_asleep_) co_await changed_.wait();
  if (!asleep_) co_return Result<void>();
  BRIG_CO_CHECK(co_await hosting_.pause(about_.session, false));
  asleep_ = false;
  changed_.notify_all();
  co_return Result<void>();
}

net::Task<Result<bool>> Server::ready() {
  if (!asleep_) co_return true;
  auto woken = co_await wake();
  if (woken) co_return true;
  if (ended_ || !woken.error().retryable || woken.error().where == session::kGone) co_return woken.error();
  // An engine that is away for a moment costs nobody his server; who waits has a deadline of his own.
  co_await net::sleep_for(kWakeAgain);
  co_return false;
}

net::Task<Result<void>> Server::send(std::string lines) {
  if (std::exchange(broken_line_, false)) lines.insert(0, "\n");
  lines += '\n';
  const auto* at = reinterpret_cast<const std::byte*>(lines.data());
  std::vector<std::byte> bytes(at, at + lines.size());
  auto offset = std::exchange(written_, written_ + bytes.size());
  writing_ = true;
  auto written = co_await attachment_->write(offset, std::move(bytes));
  writing_ = false;
  co_return written;
}

void Server::take(const session::Output& output) {
  std::string_view bytes(reinterpret_cast<const char*>(output.bytes.data()), output.bytes.size());
  if (output.stream == session::Output::Stream::err) {
    auto keep = [this](mcp::Line line) { say(line.text); };
    err_.feed(bytes, keep);
  } else {
    auto keep = [this](mcp::Line line) { lines_.push_back(std::move(line)); };
    out_.feed(bytes, keep);
  }
}

net::Task<Result<mcp::Line>> Server::receive() {
  while (lines_.empty()) {
    BRIG_CO_TRY(auto event, co_await attachment_->next());
    if (!event) co_return Error{Code::unavailable, "the server has ended", "service: server", true};
    if (const auto* output = std::get_if<session::Output>(&*event)) take(*output);
    if (const auto* gap = std::get_if<session::Gap>(&*event))
      say("brig: " + std::to_string(gap->to - gap->from) + " bytes of output were lost here");
    const auto* end = std::get_if<session::Ended>(&*event);
    if (!end) continue;
    if (auto rest = err_.finish()) say(rest->text);
    if (auto rest = out_.finish()) say(rest->text);
    co_return ended_as(end->outcome);
  }
  auto line = std::move(lines_.front());
  lines_.pop_front();
  co_return line;
}

net::Task<Result<mcp::Answer>> Server::call(mcp::Call call) {
  struct Leave {
    Server& server;
    ~Leave() {
      server.used_ = server.clock_.steady();
      if (--server.calls_ == 0) server.idle_.notify_all();
    }
  } leave{*this};
  ++calls_;
  if (takes_no_more_)
    co_return Error{Code::unavailable, "brigd is being stopped; call again when it is back", "service: call",
                    true};
  co_return co_await client_.request(std::move(call));
}

net::Task<void> Server::until_idle(Deadline deadline) {
  while (calls_ > 0) {
    bool told = co_await idle_.wait_until(deadline);
    if (!told) co_return;
  }
}

net::Task<mcp::Answer> Server::on_request(std::string method, std::string params) {
  return gateway_.ask(about_.mesh, about_.name, std::move(method), std::move(params), calls_);
}

void Server::on_notification(const std::string& method, const std::string& params) {
  if (method == "notifications/tools/list_changed") {
    tools_changed_ = true;  // others are told once they are listed anew
    changed_.notify_all();
    return;
  }
  if (method == "notifications/message") say(params);
  gateway_.tell(about_.mesh, about_.name, method, params);
}

void Server::on_log(std::string line) {
  say(line);
}

void Server::on_fault(std::string what) {
  say("brig: " + what);
}

void Server::on_stray_answer(const std::string& id, const mcp::Answer&) {
  say("brig: an answer to " + printable(id) + ", for which nobody waits, was dropped");
}

void Server::on_ended(const Error& why) {
  ended_ = why;
  say("brig: " + why.message);
  changed_.notify_all();
}

}  // namespace brig::service
