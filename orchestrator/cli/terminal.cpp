#include "cli/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>

namespace brig::cli {
namespace {

// For the handlers, which may use nothing else.
termios g_before;
volatile std::sig_atomic_t g_fd = -1;
volatile std::sig_atomic_t g_full_screen = 0;

// The alternate screen, without its cursor; and back.
constexpr char kEnter[] = "\x1b[?1049h\x1b[?25l\x1b[2J";
constexpr char kLeave[] = "\x1b[?25h\x1b[?1049l";

template <std::size_t N>
void say(const char (&sequence)[N]) {
  [[maybe_unused]] auto n = ::write(STDOUT_FILENO, sequence, N - 1);
}

constexpr int kCrashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};

void restore_and_crash(int number) {
  if (g_full_screen != 0) say(kLeave);
  if (g_fd >= 0) ::tcsetattr(g_fd, TCSANOW, &g_before);
  ::raise(number);  // SA_RESETHAND: now by default
}

void watch_crashes() {
  struct sigaction action {};
  action.sa_handler = restore_and_crash;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  for (int number : kCrashes) ::sigaction(number, &action, nullptr);
}

}  // namespace

std::optional<WindowSize> window_size(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return std::nullopt;
  return WindowSize{size.ws_row, size.ws_col};
}

RawTerminal::RawTerminal(int fd) : fd_(fd) {
  usable_ = ::tcgetattr(fd, &before_) == 0;
  if (!usable_) return;
  g_before = before_;
  watch_crashes();
  make_raw();
}

RawTerminal::~RawTerminal() {
  restore();
}

void RawTerminal::make_raw() {
  if (!usable_) return;
  g_fd = fd_;
  termios raw = before_;
  ::cfmakeraw(&raw);
  ::tcsetattr(fd_, TCSADRAIN, &raw);
}

void RawTerminal::restore() {
  if (!usable_ || g_fd < 0) return;
  ::tcsetattr(fd_, TCSADRAIN, &before_);
  g_fd = -1;
}

FullScreen::FullScreen(int fd) : terminal_(fd) {
  g_full_screen = 1;
  say(kEnter);
}

FullScreen::~FullScreen() {
  say(kLeave);
  g_full_screen = 0;
}

}  // namespace brig::cli
