#include "cli/top/top.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "cli/commands/common.hpp"
#include "cli/signals.hpp"
#include "cli/top/errand.hpp"
#include "cli/top/keys.hpp"
#include "cli/top/screen.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

using Steady = std::chrono::steady_clock;

constexpr Millis kAnswersWithin{5'000};
constexpr Millis kErrandLook{200};  // between two looks whether something asked for is done
constexpr int kEscapeMs = 50;       // so long after an escape comes what belongs to it, or nothing
constexpr int kInterrupted = 130;

void put(std::string_view text) {
  while (!text.empty()) {
    auto n = ::write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno != EINTR && errno != EAGAIN) return;
    if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
  }
}

std::string clock_text() {
  auto now = std::time(nullptr);
  std::tm local{};
  char text[16];
  ::localtime_r(&now, &local);
  return {text, std::strftime(text, sizeof text, "%H:%M:%S", &local)};
}

class Top {
 public:
  Top(Context& context, Client& client, const TopOptions& options)
      : context_(context), client_(client), options_(options) {
    screen_.order = options.order;
  }

  Result<int> run() {
    // Before the screen is taken: who is not there, or says no, is told as every other command tells it.
    BRIG_CHECK(look());
    Signals signals({SIGINT, SIGTERM, SIGHUP, SIGWINCH});
    signals_ = &signals;
    terminal_.emplace(STDIN_FILENO);
    next_ = Steady::now() + Millis{500};  // rates are there from the second look on
    while (!code_) {
      redraw();
      wait();
    }
    terminal_.reset();
    if (*code_ < 0) die_of(-*code_);
    return *code_;
  }

 private:
  Result<void> look() {
    BRIG_TRY(auto answer, client_.call("GET", "/v1/stats" + options_.query, nullptr, kAnswersWithin));
    all_ = looks_.add(answer);
    arrange();
    return {};
  }

  // What is shown of what is known.
  void arrange() {
    auto before = screen_.index();
    screen_.sessions.clear();
    for (const auto& session : all_) {
      if (usage_matches(session, screen_.filter)) screen_.sessions.push_back(session);
    }
    screen_.hidden = all_.size() - screen_.sessions.size();
    sort_usage(screen_.sessions, screen_.order, screen_.turned);
    bool there = std::any_of(screen_.sessions.begin(), screen_.sessions.end(),
                             [&](const auto& session) { return session.id == screen_.selected; });
    if (!there) select(before);
  }
  void select(std::size_t at) {
    auto count = screen_.sessions.size();
    screen_.selected = count == 0 ? "" : screen_.sessions[std::min(at, count - 1)].id;
  }
  void say(std::string notice, bool trouble = false) {
    screen_.notice = std::move(notice);
    screen_.trouble = trouble;
  }
  const SessionUsage* selected() const {
    return screen_.sessions.empty() ? nullptr : &screen_.sessions[screen_.index()];
  }

  void redraw() {
    auto size = window_size(STDOUT_FILENO).value_or(WindowSize{});
    screen_.time = clock_text();
    scroll(screen_, size);
    std::string frame = "\x1b[H";
    auto lines = draw(screen_, size, context_.out());
    for (std::size_t i = 0; i < lines.size(); ++i) frame += (i > 0 ? "\r\n" : "") + lines[i] + "\x1b[K";
    put(frame);
  }

  void wait() {
    auto until = next_;
    if (!errands_.empty()) until = std::min(until, Steady::now() + kErrandLook);
    auto left = std::chrono::ceil<Millis>(until - Steady::now());
    int timeout = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
    if (keys_.pending()) timeout = std::min(timeout, kEscapeMs);
    pollfd polls[] = {{STDIN_FILENO, POLLIN, 0}, {signals_->fd(), POLLIN, 0}};
    int ready = ::poll(polls, 2, timeout);
    if (ready > 0 && polls[1].revents != 0) take_signal();
    if (ready > 0 && polls[0].revents != 0) read_keys();
    while (auto key = code_ ? std::nullopt : keys_.next(ready == 0)) press(*key);
    look_after_errands();
    if (!code_ && Steady::now() >= next_) refresh();
  }

  void take_signal() {
    int number = signals_->take();
    if (number == SIGTERM || number == SIGHUP) code_ = -number;
    if (number == SIGINT) code_ = kInterrupted;
  }
  void read_keys() {
    char bytes[512];
    auto n = ::read(STDIN_FILENO, bytes, sizeof bytes);
    if (n > 0)
      keys_.add({bytes, static_cast<std::size_t>(n)});
    else if (n == 0 || (errno != EINTR && errno != EAGAIN))
      code_ = 0;  // the terminal is gone
  }

  void refresh() {
    auto done = look();
    // Of a service that is away the last that was known stays on the screen.
    if (!done) say(done.error().message, true);
    if (done && screen_.trouble && !errand_trouble_) say("");
    next_ = Steady::now() + options_.every;
  }

  void look_after_errands() {
    for (auto it = errands_.begin(); it != errands_.end();) {
      auto done = it->done();
      if (!done) {
        ++it;
        continue;
      }
      errand_trouble_ = !done->well;
      if (done->well)
        say(it->what() + ": done");
      else
        say(it->what() + ": " + (done->said.empty() ? "it failed" : done->said), true);
      it = errands_.erase(it);
      next_ = Steady::now();
    }
  }

  void press(const Key& key) {
    if (key.kind == Key::Kind::interrupt) {
      code_ = kInterrupted;
    } else if (screen_.typing) {
      type(key);
    } else if (!question_.empty()) {
      answer(key.kind == Key::Kind::text && key.text == "y");
    } else if (key.kind == Key::Kind::text) {
      command(key.text[0]);
    } else {
      move(key.kind);
    }
  }

  void type(const Key& key) {
    auto& filter = screen_.filter;
    if (key.kind == Key::Kind::text && filter.size() < 64) filter += key.text;
    if (key.kind == Key::Kind::backspace && !filter.empty()) {
      do filter.pop_back();
      while (!is_utf8(filter));
    }
    if (key.kind == Key::Kind::escape) filter.clear();
    if (key.kind == Key::Kind::escape || key.kind == Key::Kind::enter) screen_.typing = false;
    arrange();
  }

  void move(Key::Kind kind) {
    auto size = window_size(STDOUT_FILENO).value_or(WindowSize{});
    std::size_t page = size.rows > 6 ? size.rows - 5 : 1, at = screen_.index();
    if (kind == Key::Kind::up) select(at - std::min<std::size_t>(at, 1));
    if (kind == Key::Kind::down) select(at + 1);
    if (kind == Key::Kind::page_up) select(at - std::min(at, page));
    if (kind == Key::Kind::page_down) select(at + page);
    if (kind == Key::Kind::home) select(0);
    if (kind == Key::Kind::end) select(screen_.sessions.size());
    if (kind == Key::Kind::escape) screen_.filter.clear();
    say("");
    errand_trouble_ = false;
    arrange();
  }

  void command(char key) {
    say("");
    errand_trouble_ = false;
    if (key == 'q') code_ = 0;
    if (key == 'j') move(Key::Kind::down);
    if (key == 'k') move(Key::Kind::up);
    if (key == 'x' || key == 'p' || key == 'a' || key == 'l') act(key);
    if (key == '/') screen_.typing = true;
    if (key == 'r') screen_.turned = !screen_.turned;
    if (key == 's') {
      auto next = (static_cast<std::size_t>(screen_.order) + 1) % std::size(kUsageOrders);
      screen_.order = static_cast<UsageOrder>(next);
    }
    arrange();
  }

  void act(char key) {
    const auto* session = selected();
    if (!session) return;
    auto name = printable(session->name);
    if (key == 'a') visit({"attach", session->id});
    if (key == 'l') visit({"logs", "--follow", session->id});
    if (key == 'p') {
      bool paused = session->state == "paused";
      send((paused ? "resuming " : "pausing ") + name, {paused ? "resume" : "pause", session->id});
    }
    if (key != 'x') return;
    question_ = session->id;
    asked_ = "stopping " + name;
    say("stop " + name + "? It has ten seconds to end by itself. y: yes, anything else: no");
  }
  void answer(bool yes) {
    say("");
    if (yes) send(asked_, {"stop", question_});
    question_.clear();
  }

  std::vector<std::string> addressed(std::vector<std::string> words) const {
    if (context_.host()) words.insert(words.begin(), {"--host", *context_.host()});
    return words;
  }
  void send(std::string what, std::vector<std::string> words) {
    auto errand = Errand::start(std::move(what), addressed(std::move(words)));
    if (!errand) return say(errand.error().message, true);
    say(errand->what() + "…");
    errands_.push_back(std::move(*errand));
  }

  // Gives the terminal to another command until that has ended and the person has seen how.
  void visit(std::vector<std::string> words) {
    terminal_.reset();
    auto done = run_brig(addressed(std::move(words)));
    if (!done) say_error(done.error().message);
    put("\r\n[enter goes back to brig top]");
    char byte = 0;
    while (::read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n' && byte != '\r') {
    }
    // A ctrl-c that ended it came to us as well.
    while (int number = signals_->take()) {
      if (number == SIGTERM || number == SIGHUP) code_ = -number;
    }
    terminal_.emplace(STDIN_FILENO);
    next_ = Steady::now();
  }

  Context& context_;
  Client& client_;
  const TopOptions& options_;
  Looks looks_;
  std::vector<SessionUsage> all_;
  Screen screen_;
  Keys keys_;
  Signals* signals_ = nullptr;
  std::optional<FullScreen> terminal_;
  std::vector<Errand> errands_;
  bool errand_trouble_ = false;  // the notice stays until a key is pressed
  std::string question_;         // the id of a session that may be stopped
  std::string asked_;
  Steady::time_point next_{};
  std::optional<int> code_;  // how to end; negative: of that signal
};

}  // namespace

Result<int> watch_usage(Context& context, const TopOptions& options) {
  BRIG_TRY(Client * client, context.client());
  return Top(context, *client, options).run();
}

}  // namespace brig::cli
