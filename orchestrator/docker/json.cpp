#include "docker/json.hpp"

#include <charconv>
#include <ctime>

namespace brig::docker {
namespace {

constexpr int kMaxDepth = 64;

// Before parsing: the parser itself would follow the nesting to any depth.
bool too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

bool take_int(std::string_view& text, std::size_t digits, int& value) {
  if (text.size() < digits) return false;
  auto [end, ec] = std::from_chars(text.data(), text.data() + digits, value);
  if (ec != std::errc() || end != text.data() + digits || value < 0) return false;
  text.remove_prefix(digits);
  return true;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

Result<Json> parse(std::string_view text, std::string_view what) {
  if (!too_deep(text)) {
    Json value = Json::parse(text, nullptr, false);
    if (!value.is_discarded()) return value;
  }
  return Error{Code::protocol,
               "the Docker engine's answer to '" + std::string(what) + "' is not JSON we can read",
               "docker: " + std::string(what), false};
}

const Json& at(const Json& object, const char* key) {
  static const Json none;
  if (!object.is_object()) return none;
  auto it = object.find(key);
  return it == object.end() ? none : *it;
}

std::string text_at(const Json& object, const char* key) {
  const auto& v = at(object, key);
  return v.is_string() ? v.get_ref<const std::string&>() : std::string();
}

std::int64_t int_at(const Json& object, const char* key) {
  const auto& v = at(object, key);
  if (v.is_number_unsigned()) {
    auto n = v.get<std::uint64_t>();
    return n > INT64_MAX ? INT64_MAX : static_cast<std::int64_t>(n);
  }
  return v.is_number_integer() ? v.get<std::int64_t>() : 0;
}

std::uint64_t size_at(const Json& object, const char* key) {
  const auto& v = at(object, key);
  return v.is_number_unsigned() ? v.get<std::uint64_t>() : 0;
}

bool bool_at(const Json& object, const char* key) {
  const auto& v = at(object, key);
  return v.is_boolean() && v.get<bool>();
}

std::vector<std::string> texts_at(const Json& object, const char* key) {
  std::vector<std::string> out;
  const auto& v = at(object, key);
  if (!v.is_array()) return out;
  for (const auto& item : v) {
    if (item.is_string()) out.push_back(item.get_ref<const std::string&>());
  }
  return out;
}

std::map<std::string, std::string> map_at(const Json& object, const char* key) {
  std::map<std::string, std::string> out;
  const auto& v = at(object, key);
  if (!v.is_object()) return out;
  for (auto it = v.begin(); it != v.end(); ++it) {
    if (it->is_string()) out.emplace(it.key(), it->get_ref<const std::string&>());
  }
  return out;
}

std::vector<std::string> keys_at(const Json& object, const char* key) {
  std::vector<std::string> out;
  const auto& v = at(object, key);
  if (!v.is_object()) return out;
  for (auto it = v.begin(); it != v.end(); ++it) out.push_back(it.key());
  return out;
}

std::optional<WallTime> parse_time(std::string_view text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (!take_int(text, 4, year) || !take(text, '-') || !take_int(text, 2, month) || !take(text, '-') ||
      !take_int(text, 2, day) || !take(text, 'T') || !take_int(text, 2, hour) || !take(text, ':') ||
      !take_int(text, 2, minute) || !take(text, ':') || !take_int(text, 2, second)) {
    return std::nullopt;
  }
  if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
      second > 60) {
    return std::nullopt;
  }
  long ms = 0;
  if (take(text, '.')) {
    long scale = 100;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
      ms += (text.front() - '0') * scale;
      scale /= 10;
      text.remove_prefix(1);
    }
  }
  int offset_minutes = 0;
  if (!take(text, 'Z')) {
    int sign = text.starts_with('-') ? -1 : 1;
    int hours = 0, minutes = 0;
    if (text.empty() || (text.front() != '-' && text.front() != '+')) return std::nullopt;
    text.remove_prefix(1);
    if (!take_int(text, 2, hours) || !take(text, ':') || !take_int(text, 2, minutes)) return std::nullopt;
    offset_minutes = sign * (hours * 60 + minutes);
  }
  if (!text.empty()) return std::nullopt;
  auto days = std::chrono::sys_days(std::chrono::year(year) / month / day);
  auto time = days + std::chrono::hours(hour) + std::chrono::minutes(minute - offset_minutes) +
              std::chrono::seconds(second) + Millis(ms);
  return std::chrono::time_point_cast<Millis>(time);
}

std::optional<WallTime> time_at(const Json& object, const char* key) {
  return parse_time(text_at(object, key));
}

std::optional<WallTime> unix_time_at(const Json& object, const char* key) {
  auto seconds = int_at(object, key);
  if (seconds <= 0 || seconds > INT64_MAX / 1'000'000) return std::nullopt;
  return WallTime(std::chrono::seconds(seconds));
}

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace brig::docker
