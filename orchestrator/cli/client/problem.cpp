#include "cli/client/http.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

constexpr Code kCodes[] = {Code::invalid,         Code::not_found, Code::conflict,     Code::denied,
                           Code::unauthenticated, Code::too_large, Code::rate_limited, Code::exhausted,
                           Code::unavailable,     Code::timeout,   Code::cancelled,    Code::unsupported,
                           Code::protocol,        Code::corrupt,   Code::internal};

Code code_of_status(int status) {
  switch (status) {
    case 401:
      return Code::unauthenticated;
    case 403:
      return Code::denied;
    case 404:
      return Code::not_found;
    case 409:
      return Code::conflict;
    case 413:
    case 431:
      return Code::too_large;
    case 408:
    case 504:
      return Code::timeout;
    case 429:
      return Code::rate_limited;
    case 501:
      return Code::unsupported;
    case 502:
      return Code::protocol;
    case 503:
      return Code::unavailable;
    case 507:
      return Code::exhausted;
    default:
      return status >= 500 ? Code::internal : Code::invalid;
  }
}

}  // namespace

Error problem_to_error(int status, std::string_view body) {
  Error error{code_of_status(status), "", "api", false};
  auto json = nlohmann::json::parse(body, nullptr, false);
  auto text = [&](const char* key) -> std::string {
    if (!json.is_object()) return {};
    auto at = json.find(key);
    return at != json.end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  std::string name = text("code");
  for (Code code : kCodes) {
    if (to_string(code) == name) error.code = code;
  }
  error.message = printable(text("detail"), 2048);
  if (error.message.empty()) error.message = printable(text("title"), 256);
  if (error.message.empty()) error.message = "brigd answered with status " + std::to_string(status);
  if (error.code == Code::internal && !text("request_id").empty()) {
    error.message += " (brigd's log has it under request " + printable(text("request_id"), 64) + ")";
  }
  if (json.is_object()) {
    auto retry = json.find("retryable");
    error.retryable = retry != json.end() && retry->is_boolean() && retry->get<bool>();
  }
  return error;
}

}  // namespace brig::cli
