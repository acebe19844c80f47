#include "cli/arguments.hpp"

#include <charconv>

#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::cli {

std::optional<std::string> Arguments::get(std::string_view name) const {
  auto at = options_.find(name);
  if (at == options_.end() || at->second.empty()) return std::nullopt;
  return at->second.back();
}

std::string Arguments::get(std::string_view name, std::string_view otherwise) const {
  return get(name).value_or(std::string(otherwise));
}

std::vector<std::string> Arguments::all(std::string_view name) const {
  auto at = options_.find(name);
  return at == options_.end() ? std::vector<std::string>{} : at->second;
}

Result<std::optional<Millis>> Arguments::duration(std::string_view name) const {
  auto text = get(name);
  if (!text) return std::optional<Millis>{};
  auto value = parse_duration(*text);
  if (!value)
    return Error{Code::invalid, "--" + std::string(name) + ": " + value.error().message, "cli", false};
  return std::optional<Millis>{*value};
}

Result<std::optional<std::uint64_t>> Arguments::number(std::string_view name, std::uint64_t max) const {
  auto text = get(name);
  if (!text) return std::optional<std::uint64_t>{};
  std::uint64_t value = 0;
  auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (ec != std::errc() || end != text->data() + text->size() || value > max) {
    return Error{Code::invalid,
                 "--" + std::string(name) + " wants a whole number up to " + std::to_string(max) + ", not " +
                     quoted(*text),
                 "cli", false};
  }
  return std::optional<std::uint64_t>{value};
}

std::string_view option_name(std::string_view flags) {
  auto comma = flags.rfind(',');
  if (comma != std::string_view::npos) flags.remove_prefix(comma + 1);
  while (!flags.empty() && flags.front() == '-') flags.remove_prefix(1);
  return flags;
}

}  // namespace brig::cli
