// Bytes off the wire become a request: Beast's parser, behind a stricter reading of the head.
//
// Refused here, whatever Beast would make of it, is what two readers of one byte stream may understand
// differently: line breaks that are not CRLF, folded lines, control characters, more than one Host, any
// Transfer-Encoding but a single "chunked", one beside a Content-Length, and versions other than 1.1.
// Trailers are read and dropped.
//
// Ownership: one parser a request. Threads: one at a time. Failure: as Failure, with its status; the
// connection cannot be used further then.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/http/message.hpp"

namespace brig::api {

class RequestParser {
 public:
  explicit RequestParser(std::size_t head_limit);
  ~RequestParser();

  // Given all bytes so far: the head's length once it is whole, 0 before.
  std::size_t read_head(std::string_view bytes, std::optional<Failure>& failure);
  const Head& head() const { return head_; }

  // Given what follows the head and was not consumed yet: how much of it was now. At most `limit` bytes of
  // body.
  std::size_t read_body(std::string_view bytes, std::size_t limit, std::optional<Failure>& failure);
  bool done() const;
  std::string take_body();

 private:
  struct Beast;
  std::unique_ptr<Beast> beast_;
  std::size_t head_limit_;
  std::size_t scanned_ = 0;
  Head head_;
};

}  // namespace brig::api
