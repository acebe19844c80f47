// Asking the person at the terminal what a connection waits for, without spoiling what a program shows there.
//
// Nothing is written into the program's screen unasked: a question rings the bell and stands in the title.
// Only when the person presses the keys does it take the last line, with the program's output held back; the
// program is told that the terminal is a line smaller meanwhile, and draws everything anew when it is large
// again.
#include <unistd.h>

#include "cli/attach/attacher.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

constexpr Millis kPrompt{30'000};  // before brigd takes our silence for our end

void to_terminal(std::string_view text) {
  while (!text.empty()) {
    auto n = ::write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

// Between two things of the program's, with nothing of it still on its way.
bool Attacher::may_write_between() const {
  return raw_ && sink_.empty() && piece_.empty() && ground_.reached();
}

void Attacher::announce_questions() {
  if (!questions_ || prompt_ || !may_write_between()) return;
  if (prompt_due_) {
    open_prompt();
    return;
  }
  auto open = questions_->list();
  if (open.empty() || !has_pen_) {
    if (std::exchange(announced_, std::uint64_t{0}) != 0 && title_pushed_) to_terminal("\x1b[23;2t");
    title_pushed_ = false;
    return;
  }
  auto newest = open.back().number;
  if (newest == announced_) return;
  bool first = announced_ == 0;
  announced_ = newest;
  std::string text = first ? "\x1b[22;2t" : "";
  title_pushed_ = true;
  text += "\x1b]2;brig: it wants " + open.back().target + " (" +
          request_.detach_keys.text_of(DetachKeys::Pressed::questions) + " answers)\a\a";
  to_terminal(text);
}

void Attacher::open_prompt() {
  if (!questions_ || !has_pen_) return;
  prompt_due_ = !may_write_between();
  if (prompt_due_) return;
  auto open = questions_->list();
  if (open.empty()) {
    to_terminal("\a");
    return;
  }
  bool first = !prompt_;
  prompt_ = open.front();
  prompt_until_ = std::chrono::steady_clock::now() + kPrompt;
  auto size = window_size(STDOUT_FILENO).value_or(WindowSize{});
  if (first && size.rows > 1) {
    send_text("{\"resize\":{\"rows\":" + std::to_string(size.rows - 1) +
              ",\"cols\":" + std::to_string(size.cols) + "}}");
  }
  auto who = prompt_->process.empty() ? "it" : prompt_->process;
  show_line("brig: " + who + " wants " + prompt_->target + ": (o)nce, (s)ession, (a)lways, (n)o? esc: later");
}

void Attacher::show_line(const std::string& text) {
  auto size = window_size(STDOUT_FILENO).value_or(WindowSize{});
  to_terminal(
      "\x1b"
      "7\x1b[" +
      std::to_string(size.rows) + ";1H\x1b[0;7m\x1b[2K" +
      text.substr(0, size.cols > 1 ? size.cols - 1u : 1u) +
      "\x1b[0m\x1b"
      "8");
}

void Attacher::close_prompt() {
  if (!prompt_) return;
  prompt_.reset();
  auto size = window_size(STDOUT_FILENO).value_or(WindowSize{});
  to_terminal(
      "\x1b"
      "7\x1b[" +
      std::to_string(size.rows) +
      ";1H\x1b[0m\x1b[2K\x1b"
      "8");
  send_size();
}

void Attacher::key_at_prompt(char key) {
  const char* scope = key == 'o' ? "once" : key == 's' ? "session" : key == 'a' ? "always" : nullptr;
  bool leave = key == '\x1b' || key == '\x03' || key == 'q';
  if (!scope && key != 'n' && !leave) {
    to_terminal("\a");
    return;
  }
  if (!leave) {
    auto done = questions_->answer(prompt_->number, scope != nullptr, scope ? scope : "once");
    if (!done && done.error().code != Code::not_found) {
      show_line("brig: " + printable(done.error().message, 300));
      return;
    }
    if (!questions_->list().empty()) {
      open_prompt();
      return;
    }
  }
  close_prompt();
}

// Answered elsewhere, given up by whoever waited, or nobody is at the keyboard.
void Attacher::check_prompt() {
  if (!prompt_) return;
  bool there = false;
  for (const auto& one : questions_->list()) there = there || one.number == prompt_->number;
  if (!there || lost_ || std::chrono::steady_clock::now() >= prompt_until_) close_prompt();
}

}  // namespace brig::cli
