#include "core/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/clock.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::log {
namespace {

std::atomic<Level> g_level{Level::warn};
std::atomic<Format> g_format{Format::text};

spdlog::logger& sink() {
  static auto logger = [] {
    auto l = spdlog::stderr_logger_mt("brig");
    l->set_pattern("%v");
    l->set_level(spdlog::level::trace);
    return l;
  }();
  return *logger;
}

constexpr std::string_view kNames[] = {"debug", "info", "warn", "error"};

std::string as_json(Level level, std::string_view message, Fields fields) {
  nlohmann::ordered_json line;
  line["time"] = format_time(SystemClock().wall());
  line["level"] = kNames[static_cast<int>(level)];
  line["message"] = printable(message, 1024);
  for (const auto& f : fields) {
    std::string key(f.key);
    if (auto* s = std::get_if<std::string_view>(&f.value))
      line[key] = printable(*s, 1024);
    else if (auto* b = std::get_if<bool>(&f.value))
      line[key] = *b;
    else if (auto* i = std::get_if<std::int64_t>(&f.value))
      line[key] = *i;
    else if (auto* e = std::get_if<const Error*>(&f.value)) {
      line[key] = printable((*e)->message, 1024);
      line["code"] = to_string((*e)->code);
      if (!(*e)->where.empty()) line["where"] = printable((*e)->where);
    }
  }
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string as_text(Level level, std::string_view message, Fields fields) {
  std::string line = format_time(SystemClock().wall()).substr(11, 12);
  line += ' ';
  line += kNames[static_cast<int>(level)];
  line += ' ';
  line += printable(message, 1024);
  for (const auto& f : fields) {
    line += ' ';
    line += f.key;
    line += '=';
    if (auto* s = std::get_if<std::string_view>(&f.value))
      line += printable(*s, 1024);
    else if (auto* b = std::get_if<bool>(&f.value))
      line += *b ? "true" : "false";
    else if (auto* i = std::get_if<std::int64_t>(&f.value))
      line += std::to_string(*i);
    else if (auto* e = std::get_if<const Error*>(&f.value)) {
      line += quoted((*e)->message, 1024);
      line += " code=";
      line += to_string((*e)->code);
    }
  }
  return line;
}

}  // namespace

void configure(Level level, Format format) {
  g_level = level;
  g_format = format;
}

void write(Level level, std::string_view message, Fields fields) {
  if (level < g_level.load(std::memory_order_relaxed)) return;
  auto line = g_format.load(std::memory_order_relaxed) == Format::json ? as_json(level, message, fields)
                                                                       : as_text(level, message, fields);
  sink().info("{}", line);
  if (level >= Level::warn) sink().flush();
}

}  // namespace brig::log
