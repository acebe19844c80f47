#include "cli/client/http_parse.hpp"

#include <algorithm>
#include <charconv>

#include "core/text.hpp"

namespace brig::cli {
namespace {

Error nonsense(std::string what) {
  return Error{Code::protocol,
               "brigd's answer is not HTTP as it should be: " + std::move(what) +
                   "; is something else listening there?",
               "client", false};
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) || (c != 0 && std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) !=
                                             std::string_view::npos);
  });
}

bool equal_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

}  // namespace

std::string_view ResponseHead::get(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

Result<ResponseHead> parse_head(std::string_view head) {
  ResponseHead out;
  auto line_end = head.find("\r\n");
  if (line_end == std::string_view::npos) return nonsense("no status line");
  std::string_view status = head.substr(0, line_end);
  if (!status.starts_with("HTTP/1.1 ") && !status.starts_with("HTTP/1.0 ")) return nonsense("no status line");
  status.remove_prefix(9);
  auto [end, ec] = std::from_chars(status.data(), status.data() + status.size(), out.status);
  if (ec != std::errc() || end != status.data() + 3 || out.status < 100 || out.status > 599) {
    return nonsense("status " + quoted(status, 40));
  }
  head.remove_prefix(line_end + 2);
  while (!head.empty()) {
    line_end = head.find("\r\n");
    if (line_end == std::string_view::npos) return nonsense("a header without an end");
    std::string_view line = head.substr(0, line_end);
    head.remove_prefix(line_end + 2);
    if (line.empty()) return out;
    auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
      return nonsense("header " + quoted(line, 40));
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
    if (value.find_first_of(std::string_view("\0\r\n", 3)) != std::string_view::npos)
      return nonsense("a header with control characters");
    std::string name(line.substr(0, colon));
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (out.headers.size() >= 64) return nonsense("more than 64 headers");
    out.headers.emplace_back(std::move(name), value);
  }
  return nonsense("no end of the headers");
}

Result<BodyReader> BodyReader::for_head(const ResponseHead& head) {
  BodyReader body;
  if (head.status == 204 || head.status == 304 || head.status < 200) return body;
  std::string_view coding = head.get("transfer-encoding");
  std::string_view length = head.get("content-length");
  if (!coding.empty()) {
    if (!equal_word(coding, "chunked") || !length.empty())
      return nonsense("transfer-encoding " + quoted(coding, 40));
    body.state_ = State::chunk_size;
    return body;
  }
  if (length.empty()) {
    body.state_ = State::until_close;
    return body;
  }
  auto [end, ec] = std::from_chars(length.data(), length.data() + length.size(), body.left_);
  if (ec != std::errc() || end != length.data() + length.size())
    return nonsense("content-length " + quoted(length, 40));
  body.state_ = body.left_ == 0 ? State::done : State::length;
  return body;
}

Result<void> BodyReader::take_line(std::string_view& bytes, bool& complete) {
  auto newline = bytes.find('\n');
  auto part = bytes.substr(0, newline);
  if (line_.size() + part.size() > 4096) return nonsense("an endless line between chunks");
  line_ += part;
  complete = newline != std::string_view::npos;
  bytes.remove_prefix(complete ? newline + 1 : bytes.size());
  if (complete) {
    if (!line_.ends_with('\r')) return nonsense("a bare line feed between chunks");
    line_.pop_back();
  }
  return {};
}

Result<void> BodyReader::line_read() {
  if (state_ == State::chunk_end) {
    if (!line_.empty()) return nonsense("a chunk longer than it said");
    state_ = State::chunk_size;
  } else if (state_ == State::trailer) {
    if (line_.empty()) state_ = State::done;
  } else {
    std::string_view size = std::string_view(line_).substr(0, line_.find(';'));
    auto [end, ec] = std::from_chars(size.data(), size.data() + size.size(), left_, 16);
    if (ec != std::errc() || end != size.data() + size.size() || size.empty()) {
      return nonsense("chunk size " + quoted(size, 40));
    }
    state_ = left_ == 0 ? State::trailer : State::chunk_data;
  }
  line_.clear();
  return {};
}

Result<void> BodyReader::feed(std::string_view& bytes, const Sink& sink) {
  while (!bytes.empty() && state_ != State::done) {
    if (state_ == State::length || state_ == State::chunk_data || state_ == State::until_close) {
      std::size_t n = bytes.size();
      if (state_ != State::until_close) n = static_cast<std::size_t>(std::min<std::uint64_t>(n, left_));
      auto part = bytes.substr(0, n);
      bytes.remove_prefix(n);
      if (state_ != State::until_close) {
        left_ -= n;
        if (left_ == 0) state_ = state_ == State::length ? State::done : State::chunk_end;
      }
      if (!sink(part)) return Error{Code::cancelled, "the rest was not wanted", "client", false};
      continue;
    }
    bool complete = false;
    BRIG_CHECK(take_line(bytes, complete));
    if (!complete) return {};
    BRIG_CHECK(line_read());
  }
  return {};
}

Result<void> BodyReader::end() {
  if (state_ == State::until_close) state_ = State::done;
  if (state_ == State::done) return {};
  return Error{Code::unavailable, "the connection to brigd broke in the middle of its answer", "client",
               true};
}

}  // namespace brig::cli
