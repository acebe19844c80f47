#include "egress/http_head.hpp"

#include <algorithm>
#include <utility>

#include "core/text.hpp"

namespace brig::egress {
namespace {

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

bool is_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool read_length(std::string_view text, std::uint64_t& value) {
  if (text.empty() || text.size() > 18) return false;
  value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return true;
}

// Cuts the head off and gives its first line; the lines of the fields are left in `rest`.
HeadIs begin(std::string_view bytes, MessageHead& head, std::string_view& first, std::string_view& rest,
             std::string& why) {
  auto end = bytes.find("\r\n\r\n");
  auto seen = bytes.substr(0, end == std::string_view::npos ? bytes.size() : end + 4);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    bool lone_lf = seen[i] == '\n' && (i == 0 || seen[i - 1] != '\r');
    bool lone_cr = seen[i] == '\r' && i + 1 < seen.size() && seen[i + 1] != '\n';
    if (seen[i] == 0 || lone_lf || lone_cr) {
      why = "its lines do not end with CR LF, or hold NUL";
      return HeadIs::bad;
    }
  }
  if (end == std::string_view::npos ? bytes.size() > kMaxMessageHead : end > kMaxMessageHead) {
    why = "its head is over 64 KiB";
    return HeadIs::bad;
  }
  if (end == std::string_view::npos) return HeadIs::more;
  head.size = end + 4;
  rest = bytes.substr(0, end + 2);
  auto line = rest.find("\r\n");
  first = rest.substr(0, line);
  rest.remove_prefix(line + 2);
  return HeadIs::whole;
}

const char* read_fields(std::string_view rest, MessageHead& head, bool old) {
  bool has_length = false, chunked = false;
  while (!rest.empty()) {
    auto end = rest.find("\r\n");
    auto line = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
      return "a line of its head is not NAME: VALUE";
    HeadField field{line.substr(0, colon), trimmed(line.substr(colon + 1))};
    if (!is_value(field.value)) return "a field of its head has control characters";
    if (head.fields.size() >= kMaxMessageFields) return "its head has over 256 fields";
    head.fields.push_back(field);
    if (same_name(field.name, "content-length")) {
      if (has_length || !read_length(field.value, head.length))
        return "its Content-Length is none, or there are two";
      has_length = true;
    } else if (same_name(field.name, "transfer-encoding")) {
      if (chunked || old || !same_name(field.value, "chunked"))
        return "its Transfer-Encoding is another than chunked";
      chunked = true;
    } else if (same_name(field.name, "connection")) {
      if (lists(field.value, "close")) head.keeps = false;
    }
  }
  if (has_length && chunked) return "it has both a Content-Length and a Transfer-Encoding";
  if (chunked) head.framing = Framing::chunked;
  if (has_length) head.framing = head.length > 0 ? Framing::length : Framing::none;
  return nullptr;
}

const char* read_request(std::string_view first, std::string_view rest, RequestHead& head) {
  auto words = split(first, ' ');
  if (words.size() != 3 || !is_token(words[0]) || (words[2] != "HTTP/1.1" && words[2] != "HTTP/1.0"))
    return "its first line is not METHOD TARGET HTTP/1.1";
  head.method = words[0];
  head.target = words[1];
  head.old = words[2] == "HTTP/1.0";
  head.keeps = !head.old;
  if (head.method == "CONNECT" || same_name(head.method, "trace"))
    return "its method would lead elsewhere or back";
  bool star = head.target == "*" && head.method == "OPTIONS";
  if (!star && !head.target.starts_with('/')) return "its target is no path";
  bool plain = std::all_of(head.target.begin(), head.target.end(),
                           [](unsigned char c) { return c > 0x20 && c < 0x7f && c != '#'; });
  if (!plain) return "its target has characters that no URL has";
  if (const auto* bad = read_fields(rest, head, head.old)) return bad;
  bool has_host = false, upgrade = false, asks = false;
  for (const auto& field : head.fields) {
    if (same_name(field.name, "host")) {
      if (std::exchange(has_host, true)) return "it has two Host fields";
      head.host = field.value;
    } else if (same_name(field.name, "connection")) {
      asks = asks || lists(field.value, "upgrade");
    } else if (same_name(field.name, "upgrade")) {
      upgrade = upgrade || same_name(field.value, "websocket");
    }
  }
  if (!has_host) return "it has no Host field";
  head.websocket = asks && upgrade && !head.old && head.method == "GET";
  if (head.websocket && head.framing != Framing::none) return "it asks for a WebSocket and has a body";
  return nullptr;
}

const char* read_response(std::string_view first, std::string_view rest, const RequestHead& asked,
                          ResponseHead& head) {
  bool old = first.starts_with("HTTP/1.0 ");
  if (!old && !first.starts_with("HTTP/1.1 ")) return "its first line is not HTTP/1.1 and a status";
  auto digits = first.substr(9, 3);
  bool good = digits.size() == 3 && digits[0] >= '1' && digits[0] <= '9' &&
              std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
              (first.size() == 12 || first[12] == ' ') && is_value(first);
  if (!good) return "its status is none";
  head.status_line = first;
  head.status = (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
  head.keeps = !old;
  if (const auto* bad = read_fields(rest, head, old)) return bad;
  if (head.status == 101)
    return asked.websocket ? nullptr : "it changes to a protocol that was not asked for";
  if (head.status < 200 || head.status == 204 || head.status == 304 || asked.method == "HEAD") {
    head.framing = Framing::none;
    return nullptr;
  }
  bool measured = std::any_of(head.fields.begin(), head.fields.end(), [](const HeadField& field) {
    return same_name(field.name, "content-length") || same_name(field.name, "transfer-encoding");
  });
  if (!measured) {
    head.framing = Framing::to_the_end;
    head.keeps = false;
  }
  return nullptr;
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

bool lists(std::string_view list, std::string_view what) {
  for (auto one : split(list, ','))
    if (same_name(trimmed(one), what)) return true;
  return false;
}

HeadIs read_request_head(std::string_view bytes, RequestHead& head, std::string& why) {
  head = {};
  std::string_view first, rest;
  auto is = begin(bytes, head, first, rest, why);
  if (is != HeadIs::whole) return is;
  const auto* bad = read_request(first, rest, head);
  if (bad) why = bad;
  return bad ? HeadIs::bad : HeadIs::whole;
}

HeadIs read_response_head(std::string_view bytes, const RequestHead& asked, ResponseHead& head,
                          std::string& why) {
  head = {};
  std::string_view first, rest;
  auto is = begin(bytes, head, first, rest, why);
  if (is != HeadIs::whole) return is;
  const auto* bad = read_response(first, rest, asked, head);
  if (bad) why = bad;
  return bad ? HeadIs::bad : HeadIs::whole;
}

}  // namespace brig::egress
