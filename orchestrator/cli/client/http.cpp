#include "cli/client/http.hpp"

#include <poll.h>

#include "core/text.hpp"

namespace brig::cli {
namespace {

constexpr std::size_t kMaxBody = 16 * 1024 * 1024;

Error broke_off() {
  return Error{Code::unavailable,
               "brigd closed the connection without an answer; is it restarting? See its log", "client",
               true};
}

}  // namespace

bool Client::idle_is_usable() {
  if (!idle_) return false;
  pollfd p{idle_->fd(), POLLIN, 0};
  // Anything to read on an idle connection is its end, or nonsense.
  return ::poll(&p, 1, 0) == 0 && !idle_->pending();
}

Result<void> Client::ask(Exchange& exchange, std::string_view method, std::string_view target,
                         std::string_view headers, std::string_view body, Deadline deadline) {
  if (idle_is_usable()) {
    exchange.stream = std::move(idle_);
  } else {
    idle_.reset();
    BRIG_TRY(exchange.stream, connect(endpoint_, deadline));
  }
  std::string request;
  request.reserve(512 + body.size());
  request.append(method)
      .append(" ")
      .append(target)
      .append(" HTTP/1.1\r\nHost: ")
      .append(endpoint_.host_header());
  request.append("\r\nUser-Agent: brig/" BRIG_VERSION "\r\n");
  if (!endpoint_.token.empty())
    request.append("Authorization: Bearer ").append(endpoint_.token.reveal()).append("\r\n");
  request.append(headers);
  if (!body.empty()) request.append("Content-Type: application/json\r\n");
  bool comes_later = headers.find("Transfer-Encoding:") != headers.npos;
  if (!body.empty() || (method == "POST" && !comes_later)) {
    request.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  }
  request.append("\r\n").append(body);
  auto written = write_all(*exchange.stream, request, deadline);
  // It may hold keys of the caller's environment.
  explicit_bzero(request.data(), request.size());
  return written;
}

Result<ResponseHead> Client::begin(Exchange& exchange, std::string_view method, std::string_view target,
                                   std::string_view headers, std::string_view body, Deadline deadline) {
  auto once = [&]() -> Result<ResponseHead> {
    BRIG_CHECK(ask(exchange, method, target, headers, body, deadline));
    return hear(exchange, deadline);
  };
  auto answer = once();
  bool broke = !answer && answer.error().code == Code::unavailable && exchange.stream;
  if (!broke || method != "GET") return answer;
  // One that starts anew takes with it what it had not begun to answer. What only looks may ask the next one.
  exchange = {};
  return once();
}

Result<ResponseHead> Client::hear(Exchange& exchange, Deadline deadline) {
  std::string head;
  char buffer[8192];
  while (true) {
    BRIG_TRY(std::size_t n, read_some(*exchange.stream, buffer, deadline, interrupt_));
    if (n == 0) return broke_off();
    std::size_t from = head.size() < 3 ? 0 : head.size() - 3;
    head.append(buffer, n);
    auto end = head.find("\r\n\r\n", from);
    if (end == std::string::npos) {
      if (head.size() > kMaxHead)
        return Error{Code::protocol, "brigd's answer has endless headers", "client", false};
      continue;
    }
    BRIG_TRY(ResponseHead parsed, parse_head(std::string_view(head).substr(0, end + 4)));
    exchange.early = head.substr(end + 4);
    if (parsed.status == 100) {
      head = std::move(exchange.early);
      continue;
    }
    return parsed;
  }
}

Result<void> Client::read_body(Exchange& exchange, const ResponseHead& head, const BodyReader::Sink& sink,
                               Deadline deadline) {
  BRIG_TRY(BodyReader reader, BodyReader::for_head(head));
  bool until_close = reader.until_close();
  std::string_view early = exchange.early;
  BRIG_CHECK(reader.feed(early, sink));
  char buffer[65536];
  while (!reader.done()) {
    BRIG_TRY(std::size_t n, read_some(*exchange.stream, buffer, deadline, interrupt_));
    if (n == 0) {
      BRIG_CHECK(reader.end());
      break;
    }
    early = {buffer, n};
    BRIG_CHECK(reader.feed(early, sink));
  }
  if (!until_close && early.empty() && head.get("connection") != "close") idle_ = std::move(exchange.stream);
  return {};
}

Result<Response> Client::send(std::string_view method, std::string_view target, std::string_view body,
                              Deadline deadline) {
  Exchange exchange;
  Response response;
  BRIG_TRY(response.head, begin(exchange, method, target, "Accept: application/json\r\n", body, deadline));
  bool fits = true;
  auto collect = [&](std::string_view part) {
    fits = response.body.size() + part.size() <= kMaxBody;
    if (fits) response.body += part;
    return fits;
  };
  auto read = read_body(exchange, response.head, collect, deadline);
  if (!fits) return Error{Code::too_large, "brigd's answer is larger than 16 MiB", "client", false};
  BRIG_CHECK(read);
  return response;
}

Result<nlohmann::json> Client::call(std::string_view method, std::string_view target,
                                    const nlohmann::json& body, Millis limit) {
  std::string text;
  if (!body.is_null()) text = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  auto response = send(method, target, text, Deadline::in(limit));
  explicit_bzero(text.data(), text.size());
  BRIG_CHECK(response);
  if (response->head.status >= 400) return problem_to_error(response->head.status, response->body);
  if (response->body.empty()) return nlohmann::json();
  auto parsed = nlohmann::json::parse(response->body, nullptr, false);
  if (parsed.is_discarded()) return Error{Code::protocol, "brigd's answer is not JSON", "client", false};
  return parsed;
}

Result<void> Client::stream(std::string_view method, std::string_view target, const nlohmann::json& body,
                            const BodyReader::Sink& sink, Millis limit) {
  Exchange exchange;
  std::string text;
  if (!body.is_null()) text = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  BRIG_TRY(ResponseHead head, begin(exchange, method, target, "", text, Deadline::in(limit)));
  if (head.status >= 400) {
    std::string problem;
    auto collect = [&](std::string_view part) {
      problem.append(part.substr(0, 65536 - std::min<std::size_t>(problem.size(), 65536)));
      return true;
    };
    BRIG_CHECK(read_body(exchange, head, collect, Deadline::in(limit)));
    return problem_to_error(head.status, problem);
  }
  return read_body(exchange, head, sink, Deadline::never());
}

Result<ResponseHead> Client::converse(std::string_view method, std::string_view target,
                                      std::string_view headers, std::string_view body, const Hear& hear,
                                      Millis limit) {
  Exchange exchange;
  BRIG_TRY(ResponseHead head, begin(exchange, method, target, headers, body, Deadline::in(limit)));
  auto sink = [&](std::string_view part) { return hear(head, part); };
  BRIG_CHECK(read_body(exchange, head, sink, Deadline::never()));
  return head;
}

Result<std::pair<ResponseHead, Upgraded>> Client::upgrade(std::string_view target, std::string_view headers,
                                                          Deadline deadline) {
  Exchange exchange;
  BRIG_TRY(ResponseHead head, begin(exchange, "GET", target, headers, "", deadline));
  if (head.status != 101) {
    std::string body;
    auto collect = [&](std::string_view part) {
      body.append(part.substr(0, 65536 - std::min<std::size_t>(body.size(), 65536)));
      return true;
    };
    BRIG_CHECK(read_body(exchange, head, collect, deadline));
    if (head.status >= 400) return problem_to_error(head.status, body);
    return Error{Code::protocol, "brigd answered an upgrade with status " + std::to_string(head.status),
                 "client", false};
  }
  return std::pair{std::move(head), Upgraded{std::move(exchange.stream), std::move(exchange.early)}};
}

std::string percent_encode(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    auto u = static_cast<unsigned char>(c);
    bool plain = (u >= '0' && u <= '9') || (u >= 'A' && u <= 'Z') || (u >= 'a' && u <= 'z') || u == '-' ||
                 u == '_' || u == '.' || u == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kDigits[u >> 4];
      out += kDigits[u & 15];
    }
  }
  return out;
}

}  // namespace brig::cli
