// What a hostile MCP server writes. The first byte says how it is cut into reads. However that is, the lines
// are the same; a line has one meaning; what is taken from it is JSON of one line, and reads back as the same
// when it is passed on; and nothing that a parser of another make refuses passes for JSON.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/text.hpp"
#include "mcp/json.hpp"
#include "mcp/message.hpp"

namespace {

using namespace brig::mcp;

void check(bool holds) {
  if (!holds) std::abort();
}

std::vector<Line> lines_of(std::string_view bytes, std::size_t step) {
  LineSplitter splitter(2 * kKeptOfLongLine);
  std::vector<Line> out;
  auto take = [&out](Line line) { out.push_back(std::move(line)); };
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    splitter.feed(bytes.substr(at, step), take);
    check(splitter.held() <= 2 * kKeptOfLongLine);
  }
  if (auto rest = splitter.finish()) out.push_back(std::move(*rest));
  return out;
}

void check_same(const std::vector<Line>& a, const std::vector<Line>& b) {
  check(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    check(a[i].text == b[i].text && a[i].tail == b[i].tail && a[i].size == b[i].size);
  }
}

// Ours is at most as lenient as another reader; numbers beyond a double are a matter of taste.
void check_against_another(std::string_view text) {
  bool ours = json::check(text).ok();
  bool theirs = nlohmann::json::accept(text);
  if (!ours || theirs) return;
  check(text.find_first_of("eE0123456789") != std::string_view::npos ||
        text.find("\\u") != std::string_view::npos);
}

void check_value(std::string_view value) {
  check(json::check(value).ok());
  if (auto said = json::text(value)) check(json::text(json::literal(*said)) == *said);
  auto members = json::members(value);
  if (!members) return;
  for (const auto& member : *members) {
    check(json::check(member.key).ok() && json::check(member.value).ok());
    if (auto name = json::text(member.key)) {
      check(json::find(value, *name) == member.value);
      auto changed = json::with_member(value, *name, "[1e400]");
      check(json::check(changed).ok() && json::find(changed, *name) == "[1e400]");
      check(json::with_member(changed, *name, member.value) == value);
    }
  }
  auto added = json::with_member(value, "\u00e4 new one", "null");
  check(json::check(added).ok() && json::find(added, "\u00e4 new one").has_value());
}

void check_message(const Message& message) {
  bool asks = message.kind == Message::Kind::request || message.kind == Message::Kind::notification;
  check(asks == !message.method.empty());
  check(message.kind != Message::Kind::request || !message.id.empty());
  check(message.kind != Message::Kind::notification || message.id.empty());
  check(message.body.find_first_of("\r\n") == std::string::npos);
  if (!message.body.empty()) check_value(message.body);
  std::string again;
  if (message.kind == Message::Kind::request) again = write_request(message.id, message.method, message.body);
  if (message.kind == Message::Kind::notification) again = write_notification(message.method, message.body);
  if (message.is_answer()) {
    if (message.id.empty()) return;
    again = write_answer(message.id, Answer{message.kind == Message::Kind::error, message.body});
  }
  auto back = read(Line::of(again));
  auto* same = std::get_if<Message>(&back);
  check(same && same->kind == message.kind && same->id == message.id && same->method == message.method &&
        same->body == message.body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  auto lines = lines_of(bytes, bytes.size() + 1);
  check_same(lines, lines_of(bytes, 1 + data[0]));
  for (const auto& line : lines) {
    auto reading = read(line);
    if (auto* message = std::get_if<Message>(&reading)) check_message(*message);
    if (auto* malformed = std::get_if<Malformed>(&reading)) {
      check(brig::is_utf8(malformed->why));
      check(malformed->answers.find_first_not_of("-0123456789") == std::string::npos);
    }
    check_against_another(line.text);
  }
  auto whole = read_message(bytes);
  if (auto* message = std::get_if<Message>(&whole)) check_message(*message);
  return 0;
}
