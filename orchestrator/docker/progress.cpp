#include "docker/progress.hpp"

#include "core/text.hpp"
#include "docker/errors.hpp"

namespace brig::docker {
namespace {

constexpr std::size_t kMaxText = 64 * 1024;
constexpr std::size_t kTailLines = 10;
constexpr std::size_t kTailLine = 240;

// Line by line, so that line ends stay and all else becomes printable.
std::string printable_lines(std::string_view text) {
  std::string out;
  text = text.substr(0, kMaxText);
  while (!text.empty()) {
    auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    out += printable(line, 4096);
    if (end == text.npos) break;
    out += '\n';
    text.remove_prefix(end + 1);
  }
  return out;
}

std::string one_line(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r') || text.ends_with(' ')) text.remove_suffix(1);
  return printable(text, 512);
}

}  // namespace

Result<void> ProgressReader::feed(std::string_view bytes) {
  lines_.feed(bytes);
  while (true) {
    BRIG_TRY(auto line, lines_.next());
    if (!line) return {};
    BRIG_CHECK(take(*line));
  }
}

Result<void> ProgressReader::result() {
  BRIG_CHECK(feed("\n"));  // the last line may lack its end
  if (error_.empty()) return {};
  Error error = reported(error_, what_);
  if (!tail_.empty()) {
    error.message += "; its last output: ";
    std::vector<std::string> lines(tail_.begin(), tail_.end());
    error.message += join(lines, " | ");
  }
  return error;
}

void ProgressReader::keep(std::string_view text) {
  for (auto line : split(text, '\n')) {
    auto kept = one_line(line.substr(0, kTailLine));
    if (kept.empty() || kept.starts_with("Step ") || kept.starts_with(" ---> ")) continue;
    tail_.push_back(std::move(kept));
    if (tail_.size() > kTailLines) tail_.pop_front();
  }
}

Result<void> ProgressReader::take(std::string_view line) {
  BRIG_TRY(Json json, parse(line, what_));
  std::string error = text_at(json, "error");
  if (std::string detail = text_at(at(json, "errorDetail"), "message"); !detail.empty()) error = detail;
  if (!error.empty()) {
    if (error_.empty()) error_ = error.substr(0, 4096);
    return {};
  }
  if (std::string id = text_at(at(json, "aux"), "ID"); !id.empty()) image_id_ = id.substr(0, 256);

  Progress step;
  std::string stream = text_at(json, "stream");
  step.status = one_line(text_at(json, "status"));
  if (!step.status.empty()) last_status_ = step.status;
  step.id = printable(text_at(json, "id"), 128);
  const Json& detail = at(json, "progressDetail");
  step.current = size_at(detail, "current");
  step.total = size_at(detail, "total");
  if (stream.starts_with("Step ")) {
    step.status = one_line(stream);
  } else {
    step.text = printable_lines(stream);
    keep(stream);
  }
  if (sink_ && !(step.status.empty() && step.text.empty())) sink_(step);
  return {};
}

}  // namespace brig::docker
