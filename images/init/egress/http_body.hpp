// Where the body of a request ends: so many bytes of what follows belong to it, and no more.
//
// Ownership: a plain value. Threads: one. Failure: bad() for chunks that are none; then nothing further is
// passed on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "init_egress/http.hpp"

namespace brig::init::egress {

class BodyMeter {
 public:
  void begin(Body kind, std::uint64_t length);
  // How many of these bytes belong to the body. Nothing is remembered of them until advance().
  std::size_t take(std::string_view bytes) const;
  void advance(std::string_view taken);
  bool endless() const { return kind_ == Body::upgrade; }
  bool done() const { return done_; }
  bool bad() const { return bad_; }

 private:
  enum class At : std::uint8_t {
    size,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer,
    trailer_text,
    trailer_lf,
    end_lf
  };
  bool step(char c);
  std::size_t run(std::string_view bytes);

  Body kind_ = Body::none;
  At at_ = At::size;
  bool done_ = false;
  bool bad_ = false;
  std::uint8_t digits_ = 0;
  std::uint16_t line_ = 0;  // bytes of an extension or of trailers
  std::uint64_t left_ = 0;
};

}  // namespace brig::init::egress
