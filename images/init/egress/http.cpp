#include "init_egress/http.hpp"

#include "init_egress/text.hpp"

namespace brig::init::egress {
namespace {

bool is_token(std::string_view text) {
  if (text.empty()) return false;
  for (char c : text) {
    bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    if (!fine) return false;
  }
  return true;
}

bool is_value(std::string_view text) {
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && byte != '\t') || byte == 0x7f) return false;
  }
  return true;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view take_until(std::string_view& text, std::string_view end) {
  std::size_t at = text.find(end);
  auto piece = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + end.size());
  return piece;
}

bool read_number(std::string_view text, std::uint64_t most, std::uint64_t& value) {
  if (text.empty() || text.size() > 19) return false;
  value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value <= most;
}

// host, host:port, [address]:port. `port` keeps its value where none is written.
bool read_authority(std::string_view text, std::string_view& host, std::uint16_t& port) {
  std::string_view rest;
  if (text.starts_with('[')) {
    std::size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') return false;
    if (host.find_first_not_of("0123456789abcdefABCDEF:.%") != std::string_view::npos) return false;
  } else {
    std::size_t end = text.find(':');
    host = text.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : text.substr(end);
  }
  if (host.empty() || host.size() > 255) return false;
  for (char c : host) {
    auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f || std::string_view("/\\?#@[]").find(c) != std::string_view::npos)
      return false;
  }
  if (rest.empty()) return true;
  std::uint64_t number = 0;
  if (!read_number(rest.substr(1), 65535, number) || number == 0) return false;
  port = static_cast<std::uint16_t>(number);
  return true;
}

const char* read_request_line(std::string_view line, Head& head) {
  head.method = take_until(line, " ");
  auto target = take_until(line, " ");
  head.version = line;
  if (!is_token(head.method) || target.empty() ||
      (head.version != "HTTP/1.1" && head.version != "HTTP/1.0")) {
    return "the request line is not METHOD TARGET HTTP/1.1";
  }
  head.connect = head.method == "CONNECT";
  if (head.connect) {
    head.authority = target;
    if (!read_authority(target, head.host, head.port) || head.port == 0) return "CONNECT needs HOST:PORT";
    return nullptr;
  }
  if (target.size() > 8 && same_letters(target.substr(0, 8), "https://")) {
    return "a proxy is asked for https:// by CONNECT HOST:443";
  }
  if (target.size() < 8 || !same_letters(target.substr(0, 7), "http://")) {
    return "this is a proxy: the target must be http://HOST/PATH, or the method CONNECT";
  }
  target.remove_prefix(7);
  std::size_t end = target.find_first_of("/?#");
  head.authority = target.substr(0, end);
  head.path = end == std::string_view::npos ? std::string_view() : target.substr(end);
  head.port = 80;
  if (!read_authority(head.authority, head.host, head.port)) return "the target names no host";
  if (head.path.find('#') != std::string_view::npos || !is_value(head.path))
    return "the target's path is none";
  return nullptr;
}

// Whether the comma-separated `list` names `what`.
bool lists(std::string_view list, std::string_view what) {
  while (!list.empty()) {
    if (same_letters(trim(take_until(list, ",")), what)) return true;
  }
  return false;
}

template <class Visit>
void for_each_field(std::string_view head, Visit visit) {
  take_until(head, "\r\n");
  while (!head.empty()) {
    auto line = take_until(head, "\r\n");
    if (line.empty()) return;
    auto name = line.substr(0, line.find(':'));
    visit(name, trim(line.substr(name.size() + 1)));
  }
}

const char* read_fields(std::string_view fields, Head& head) {
  std::size_t count = 0;
  bool has_host = false, has_length = false, chunked = false, upgrade = false, asks_upgrade = false;
  while (!fields.empty()) {
    auto line = take_until(fields, "\r\n");
    if (line.empty()) break;
    if (++count > kMaxFields) return "the request has over 128 header fields";
    std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
      return "a header field is not NAME: VALUE";
    }
    auto name = line.substr(0, colon);
    auto value = trim(line.substr(colon + 1));
    if (!is_value(value)) return "a header field has control characters";
    if (same_letters(name, "host")) {
      std::string_view host;
      std::uint16_t port = head.connect ? head.port : 80;
      if (has_host) return "the request has two Host fields";
      if (!read_authority(value, host, port)) return "the Host field is none";
      if (!same_letters(host, head.host) || port != head.port)
        return "the Host field and the target disagree";
      has_host = true;
    } else if (same_letters(name, "content-length")) {
      if (has_length || !read_number(value, std::uint64_t{1} << 62, head.length))
        return "the Content-Length is none";
      has_length = true;
    } else if (same_letters(name, "transfer-encoding")) {
      if (chunked || !same_letters(value, "chunked") || head.version == "HTTP/1.0") {
        return "the only transfer encoding understood is chunked";
      }
      chunked = true;
    } else if (same_letters(name, "connection")) {
      asks_upgrade = asks_upgrade || lists(value, "upgrade");
    } else if (same_letters(name, "upgrade")) {
      upgrade = true;
    }
  }
  if (has_length && chunked) return "the request has both a Content-Length and a transfer encoding";
  if (head.connect) return has_length || chunked ? "CONNECT has no body" : nullptr;
  head.body = chunked                                  ? Body::chunked
              : has_length && head.length > 0          ? Body::length
              : upgrade && asks_upgrade && !has_length ? Body::upgrade
                                                       : Body::none;
  return nullptr;
}

// Spoken to the proxy, not to the origin.
bool is_for_proxy(std::string_view name) {
  constexpr std::string_view kNames[] = {"connection", "keep-alive", "te", "upgrade", "host"};
  for (auto own : kNames) {
    if (same_letters(name, own)) return true;
  }
  return name.size() > 6 && same_letters(name.substr(0, 6), "proxy-");
}

bool is_framing(std::string_view name) {
  return same_letters(name, "content-length") || same_letters(name, "transfer-encoding");
}

}  // namespace

Reading read_head(std::string_view in, Head& head, const char*& why) {
  head = {};
  std::size_t end = in.find("\r\n\r\n");
  // What has no place in a head is told before its end has come.
  auto seen = in.substr(0, end == std::string_view::npos ? in.size() : end + 4);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    bool cr = seen[i] == '\r', lf = seen[i] == '\n';
    bool bad = seen[i] == 0 || (lf && (i == 0 || seen[i - 1] != '\r')) ||
               (cr && i + 1 < seen.size() && seen[i + 1] != '\n');
    if (bad) {
      why = "lines of a request end with CR LF, and hold no NUL";
      return Reading::bad;
    }
  }
  if (end == std::string_view::npos) {
    if (in.size() < kMaxHead) return Reading::more;
    why = "the request's head is over 16 KiB";
    return Reading::bad;
  }
  head.size = end + 4;
  auto rest = in.substr(0, end + 2);
  why = read_request_line(take_until(rest, "\r\n"), head);
  if (!why) why = read_fields(rest, head);
  return why ? Reading::bad : Reading::whole;
}

std::size_t rewrite_head(std::string_view in, const Head& head, std::span<char> out) {
  Text text(out);
  text << head.method << " ";
  if (head.path.empty() && head.method == "OPTIONS") {
    text << "*";
  } else if (!head.path.starts_with('/')) {
    text << "/" << head.path;
  } else {
    text << head.path;
  }
  text << " " << head.version << "\r\nHost: " << head.authority << "\r\n";
  auto fields = in.substr(0, head.size - 2);
  for_each_field(fields, [&](std::string_view name, std::string_view value) {
    bool named = false;
    for_each_field(fields, [&](std::string_view other, std::string_view list) {
      named = named || (same_letters(other, "connection") && lists(list, name));
    });
    bool keep = head.body == Body::upgrade && same_letters(name, "upgrade");
    if (!keep && (is_for_proxy(name) || (named && !is_framing(name)))) return;
    text << name << ": " << value << "\r\n";
  });
  text << (head.body == Body::upgrade ? "Connection: Upgrade\r\n\r\n" : "Connection: close\r\n\r\n");
  return text.full() ? 0 : text.view().size();
}

}  // namespace brig::init::egress
