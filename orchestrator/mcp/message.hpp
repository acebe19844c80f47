// JSON-RPC 2.0 as MCP has it: what one line is, and how one is written.
//
// The other end may be hostile; every line has a defined meaning. What is no message is a log line. What
// means to be a message and is none is Malformed; if it can be told which request it would have answered,
// that is said, so that the one who waits hears of it at once. `params`, `result` and `error` are kept as
// their text.
//
// Threads: any; plain functions. Failure: none beyond Malformed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "core/error.hpp"
#include "mcp/lines.hpp"

namespace brig::mcp {

// Codes of JSON-RPC and MCP.
inline constexpr int kParseError = -32700;
inline constexpr int kInvalidRequest = -32600;
inline constexpr int kMethodNotFound = -32601;
inline constexpr int kInvalidParams = -32602;
inline constexpr int kInternalError = -32603;
inline constexpr int kServerError = -32000;

inline constexpr std::size_t kMaxId = 256;      // bytes, as written
inline constexpr std::size_t kMaxMethod = 256;  // bytes

struct Message {
  enum class Kind { request, notification, result, error };

  Kind kind = Kind::notification;
  std::string id;  // as written: a string or an integer. Empty: a notification, or an error that answers null
  std::string method;  // of requests and notifications
  std::string body;    // params (empty: none), result, or error: as written, but for line ends between tokens

  bool is_answer() const { return kind == Kind::result || kind == Kind::error; }
};

struct Malformed {
  std::string why;      // a sentence, without the line's content
  std::string answers;  // the id of the request it seems to answer; or empty
  bool too_long = false;
};

struct LogLine {
  std::string text;
};

using Reading = std::variant<Message, Malformed, LogLine>;

Reading read(const Line& line);
// A whole message, from somewhere that has no log lines: what would be one is malformed.
std::variant<Message, Malformed> read_message(std::string_view text);

// What a request is answered with, by either side: the text of `result` or of `error`.
struct Answer {
  bool is_error = false;
  std::string json;

  static Answer result(std::string json);
  static Answer error(int code, std::string_view message);
  // An error of ours; its code goes along as data.
  static Answer error(const Error& why);
};

// Lines without their end. `id` as written; `body` and `params` are checked JSON of one line; empty: none.
std::string write_request(std::string_view id, std::string_view method, std::string_view params);
std::string write_notification(std::string_view method, std::string_view params);
std::string write_answer(std::string_view id, const Answer& answer);

}  // namespace brig::mcp
