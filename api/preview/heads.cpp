#include "api/preview/heads.hpp"

#include <algorithm>
#include <charconv>

#include "core/text.hpp"

namespace brig::api::preview {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(), [&](auto other) { return same_name(name, other); });
}

// Named in Connection, so meant for the next hop alone.
bool is_named(const std::vector<Header>& headers, std::string_view name) {
  for (const auto& header : headers) {
    if (!same_name(header.name, "Connection")) continue;
    for (auto part : split(header.value, ','))
      if (same_name(trimmed(part), name)) return true;
  }
  return false;
}

bool is_hop_by_hop(std::string_view name) {
  return same_name(name.substr(0, 6), "Proxy-") ||
         one_of(name, {"Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Content-Length",
                       "Upgrade", "Expect", "HTTP2-Settings"});
}

bool is_our_cookie(std::string_view pair) {
  return same_name(trimmed(trimmed(pair).substr(0, trimmed(pair).find('='))), kCookie);
}

std::string without_our_cookie(std::string_view cookies) {
  std::string out;
  for (auto pair : split(cookies, ';')) {
    if (is_our_cookie(pair) || trimmed(pair).empty()) continue;
    if (!out.empty()) out += "; ";
    out += trimmed(pair);
  }
  return out;
}

// Credentials of Brig's own are no page's.
bool is_our_authorization(std::string_view value) {
  return lower(value).find("brig_") != std::string::npos;
}

// A cookie of the page, kept to the page's own host; empty: not passed.
std::string own_cookie(std::string_view cookie) {
  std::string out;
  bool first = true;
  for (auto part : split(cookie, ';')) {
    if (first && is_our_cookie(part)) return {};
    auto name = trimmed(part.substr(0, part.find('=')));
    if (first || !same_name(name, "Domain")) out += (first ? "" : "; ") + std::string(trimmed(part));
    first = false;
  }
  return out;
}

Failure broken(std::string what) {
  return {Error{Code::protocol, "the program's answer " + std::move(what), "preview", false}, 502, {}, {}};
}

bool is_token(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) ||
           std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

bool is_text(std::string_view value) {
  return std::all_of(value.begin(), value.end(),
                     [](unsigned char c) { return (c >= 0x20 && c != 0x7F) || c == '\t'; });
}

// Where the page sends somebody to the place that it takes for its own.
std::string seen_from_outside(std::string value, const Place& place) {
  for (const char* host : {"localhost", "127.0.0.1"}) {
    auto inside = "http://" + std::string(host) + ":" + std::to_string(place.port);
    bool whole = value.starts_with(inside) && (value.size() == inside.size() || value[inside.size()] == '/' ||
                                               value[inside.size()] == '?');
    if (whole) return place.origin + value.substr(inside.size());
  }
  return value;
}

}  // namespace

std::optional<std::string> take_token(std::string& target) {
  auto question = target.find('?');
  if (question == std::string::npos) return std::nullopt;
  std::optional<std::string> token;
  std::string rest;
  for (auto part : split(std::string_view(target).substr(question + 1), '&')) {
    if (part.starts_with(kTokenParameter) && part.substr(kTokenParameter.size()).starts_with('=')) {
      token = std::string(part.substr(kTokenParameter.size() + 1));
    } else {
      rest += (rest.empty() ? "" : "&") + std::string(part);
    }
  }
  if (token) target = target.substr(0, question) + (rest.empty() ? "" : "?" + rest);
  return token;
}

std::vector<std::string> cookies_of(const Head& head) {
  std::vector<std::string> out;
  for (const auto& header : head.headers) {
    if (!same_name(header.name, "Cookie")) continue;
    for (auto pair : split(header.value, ';')) {
      auto equals = pair.find('=');
      if (is_our_cookie(pair) && equals != std::string_view::npos)
        out.emplace_back(trimmed(pair.substr(equals + 1)));
    }
  }
  return out;
}

bool is_from_elsewhere(const Head& head, const Place& place) {
  if (const auto* origin = head.find("Origin"); origin && *origin != place.origin) return true;
  const auto* site = head.find("Sec-Fetch-Site");
  if (!site || *site == "same-origin" || *site == "none") return false;
  // A link that is followed is fine; what another page embeds or fetches is not.
  const auto* mode = head.find("Sec-Fetch-Mode");
  const auto* where = head.find("Sec-Fetch-Dest");
  bool followed = mode && *mode == "navigate" && where && *where == "document";
  return !followed || (head.method != "GET" && head.method != "HEAD");
}

bool is_websocket(const Head& head) {
  const auto* upgrade = head.find("Upgrade");
  return head.method == "GET" && head.upgrade && upgrade && head.count("Upgrade") == 1 &&
         same_name(*upgrade, "websocket") && !head.has_body();
}

std::string request_head(const Head& head, const Place& place) {
  auto inside = "localhost:" + std::to_string(place.port);
  std::string out = head.method + " " + head.target + " HTTP/1.1\r\nHost: " + inside + "\r\n";
  std::string cookies;
  for (const auto& [name, value] : head.headers) {
    if (is_hop_by_hop(name) || is_named(head.headers, name)) continue;
    if (one_of(name, {"Host", "Referer", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host",
                      "X-Forwarded-Proto", kTokenHeader}))
      continue;
    if (same_name(name, "Authorization") && is_our_authorization(value)) continue;
    if (same_name(name, "Cookie")) {
      auto own = without_our_cookie(value);
      if (!own.empty()) cookies += (cookies.empty() ? "" : "; ") + own;
    } else if (same_name(name, "Origin")) {
      out += "Origin: " + (value == place.origin ? "http://" + inside : value) + "\r\n";
    } else {
      out += name + ": " + value + "\r\n";
    }
  }
  if (!cookies.empty()) out += "Cookie: " + cookies + "\r\n";
  out += "X-Forwarded-Host: " + place.host +
         "\r\nX-Forwarded-Proto: " + place.origin.substr(0, place.origin.find(':')) + "\r\n";
  if (is_websocket(head)) return out + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  if (head.chunked) out += "Transfer-Encoding: chunked\r\n";
  if (head.content_length) out += "Content-Length: " + std::to_string(*head.content_length) + "\r\n";
  return out + "Connection: close\r\n\r\n";
}

std::optional<Failure> read_answer(std::string_view text, const Place& place, bool asked_websocket,
                                   Answer& out) {
  out = {};
  if (text.size() > kMaxHead) return broken("has a head of more than 64 KiB");
  std::vector<Header> headers;
  auto line_end = text.find("\r\n");
  auto line = text.substr(0, line_end);
  bool version = line.starts_with("HTTP/1.1 ") || line.starts_with("HTTP/1.0 ");
  auto number = version ? line.substr(9, 3) : std::string_view();
  auto [end, ec] = std::from_chars(number.data(), number.data() + number.size(), out.status);
  bool status = number.size() == 3 && ec == std::errc() && end == number.data() + 3 && out.status >= 100 &&
                out.status < 600 && (line.size() == 12 || line[12] == ' ') && is_text(line);
  if (!status) return broken("is no HTTP/1.1 but begins with " + brig::quoted(line, 60));
  for (text.remove_prefix(line_end + 2); !text.starts_with("\r\n"); text.remove_prefix(line_end + 2)) {
    line_end = text.find("\r\n");
    if (line_end == std::string_view::npos) return broken("has a head that breaks off");
    line = text.substr(0, line_end);
    auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon)) ||
        !is_text(line.substr(colon + 1)))
      return broken("has a malformed header, " + brig::quoted(line, 60));
    headers.push_back({std::string(line.substr(0, colon)), std::string(trimmed(line.substr(colon + 1)))});
  }
  bool encoded = false;
  for (const auto& [name, value] : headers) {
    if (same_name(name, "Transfer-Encoding")) {
      if (encoded || !same_name(value, "chunked"))
        return broken("has a Transfer-Encoding other than chunked");
      encoded = out.chunked = true;
    }
    if (same_name(name, "Content-Length")) {
      std::uint64_t length = 0;
      auto [last, error] = std::from_chars(value.data(), value.data() + value.size(), length);
      if (out.length || value.empty() || error != std::errc() || last != value.data() + value.size())
        return broken("has a Content-Length that is no number, or two");
      out.length = length;
    }
  }
  if (out.chunked && out.length) return broken("has both Content-Length and Transfer-Encoding");
  if (out.status == 101) {
    bool agreed = asked_websocket && std::any_of(headers.begin(), headers.end(), [](const Header& h) {
                    return same_name(h.name, "Upgrade") && same_name(h.value, "websocket");
                  });
    if (!agreed) return broken("switches to a protocol that nobody asked for");
    out.websocket = true;
  }
  for (auto& [name, value] : headers) {
    if (is_hop_by_hop(name) || is_named(headers, name)) continue;
    // What would outlive the preview, or speak for more than its own host.
    if (one_of(name, {"Strict-Transport-Security", "Public-Key-Pins", "Alt-Svc", "Clear-Site-Data",
                      "Expect-CT", "NEL", "Report-To"}))
      continue;
    if (same_name(name, "Set-Cookie")) {
      auto own = own_cookie(value);
      if (!own.empty()) out.headers.push_back({name, std::move(own)});
    } else if (same_name(name, "Location")) {
      out.headers.push_back({name, seen_from_outside(std::move(value), place)});
    } else {
      out.headers.push_back({name, std::move(value)});
    }
  }
  return std::nullopt;
}

std::string answer_head(const Answer& answer) {
  // The reason is for people, and theirs could be anything.
  std::string out = "HTTP/1.1 " + std::to_string(answer.status) + " -\r\n";
  for (const auto& [name, value] : answer.headers) out += name + ": " + value + "\r\n";
  return out;
}

}  // namespace brig::api::preview
