// What of a request's head goes into a sandbox, and what of an answer's head comes out: both strictly read,
// and made anew.
//
// The page is hostile to the person who looks at it, and the person's headers are no business of the page:
// only what belongs to this one exchange passes. Pure: no I/O. Threads: any. Failure: as a sentence.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/http/message.hpp"

namespace brig::api::preview {

inline constexpr std::string_view kCookie = "brig-preview";
inline constexpr std::string_view kTokenHeader = "Brig-Preview-Token";
inline constexpr std::string_view kTokenParameter = "brig-preview-token";
inline constexpr std::size_t kMaxHead = 64 * 1024;

// Where a preview is seen from outside, and what it is inside.
struct Place {
  std::string origin;  // "http://0123456789.localhost:7544"
  std::string host;    // "0123456789.localhost:7544"
  std::uint16_t port = 0;
};

// The token that came in a query, cut out of the target; none if there is none.
std::optional<std::string> take_token(std::string& target);
// Every value that our cookie has in the request.
std::vector<std::string> cookies_of(const Head& head);
// Said by a browser, and another page's: not the preview's own.
bool is_from_elsewhere(const Head& head, const Place& place);
// Asks to become a WebSocket. Nothing else is switched to.
bool is_websocket(const Head& head);

// The head as it goes in, with its end.
std::string request_head(const Head& head, const Place& place);

struct Answer {
  int status = 0;
  std::vector<Header> headers;  // those that pass
  std::optional<std::uint64_t> length;
  bool chunked = false;
  bool websocket = false;  // 101, as asked for

  bool interim() const { return status >= 100 && status < 200 && !websocket; }
  bool has_body(std::string_view method) const {
    return method != "HEAD" && status >= 200 && status != 204 && status != 304;
  }
};
// `text`: up to and with the empty line. A Failure means that the answer cannot be passed on.
std::optional<Failure> read_answer(std::string_view text, const Place& place, bool asked_websocket,
                                   Answer& out);
// The head as it goes out, without its end and without framing.
std::string answer_head(const Answer& answer);

}  // namespace brig::api::preview
