#include "core/units.hpp"

#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "core/text.hpp"

namespace brig {
namespace {

Error bad_size(std::string_view text) {
  return {Code::invalid,
          "size " + quoted(text) +
              " is not understood; write a number with an optional unit, as in 512M, 1.5G or 2TiB",
          "units", false};
}

Error bad_duration(std::string_view text) {
  return {Code::invalid,
          "duration " + quoted(text) +
              " is not understood; write numbers with units, as in 90s, 1h30m, 500ms or 7d",
          "units", false};
}

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// Digits with at most one dot; no sign, exponent, "inf" or "nan", which from_chars would take.
bool take_number(std::string_view& text, double& value) {
  std::size_t n = 0;
  bool dot = false;
  while (n < text.size() && (std::isdigit(static_cast<unsigned char>(text[n])) || (text[n] == '.' && !dot))) {
    dot |= text[n] == '.';
    ++n;
  }
  if (n == 0 || n > 20 || text[0] == '.') return false;
  auto [end, ec] = std::from_chars(text.data(), text.data() + n, value);
  if (ec != std::errc() || end != text.data() + n) return false;
  text.remove_prefix(n);
  return true;
}

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  std::string_view rest = text;
  double value = 0;
  if (!take_number(rest, value)) return bad_size(text);
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  std::string unit = lower(rest);
  double factor = 0;
  if (unit.empty() || unit == "b") factor = 1;
  for (int i = 0; i < 4; ++i) {
    char c = "kmgt"[i];
    if (unit == std::string(1, c) || unit == std::string(1, c) + "b" || unit == std::string(1, c) + "ib") {
      factor = std::pow(1024.0, i + 1);
    }
  }
  double bytes = value * factor;
  if (factor == 0 || bytes > 9.0e18) return bad_size(text);
  return static_cast<std::uint64_t>(std::llround(bytes));
}

Result<Millis> parse_duration(std::string_view text) {
  std::string_view rest = text;
  double total = 0;
  bool any = false;
  while (!rest.empty()) {
    double value = 0;
    if (!take_number(rest, value)) return bad_duration(text);
    std::size_t n = 0;
    while (n < rest.size() && std::isalpha(static_cast<unsigned char>(rest[n]))) ++n;
    std::string unit = lower(rest.substr(0, n));
    rest.remove_prefix(n);
    double factor = 0;
    if (unit == "ms")
      factor = 1;
    else if (unit == "s" || unit == "sec" || (unit.empty() && !any && rest.empty()))
      factor = 1000;
    else if (unit == "m" || unit == "min")
      factor = 60'000;
    else if (unit == "h")
      factor = 3'600'000;
    else if (unit == "d")
      factor = 86'400'000;
    else if (unit == "w")
      factor = 7 * 86'400'000.0;
    else
      return bad_duration(text);
    total += value * factor;
    any = true;
  }
  // A century bounds what later arithmetic has to bear.
  if (!any || total > 100.0 * 366 * 86'400'000) return bad_duration(text);
  return Millis(std::llround(total));
}

std::string format_size(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  int unit = 0;
  while (value >= 1024 && unit < 4) {
    value /= 1024;
    ++unit;
  }
  char out[32];
  std::snprintf(out, sizeof out, unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return out;
}

std::string format_duration(Millis duration) {
  auto ms = duration.count();
  if (ms < 1000) return std::to_string(ms) + "ms";
  auto s = ms / 1000;
  if (s < 60) return std::to_string(s) + "s";
  if (s < 3600) return std::to_string(s / 60) + "m " + std::to_string(s % 60) + "s";
  if (s < 86400) return std::to_string(s / 3600) + "h " + std::to_string(s % 3600 / 60) + "m";
  return std::to_string(s / 86400) + "d " + std::to_string(s % 86400 / 3600) + "h";
}

std::string format_time(WallTime time) {
  auto ms = time.time_since_epoch().count();
  auto seconds = static_cast<std::time_t>(ms >= 0 ? ms / 1000 : 0);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char out[40];
  std::size_t n = std::strftime(out, sizeof out, "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(out + n, sizeof out - n, ".%03dZ", static_cast<int>(ms >= 0 ? ms % 1000 : 0));
  return out;
}

}  // namespace brig
