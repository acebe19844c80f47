#include "init_egress/http_body.hpp"

namespace brig::init::egress {
namespace {

constexpr std::uint16_t kMaxLine = 4096;

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

void BodyMeter::begin(Body kind, std::uint64_t length) {
  *this = {};
  kind_ = kind;
  left_ = kind == Body::length ? length : 0;
  done_ = kind == Body::none;
}

// One byte of framing. False: it is none.
bool BodyMeter::step(char c) {
  switch (at_) {
    case At::size:
      if (int value = hex(c); value >= 0) {
        if (++digits_ > 15) return false;
        left_ = left_ * 16 + static_cast<std::uint64_t>(value);
        return true;
      }
      if (digits_ == 0) return false;
      line_ = 0;
      at_ = c == '\r' ? At::size_lf : At::extension;
      return c == '\r' || c == ';' || c == ' ' || c == '\t';
    case At::extension:
      if (c == '\r') at_ = At::size_lf;
      return c != '\n' && ++line_ < kMaxLine;
    case At::size_lf:
      digits_ = 0;
      line_ = 0;
      at_ = left_ > 0 ? At::data : At::trailer;
      return c == '\n';
    case At::data:
      return false;  // run() takes data by the block
    case At::data_cr:
      at_ = At::data_lf;
      return c == '\r';
    case At::data_lf:
      at_ = At::size;
      return c == '\n';
    case At::trailer:
      at_ = c == '\r' ? At::end_lf : At::trailer_text;
      return c != '\n' && ++line_ < kMaxLine;
    case At::trailer_text:
      if (c == '\r') at_ = At::trailer_lf;
      return c != '\n' && ++line_ < kMaxLine;
    case At::trailer_lf:
      at_ = At::trailer;
      return c == '\n';
    case At::end_lf:
      done_ = true;
      return c == '\n';
  }
  return false;
}

std::size_t BodyMeter::run(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && !done_ && !bad_) {
    if (kind_ == Body::length || at_ == At::data) {
      std::size_t rest = bytes.size() - taken;
      std::size_t piece = left_ < rest ? static_cast<std::size_t>(left_) : rest;
      left_ -= piece;
      taken += piece;
      if (left_ > 0) continue;
      if (kind_ == Body::length) {
        done_ = true;
      } else {
        at_ = At::data_cr;
      }
    } else if (step(bytes[taken])) {
      ++taken;
    } else {
      bad_ = true;
      done_ = false;
    }
  }
  return taken;
}

std::size_t BodyMeter::take(std::string_view bytes) const {
  if (kind_ == Body::upgrade) return bytes.size();
  BodyMeter probe = *this;
  return probe.run(bytes);
}

void BodyMeter::advance(std::string_view taken) {
  if (kind_ == Body::upgrade) return;
  run(taken);
}

}  // namespace brig::init::egress
