#include "api/http/problem.hpp"

#include <nlohmann/json.hpp>

#include "core/text.hpp"

namespace brig::api {
namespace {

std::string_view title_of(Code code) {
  switch (code) {
    case Code::invalid:
      return "The request is not valid";
    case Code::not_found:
      return "There is no such thing";
    case Code::conflict:
      return "It is not in the state for this";
    case Code::denied:
      return "This is not allowed";
    case Code::unauthenticated:
      return "Credentials are missing or no good";
    case Code::too_large:
      return "It is too large";
    case Code::rate_limited:
      return "Too many requests";
    case Code::exhausted:
      return "The machine has run out of something";
    case Code::unavailable:
      return "Something needed is not there";
    case Code::timeout:
      return "It took too long";
    case Code::cancelled:
      return "It was given up";
    case Code::unsupported:
      return "This machine cannot do it";
    case Code::protocol:
      return "A peer spoke nonsense";
    case Code::corrupt:
      return "Stored data does not add up";
    case Code::internal:
      return "A fault of the service";
  }
  return "A fault of the service";
}

}  // namespace

int status_of(Code code) {
  switch (code) {
    case Code::invalid:
      return 400;
    case Code::unauthenticated:
      return 401;
    case Code::denied:
      return 403;
    case Code::not_found:
      return 404;
    case Code::conflict:
      return 409;
    case Code::too_large:
      return 413;
    case Code::rate_limited:
      return 429;
    case Code::internal:
    case Code::corrupt:
      return 500;
    case Code::unsupported:
      return 501;
    case Code::protocol:
      return 502;
    case Code::unavailable:
    case Code::cancelled:
      return 503;
    case Code::timeout:
      return 504;
    case Code::exhausted:
      return 507;
  }
  return 500;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return status < 400 ? "OK" : "Error";
  }
}

nlohmann::json problem_json(const Failure& failure, const std::string& request_id) {
  auto code = std::string(to_string(failure.error.code));
  nlohmann::json out{
      {"type", "urn:brig:problem:" + code},
      {"title", title_of(failure.error.code)},
      {"status", failure.status != 0 ? failure.status : status_of(failure.error.code)},
      {"code", code},
      {"detail", failure.error.message},
      {"request_id", request_id},
      {"retryable", failure.error.retryable},
  };
  if (!failure.field.empty()) out["field"] = failure.field;
  return out;
}

std::string dumped(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Response problem(const Failure& failure, const std::string& request_id) {
  auto document = problem_json(failure, request_id);
  Response out;
  out.status = document["status"].get<int>();
  out.type = "application/problem+json";
  out.body = dumped(document);
  out.headers = failure.headers;
  return out;
}

Response problem(const Error& error, const std::string& request_id) {
  return problem(Failure{error, 0, {}, {}}, request_id);
}

Response json_response(int status, const nlohmann::json& body) {
  Response out;
  out.status = status;
  out.body = dumped(body);
  return out;
}

}  // namespace brig::api
