// A message's body as it comes, for bodies that are passed on instead of kept: by length, in chunks, or until
// the connection ends.
//
// Strict, and pure: no I/O. Trailers are read and dropped. Threads: one. Failure: a sentence; the connection
// cannot be used further then.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace brig::api {

class BodyDecoder {
 public:
  static BodyDecoder of_length(std::uint64_t length);
  static BodyDecoder chunked();
  static BodyDecoder until_end();
  BodyDecoder() = default;  // no body

  // Takes from the front of `bytes` up to the end of one run of content, which is given back (it lies in
  // `bytes`); empty: more is needed, or done(), or failed().
  std::string_view next(std::string_view& bytes);
  // The connection ended: false if that is too early.
  bool end();

  bool done() const { return state_ == State::done; }
  bool failed() const { return state_ == State::failed; }
  const char* why() const { return why_; }

 private:
  enum class State { length, until_end, size, content, after, trailer, done, failed };
  bool take_line(std::string_view& bytes);
  void read_line();
  void fail(const char* why);

  State state_ = State::done;
  std::uint64_t left_ = 0;
  std::size_t trailers_ = 0;
  std::string line_;
  const char* why_ = "";
};

}  // namespace brig::api
