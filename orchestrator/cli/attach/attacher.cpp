#include "cli/attach/attacher.hpp"

#include <poll.h>
#include <unistd.h>

#include <charconv>
#include <csignal>

#include "core/random.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

constexpr Millis kOpenLimit{10'000};

std::initializer_list<int> signals_for(const AttachRequest& request) {
  static constexpr auto kNone = std::initializer_list<int>{};
  static constexpr auto kPiped = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
  static constexpr auto kTerminal = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGTSTP};
  if (!request.write) return kNone;  // nothing to pass them on to: they do what they always do
  return request.terminal ? kTerminal : kPiped;
}

}  // namespace

Attacher::Attacher(Client& client, AttachRequest request)
    : client_(client),
      request_(std::move(request)),
      signals_(signals_for(request_)),
      reconnect_(request_.reconnect),
      stdin_open_(request_.write && request_.read_stdin),
      key_(random_hex(16)),
      wants_pen_(request_.write && !request_.watch),
      take_over_(request_.take_over),
      buffer_(256 * 1024) {
  std::uint64_t offset = 0;
  const auto& from = request_.from;
  auto [end, ec] = std::from_chars(from.data(), from.data() + from.size(), offset);
  if (ec == std::errc() && end == from.data() + from.size()) cursor_.start_at(offset);
  if (request_.write && !request_.read_stdin) input_.close();
}

Result<AttachEnd> Attacher::run() {
  ::signal(SIGPIPE, SIG_IGN);
  if (request_.terminal && ours()) raw_.emplace(STDIN_FILENO);
  bool keys = request_.detach_keys.has(DetachKeys::Pressed::questions);
  if (raw_ && request_.answer_questions && keys) questions_.emplace(client_.endpoint(), request_.session);
  while (!end_) {
    auto round = open();
    if (round) round = serve();
    if (end_ && stream_ && !lost_) leave_in_good_order();
    stream_.reset();
    has_pen_ = false;
    input_.lost();
    lost_ = true;
    if (end_) break;
    if (!round && !may_retry(round.error())) {
      // What it said up to here is shown before the error.
      while (!sink_.empty() && sink_.flush() && !sink_.empty()) {
        pollfd p{sink_.waiting_fd(), POLLOUT, 0};
        if (::poll(&p, 1, 5000) <= 0) break;
      }
      return round.error();
    }
    Error why = round ? Error{Code::unavailable, "the connection broke", "client", true} : round.error();
    if (!wait_to_retry() && !end_) return given_up(why);
  }
  if (title_pushed_) {
    [[maybe_unused]] auto n = ::write(STDOUT_FILENO, "\x1b[23;2t", 7);
  }
  raw_.reset();
  return *end_;
}

bool Attacher::may_retry(const Error& error) const {
  if (!ever_connected_ && !request_.started_by_us) {
    // A brigd that answers, but does not look after the session yet or is just ending it, soon will have.
    bool answered = error.where != "cli" && error.where != "client";
    return answered && error.code == Code::unavailable && error.retryable;
  }
  switch (error.code) {
    case Code::unavailable:
    case Code::timeout:
    case Code::cancelled:
    case Code::rate_limited:
      return error.where != "output";
    case Code::denied:
      return error.where == "cli";  // the socket of a brigd that is just starting
    default:
      return false;
  }
}

Error Attacher::given_up(const Error& why) const {
  return Error{Code::unavailable,
               "the connection to brigd was lost and could not be had again within " +
                   std::to_string(reconnect_.limit().count() / 1000) + " s (" + why.message +
                   "); the process runs on: once brigd is back, say 'brig attach " +
                   printable(request_.session) + "'",
               "lost", true};
}

void Attacher::note(const std::string& text) {
  if (!::isatty(STDERR_FILENO)) return;
  std::string line = raw_ ? "\r\nbrig: " + text + "\r\n" : "brig: " + text + "\n";
  [[maybe_unused]] auto n = ::write(STDERR_FILENO, line.data(), line.size());
}

Result<void> Attacher::open() {
  std::string from = cursor_.next() ? std::to_string(*cursor_.next()) : request_.from;
  std::string target = "/v1/sessions/" + percent_encode(request_.session) + "/processes/" +
                       std::to_string(request_.process) + "/attach?from=" + from +
                       (wants_pen_ ? "&write=1&pace=1"
                        : ours()   ? "&watch=1"
                                   : "") +
                       (take_over_ ? "&take_over=1" : "") + (ours() ? "&key=" + key_ : "");
  BRIG_TRY(auto upgraded, open_websocket(client_, target, "brig.attach.v1", Deadline::in(kOpenLimit)));
  stream_ = std::move(upgraded.stream);
  reader_ = FrameReader();
  prefix_.clear();
  text_.clear();
  outbox_.clear();
  greeted_ = false;
  lost_ = false;
  pinged_ = false;
  heard_ = std::chrono::steady_clock::now();
  // Nothing of the last connection is left in the buffer: serve() does not return before it was written.
  if (upgraded.early.size() > buffer_.size()) buffer_.resize(upgraded.early.size());
  std::copy(upgraded.early.begin(), upgraded.early.end(), buffer_.begin());
  unread_ = {buffer_.data(), upgraded.early.size()};
  return {};
}

Result<void> Attacher::serve() {
  while (true) {
    auto pumped = pump_output();
    if (!pumped) {
      if (!is_broken_pipe(pumped.error())) return pumped.error();
      finish({AttachEnd::Kind::unread, {}, SIGPIPE});
    }
    bool written = sink_.empty() && piece_.empty();
    if (reached_until() && written) finish({AttachEnd::Kind::complete, {}, 0});
    if (outcome_ && written) finish({AttachEnd::Kind::ended, *outcome_, 0});
    if (end_) return {};
    if (lost_ && written) return {};
    if (!lost_) pump_input();
    check_prompt();
    announce_questions();
    BRIG_CHECK(poll_once(prompt_ ? 500 : -1));
  }
}

bool Attacher::wait_to_retry() {
  auto step = reconnect_.failed(std::chrono::steady_clock::now());
  if (step.give_up) return false;
  if (step.note) note("the connection to brigd is lost; trying again (ctrl-c gives up)…");
  auto deadline = Deadline::in(step.wait);
  while (!end_ && !deadline.passed()) {
    pollfd polls[2] = {{signals_.fd(), POLLIN, 0}, {-1, POLLIN, 0}};
    if (raw_ && stdin_open_ && input_.space() > 0) polls[1].fd = STDIN_FILENO;
    if (::poll(polls, 2, static_cast<int>(deadline.left().count()) + 1) <= 0) continue;
    if (polls[0].revents) take_signals();
    if (polls[1].revents) read_stdin();
  }
  return !end_.has_value();
}

Result<AttachEnd> attach(Client& client, AttachRequest request) {
  bool tell = request.signal_when_unread;
  std::string target = "/v1/sessions/" + percent_encode(request.session) + "/processes/" +
                       std::to_string(request.process) + "/signal";
  Result<AttachEnd> end = Attacher(client, std::move(request)).run();
  if (end && end->kind == AttachEnd::Kind::unread && tell) {
    // As when the reader of a pipe leaves. If it is over already, that is as well.
    (void)client.call("POST", target, {{"signal", "PIPE"}}, Millis{5000});
  }
  return end;
}

Millis reconnect_limit(const Environment& environment) {
  auto text = environment("BRIG_RECONNECT");
  unsigned seconds = 60;
  if (text) std::from_chars(text->data(), text->data() + text->size(), seconds);
  return std::chrono::seconds(std::min(seconds, 86'400u));
}

Outcome outcome_from_json(const nlohmann::json& json) {
  Outcome out;
  out.kind = "lost";
  if (!json.is_object()) return out;
  if (auto at = json.find("kind"); at != json.end() && at->is_string())
    out.kind = printable(at->get<std::string>(), 32);
  if (auto at = json.find("detail"); at != json.end() && at->is_string()) {
    out.detail = printable(at->get<std::string>(), 1024);
  }
  if (auto at = json.find("exit_code"); at != json.end() && at->is_number_integer()) {
    auto code = at->get<std::int64_t>();
    if (code >= 0 && code <= 255) out.exit_code = static_cast<int>(code);
  }
  return out;
}

}  // namespace brig::cli
