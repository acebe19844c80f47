#include "api/http/body.hpp"

#include <algorithm>
#include <charconv>

namespace brig::api {
namespace {

constexpr std::size_t kMaxLine = 4096;
constexpr std::size_t kMaxTrailers = 16 * 1024;

}  // namespace

BodyDecoder BodyDecoder::of_length(std::uint64_t length) {
  BodyDecoder out;
  out.left_ = length;
  out.state_ = length > 0 ? State::length : State::done;
  return out;
}

BodyDecoder BodyDecoder::chunked() {
  BodyDecoder out;
  out.state_ = State::size;
  return out;
}

BodyDecoder BodyDecoder::until_end() {
  BodyDecoder out;
  out.state_ = State::until_end;
  return out;
}

void BodyDecoder::fail(const char* why) {
  state_ = State::failed;
  why_ = why;
}

// True once line_ holds a whole line, without its end.
bool BodyDecoder::take_line(std::string_view& bytes) {
  auto feed = bytes.find('\n');
  auto part = bytes.substr(0, feed);
  if (line_.size() + part.size() > kMaxLine) {
    fail("a line between chunks is too long");
    return false;
  }
  line_ += part;
  bytes.remove_prefix(feed == bytes.npos ? bytes.size() : feed + 1);
  if (feed == std::string_view::npos) return false;
  if (!line_.ends_with('\r')) {
    fail("a line between chunks does not end in CRLF");
    return false;
  }
  line_.pop_back();
  return true;
}

void BodyDecoder::read_line() {
  if (state_ == State::after) {
    if (!line_.empty()) return fail("a chunk is longer than it said");
    state_ = State::size;
  } else if (state_ == State::trailer) {
    trailers_ += line_.size();
    if (line_.empty()) state_ = State::done;
    if (trailers_ > kMaxTrailers) return fail("the trailers are too long");
  } else {
    auto digits = std::string_view(line_).substr(0, line_.find(';'));
    while (digits.ends_with(' ') || digits.ends_with('\t')) digits.remove_suffix(1);
    auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
    if (ec != std::errc() || end != digits.data() + digits.size() || left_ > (std::uint64_t{1} << 62))
      return fail("a chunk's size is no number");
    state_ = left_ == 0 ? State::trailer : State::content;
  }
  line_.clear();
}

std::string_view BodyDecoder::next(std::string_view& bytes) {
  while (!bytes.empty() && !done() && !failed()) {
    if (state_ == State::until_end) return std::exchange(bytes, {});
    if (state_ == State::length || state_ == State::content) {
      auto run = bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left_)));
      bytes.remove_prefix(run.size());
      left_ -= run.size();
      if (left_ == 0) state_ = state_ == State::length ? State::done : State::after;
      return run;
    }
    if (take_line(bytes)) read_line();
  }
  return {};
}

bool BodyDecoder::end() {
  if (state_ == State::until_end) state_ = State::done;
  return done();
}

}  // namespace brig::api
