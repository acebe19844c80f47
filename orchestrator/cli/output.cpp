#include "cli/output.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "core/text.hpp"

namespace brig::cli {

Style::Style(int fd, const Environment& environment) {
  auto no_colour = environment("NO_COLOR");
  auto term = environment("TERM");
  on_ = ::isatty(fd) && (!no_colour || no_colour->empty()) && term && !term->empty() && *term != "dumb";
}

std::string Style::paint(Colour colour, std::string_view text) const {
  static constexpr const char* kCodes[] = {"", "1", "2", "31", "32", "33", "34"};
  if (!on_ || colour == Colour::plain || text.empty()) return std::string(text);
  return "\x1b[" + std::string(kCodes[static_cast<int>(colour)]) + "m" + std::string(text) + "\x1b[0m";
}

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void print_json(const nlohmann::json& json) {
  print(json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

void say_error(std::string_view text) {
  std::string line = "brig: " + std::string(text) + "\n";
  std::fflush(stdout);
  [[maybe_unused]] auto n = ::write(STDERR_FILENO, line.data(), line.size());
}

Result<void> flush_output() {
  if (std::fflush(stdout) == 0 && !std::ferror(stdout)) return {};
  return errno_error(errno, "cannot write to standard output", "output");
}

std::string age(std::string_view time) {
  std::tm utc{};
  std::string text(time);
  if (text.size() < 19 || !::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &utc)) return "";
  auto seconds = static_cast<long long>(std::time(nullptr) - ::timegm(&utc));
  if (seconds < 0) seconds = 0;
  if (seconds < 60) return std::to_string(seconds) + "s";
  if (seconds < 3600) return std::to_string(seconds / 60) + "m";
  if (seconds < 48 * 3600) return std::to_string(seconds / 3600) + "h";
  return std::to_string(seconds / 86400) + "d";
}

}  // namespace brig::cli
