// The heads of HTTP/1 messages, read where brigd makes a request anew (injection.hpp).
//
// As strict as can be where two readers could see two messages: CRLF only, no folded lines, names that are
// tokens, one Host, one length or chunks, never both. What is not understood is refused, never passed on.
//
// Ownership: views into the caller's bytes. Threads: any. Failure: `bad`, with a sentence.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace brig::egress {

inline constexpr std::size_t kMaxMessageHead = 64 * 1024;
inline constexpr std::size_t kMaxMessageFields = 256;

struct HeadField {
  std::string_view name;
  std::string_view value;
};

// How much follows the head.
enum class Framing { none, length, chunked, to_the_end };

struct MessageHead {
  std::size_t size = 0;  // with the empty line
  std::vector<HeadField> fields;
  Framing framing = Framing::none;
  std::uint64_t length = 0;
  bool keeps = true;  // another message may follow on the connection
};

struct RequestHead : MessageHead {
  std::string_view method;
  std::string_view target;  // begins with '/', or is "*"
  std::string_view host;
  bool old = false;        // HTTP/1.0
  bool websocket = false;  // it asks to go on as one
};

struct ResponseHead : MessageHead {
  int status = 0;
  std::string_view status_line;
};

enum class HeadIs { whole, more, bad };
HeadIs read_request_head(std::string_view bytes, RequestHead& head, std::string& why);
// The answer to `asked`; informational ones too.
HeadIs read_response_head(std::string_view bytes, const RequestHead& asked, ResponseHead& head,
                          std::string& why);

bool same_name(std::string_view a, std::string_view b);
// Whether the comma-separated list names it.
bool lists(std::string_view list, std::string_view what);

}  // namespace brig::egress
