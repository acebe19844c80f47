#include "image/progress.hpp"

#include <charconv>

#include "core/text.hpp"

namespace brig::image {
namespace {

constexpr std::size_t kMaxLine = 4096;

// Takes a number off the front.
std::optional<unsigned> take_number(std::string_view& text) {
  unsigned value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value > 10'000) return {};
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

}  // namespace

Progress from_builder(const docker::Progress& progress) {
  Progress out;
  out.step = printable(progress.status, 256);
  out.log = progress.text;
  std::string_view rest = progress.status;
  if (!take(rest, "Step ")) return out;
  auto number = take_number(rest);
  if (!number || !take(rest, "/")) return out;
  auto count = take_number(rest);
  if (!count || *number == 0 || *number > *count) return out;
  out.fraction = static_cast<double>(*number - 1) / static_cast<double>(*count);
  take(rest, " : ");
  out.step = "Step " + std::to_string(*number) + "/" + std::to_string(*count) + ": " + printable(rest, 256);
  return out;
}

Progress from_pull(const std::string& image, const docker::Progress& progress) {
  Progress out;
  out.step = "pulling " + image;
  if (!progress.id.empty()) out.step += " " + printable(progress.id, 32);
  if (!progress.status.empty()) out.step += ": " + printable(progress.status, 128);
  if (progress.total > 0 && progress.current <= progress.total)
    out.step += " " + std::to_string(progress.current * 100 / progress.total) + "%";
  return out;
}

std::vector<std::string> Lines::feed(std::string_view bytes) {
  std::vector<std::string> out;
  for (char c : bytes) {
    if (c != '\n' && c != '\r') {
      if (partial_.size() < kMaxLine) partial_.push_back(c);
      continue;
    }
    if (!partial_.empty()) out.push_back(printable(partial_, kMaxLine));
    partial_.clear();
  }
  return out;
}

}  // namespace brig::image
