// HTTP/1.1 responses, strictly and within bounds: the head, and bodies by length, by chunks or until the end.
//
// Pure: no I/O. Threads: one. Failure: Error{protocol}; nothing is allocated by what the peer announces.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.hpp"

namespace brig::cli {

inline constexpr std::size_t kMaxHead = 32 * 1024;

struct ResponseHead {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case

  std::string_view get(std::string_view name) const;  // "" if absent
};

// `head` ends with the empty line.
Result<ResponseHead> parse_head(std::string_view head);

class BodyReader {
 public:
  using Sink = std::function<bool(std::string_view)>;  // false: the rest is not wanted

  // `to_head`: the response to HEAD and such has no body.
  static Result<BodyReader> for_head(const ResponseHead& head);

  // Consumes from the front of `bytes` what belongs to the body.
  Result<void> feed(std::string_view& bytes, const Sink& sink);
  // The stream ended: fine only where that is how the body ends.
  Result<void> end();
  bool done() const { return state_ == State::done; }
  bool until_close() const { return state_ == State::until_close; }

 private:
  enum class State { length, until_close, chunk_size, chunk_data, chunk_end, trailer, done };
  Result<void> take_line(std::string_view& bytes, bool& complete);
  Result<void> line_read();

  State state_ = State::done;
  std::uint64_t left_ = 0;
  std::string line_;
};

}  // namespace brig::cli
