#include "docker/errors.hpp"

#include <cerrno>
#include <optional>
#include <system_error>

#include "core/text.hpp"
#include "docker/json.hpp"

namespace brig::docker {
namespace {

constexpr std::size_t kMaxMessage = 1024;

std::string where(std::string_view what) {
  return "docker: " + std::string(what);
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

// What registries say, in the words that the engine passes on.
std::optional<Code> said_by_registry(std::string_view message) {
  if (has(message, "manifest unknown")) return Code::not_found;
  for (std::string_view part : {"unauthorized: ", "no basic auth credentials", "authentication required"})
    if (has(message, part)) return Code::denied;
  return {};
}

// The engine gives 500 for much that is not its fault.
Code code_of(int status, std::string_view message, std::string_view what) {
  if (has(message, "no space left on device") || has(message, "disk quota exceeded")) return Code::exhausted;
  switch (status) {
    case 400:
    case 405:
    case 411:
    case 422:
      return Code::invalid;
    case 401:
    case 403:
      return Code::denied;
    case 404:
      return Code::not_found;
    case 406:
    case 409:
      return Code::conflict;
    case 413:
      return Code::too_large;
    case 429:
      return Code::rate_limited;
    case 501:
      return Code::unsupported;
    case 408:
    case 504:
      return Code::timeout;
    case 502:
    case 503:
      return Code::unavailable;
    default:
      if (status < 500) return Code::protocol;
      if (!what.starts_with("pull ")) return Code::internal;
      return said_by_registry(message).value_or(Code::internal);
  }
}

}  // namespace

Error refusal(int status, std::string_view body, std::string_view what) {
  std::string message;
  if (auto json = parse(body.substr(0, 64 * 1024), what)) message = text_at(*json, "message");
  if (message.empty()) message = body.substr(0, kMaxMessage);
  Code code = code_of(status, message, what);
  std::string said = printable(message, kMaxMessage);
  if (said.empty()) said = "status " + std::to_string(status);
  return {code, "the Docker engine could not " + std::string(what) + ": " + said, where(what),
          status >= 500 && code != Code::not_found && code != Code::denied};
}

Error reported(std::string_view message, std::string_view what) {
  Code code = Code::invalid;
  if (has(message, "no space left on device"))
    code = Code::exhausted;
  else if (has(message, "not found") || has(message, "does not exist"))
    code = Code::not_found;
  else if (has(message, "unauthorized") || has(message, "denied"))
    code = Code::denied;
  else if (has(message, "no such host") || has(message, "timeout") || has(message, "refused"))
    code = Code::unavailable;
  return {code, "the Docker engine could not " + std::string(what) + ": " + printable(message, kMaxMessage),
          where(what), code == Code::unavailable};
}

Error unreachable(const http::Failure& failure, const Endpoint& endpoint) {
  using Kind = http::Failure::Kind;
  std::string at = printable(endpoint.str());
  std::string detail = printable(failure.detail);
  switch (failure.kind) {
    case Kind::connect:
      if (failure.os_error == EACCES || failure.os_error == EPERM) {
        return {Code::denied,
                "the Docker engine at " + at +
                    " may not be used by this user; run as root or join the socket's group",
                "docker: connect", false};
      }
      if (failure.os_error != 0) detail = std::generic_category().message(failure.os_error);
      return {Code::unavailable,
              "no Docker engine answers at " + at + " (" + detail + "); start one, or set DOCKER_HOST",
              "docker: connect", true};
    case Kind::resolve:
      return {Code::unavailable,
              "the host of the Docker engine at " + at + " is not known; correct DOCKER_HOST",
              "docker: connect", true};
    case Kind::tls:
      return {Code::unavailable,
              "no secure connection to the Docker engine at " + at + ": " + detail +
                  "; look at DOCKER_CERT_PATH and DOCKER_TLS_VERIFY",
              "docker: connect", false};
    case Kind::timeout:
      return {Code::timeout, "the Docker engine at " + at + " did not answer in time; look at its log",
              "docker", true};
    case Kind::closed:
      return {Code::unavailable, "the Docker engine at " + at + " broke the connection off: " + detail,
              "docker", true};
    case Kind::nonsense:
      return {Code::protocol, "what answers at " + at + " is not a Docker engine: " + detail, "docker",
              false};
    case Kind::too_large:
      return {Code::too_large, "an answer of the Docker engine at " + at + " is larger than allowed",
              "docker", false};
    case Kind::local:
      return {Code::internal, "no request to the Docker engine at " + at + " could be made: " + detail,
              "docker", true};
  }
  return {Code::internal, detail, "docker", false};
}

Error nonsense(std::string_view detail, std::string_view what) {
  return {Code::protocol,
          "the Docker engine's answer to '" + std::string(what) + "' makes no sense: " + std::string(detail),
          where(what), false};
}

}  // namespace brig::docker
