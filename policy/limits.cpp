#include "policy/limits.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::policy {
namespace {

using nlohmann::json;

constexpr std::uint64_t kKi = 1024;
constexpr std::uint64_t kMi = 1024 * kKi;
constexpr std::uint64_t kGi = 1024 * kMi;
constexpr std::uint64_t kPi = kGi * kMi;

using V = Limits<std::uint64_t>;
constexpr std::array kTable{
    LimitInfo{"memory", &Asked::memory, &V::memory, Measure::bytes, 4 * kGi, 32 * kMi, kPi, false},
    LimitInfo{"cpus", &Asked::milli_cpus, &V::milli_cpus, Measure::cpus, 2'000, 10, 1'024'000, false},
    LimitInfo{"pids", &Asked::pids, &V::pids, Measure::count, 1'024, 8, 4'194'304, false},
    LimitInfo{"nofile", &Asked::nofile, &V::nofile, Measure::count, 16'384, 64, 1'048'576, false},
    LimitInfo{"disk", &Asked::disk, &V::disk, Measure::bytes, 20 * kGi, 16 * kMi, kPi, false},
    LimitInfo{"tmp", &Asked::tmp, &V::tmp, Measure::bytes, kGi, 64 * kKi, kPi, false},
    LimitInfo{"home", &Asked::home, &V::home, Measure::bytes, kGi, 64 * kKi, kPi, false},
    LimitInfo{"run", &Asked::run, &V::run, Measure::bytes, 16 * kMi, 64 * kKi, kPi, false},
    LimitInfo{"shm", &Asked::shm, &V::shm, Measure::bytes, 64 * kMi, 64 * kKi, kPi, false},
    LimitInfo{"oom_score_adj", &Asked::oom_score_adj, &V::oom_score_adj, Measure::score, 500, 0, 1'000, true},
};

std::string accepted(const LimitInfo& info) {
  auto range = " from " + format_limit(info, info.least) + " to " + format_limit(info, info.most);
  switch (info.measure) {
    case Measure::bytes:
      return "a size such as \"512 MiB\" or a number of bytes," + range;
    case Measure::cpus:
      return "a number of CPUs such as 1.5," + range;
    case Measure::count:
    case Measure::score:
      return "a whole number" + range;
  }
  return range;
}

// NaN, infinities and numbers beyond any table entry come back as none.
std::optional<std::uint64_t> milli(double cpus) {
  if (!std::isfinite(cpus) || cpus < 0 || cpus > 1e9) return std::nullopt;
  return static_cast<std::uint64_t>(std::llround(cpus * 1000));
}

std::optional<std::uint64_t> read_cpus_text(const std::string& text) {
  if (text.empty() || text.size() > 16 || text.find_first_not_of("0123456789.") != std::string::npos)
    return std::nullopt;
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return milli(value);
}

std::optional<std::uint64_t> read_value(const LimitInfo& info, const json& value) {
  if (info.measure == Measure::cpus) {
    if (value.is_number()) return milli(value.get<double>());
    if (value.is_string()) return read_cpus_text(value.get_ref<const std::string&>());
    return std::nullopt;
  }
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (value.is_number_integer()) {
    auto n = value.get<std::int64_t>();
    if (n < 0) return std::nullopt;
    return static_cast<std::uint64_t>(n);
  }
  if (info.measure == Measure::bytes && value.is_string()) {
    auto size = parse_size(value.get_ref<const std::string&>());
    if (size) return *size;
  }
  return std::nullopt;
}

}  // namespace

std::span<const LimitInfo> limit_table() {
  return kTable;
}

std::string format_limit(const LimitInfo& info, std::uint64_t value) {
  switch (info.measure) {
    case Measure::bytes:
      return format_size(value);
    case Measure::cpus: {
      auto text = std::to_string(value / 1000);
      if (auto rest = value % 1000) {
        char digits[8];
        std::snprintf(digits, sizeof digits, ".%03u", static_cast<unsigned>(rest));
        text += digits;
        while (text.back() == '0') text.pop_back();
      }
      return text;
    }
    case Measure::count:
    case Measure::score:
      return std::to_string(value);
  }
  return std::to_string(value);
}

json limit_to_json(const LimitInfo& info, std::uint64_t value) {
  // CPUs as text: a double would not come back as the same number of thousandths everywhere.
  if (info.measure == Measure::cpus) return format_limit(info, value);
  return value;
}

Asked read_limits(Reader& reader) {
  Asked out;
  for (const auto& info : kTable) {
    const auto* value = reader.raw(info.key);
    if (!value) continue;
    auto number = read_value(info, *value);
    if (!number || *number < info.least || *number > info.most) {
      auto shown = value->dump(-1, ' ', false, json::error_handler_t::replace);
      reader.fail(info.key, "limits." + std::string(info.key) + " = " + printable(shown, 80) + " must be " +
                                accepted(info));
      return out;
    }
    out.*info.asked = *number;
  }
  reader.finish();
  return out;
}

std::uint64_t stricter(const LimitInfo& info, std::uint64_t a, std::uint64_t b) {
  return info.is_floor ? std::max(a, b) : std::min(a, b);
}

bool beyond(const LimitInfo& info, std::uint64_t asked, std::uint64_t bound) {
  return info.is_floor ? asked < bound : asked > bound;
}

}  // namespace brig::policy
