#include "egress/injection.hpp"

#include <sodium.h>

#include <algorithm>

#include "core/random.hpp"

namespace brig::egress {
namespace {

using Place = Credential::Place;

constexpr std::string_view kMark = "brig-placeholder-";
constexpr std::size_t kDigits = 32;

// Spoken to whom the client is connected to, which is us.
bool is_hop(std::string_view name) {
  constexpr std::string_view kNames[] = {"connection", "keep-alive", "te",
                                         "upgrade",    "host",       "http2-settings"};
  for (auto own : kNames)
    if (same_name(name, own)) return true;
  return name.size() > 6 && same_name(name.substr(0, 6), "proxy-");
}

bool is_framing(std::string_view name) {
  return same_name(name, "content-length") || same_name(name, "transfer-encoding");
}

bool sets_header(const Credential& rule, std::string_view name) {
  if (rule.place == Place::header) return same_name(rule.name, name);
  return rule.place == Place::basic && same_name(name, "authorization");
}

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i] == '+' ? ' ' : text[i]);
    }
  }
  return out;
}

Secret percent_encoded(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  Wiped out(text.size() * 3);
  for (char itself : text) {
    auto c = static_cast<unsigned char>(itself);
    bool plain = std::isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
    char one[3] = {'%', kHex[c >> 4], kHex[c & 15]};
    out.append(plain ? std::string_view(&itself, 1) : std::string_view(one, 3));
  }
  return Secret(out.view());
}

Secret basic(std::string_view user, std::string_view password) {
  Wiped pair(user.size() + 1 + password.size());
  pair.append(user);
  pair.append(":");
  pair.append(password);
  std::string text(sodium_base64_ENCODED_LEN(pair.view().size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  ::sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(pair.view().data()),
                      pair.view().size(), sodium_base64_VARIANT_ORIGINAL);
  Wiped out(text.size() + 8);
  out.append("Basic ");
  out.append(std::string_view(text).substr(0, text.find('\0')));
  ::sodium_memzero(text.data(), text.size());
  return Secret(out.view());
}

// The client's query without the parameters that secrets stand in, and those.
void write_target(std::string_view target, std::span<const Injected> all, Wiped& out) {
  auto mark = target.find('?');
  out.append(target.substr(0, mark));
  char join = '?';
  auto add = [&](std::string_view parameter) {
    out.append(std::string_view(&join, 1));
    out.append(parameter);
    join = '&';
  };
  auto query = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
  bool had_query = mark != std::string_view::npos;
  while (had_query) {
    auto end = query.find('&');
    auto parameter = query.substr(0, end);
    auto name = percent_decoded(parameter.substr(0, parameter.find('=')));
    bool ours = std::any_of(all.begin(), all.end(), [&](const Injected& one) {
      return one.held->rule.place == Place::query && one.held->rule.name == name;
    });
    if (!ours) add(parameter);
    if (end == std::string_view::npos) break;
    query.remove_prefix(end + 1);
  }
  for (const auto& one : all) {
    if (one.held->rule.place != Place::query) continue;
    add(one.held->rule.name);
    out.append("=");
    out.append(one.as_sent.reveal());
  }
}

std::optional<std::string> stray_in(std::string_view text, const std::vector<Entrusted>& held,
                                    const Target& target) {
  for (std::size_t at = 0; (at = text.find(kMark, at)) != std::string_view::npos; at += kMark.size()) {
    auto whole = text.substr(at, kMark.size() + kDigits);
    if (whole.size() < kMark.size() + kDigits ||
        !std::all_of(whole.begin() + kMark.size(), whole.end(), [](char c) { return hex(c) >= 0; }))
      continue;
    std::string key;
    bool at_home = false;
    for (const auto& one : held) {
      if (one.placeholder != whole) continue;
      key = one.rule.key;
      at_home = at_home || one.rule.is_for(target);
    }
    if (!at_home) return key;
  }
  return std::nullopt;
}

// Every run of base64 in the text, decoded: user and password of Basic stand in one.
std::string base64_decoded(std::string_view text) {
  std::string out;
  auto digit = [](unsigned char c) {
    return std::isalnum(c) || c == '+' || c == '/' || c == '-' || c == '_';
  };
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;
    while (end < text.size() && digit(static_cast<unsigned char>(text[end]))) ++end;
    if (end - i >= 24) {
      std::string piece(text.substr(i, end - i));
      std::replace(piece.begin(), piece.end(), '-', '+');
      std::replace(piece.begin(), piece.end(), '_', '/');
      std::string bytes(piece.size(), '\0');
      std::size_t size = 0;
      // All of it, or what of it is whole.
      for (auto length : {piece.size(), piece.size() / 4 * 4}) {
        if (::sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), piece.data(),
                                length, nullptr, &size, nullptr,
                                sodium_base64_VARIANT_ORIGINAL_NO_PADDING) != 0)
          continue;
        out += bytes.substr(0, size) + "\n";
        break;
      }
    }
    i = end + 1;
  }
  return out;
}

}  // namespace

std::string new_placeholder() {
  return std::string(kMark) + random_hex(kDigits / 2);
}

Wiped::~Wiped() {
  ::sodium_memzero(text_.data(), text_.capacity());
}

void Wiped::append(std::string_view bytes) {
  if (text_.size() + bytes.size() > text_.capacity()) {
    std::string larger;
    larger.reserve((text_.size() + bytes.size()) * 2);
    larger = text_;
    larger.swap(text_);
    ::sodium_memzero(larger.data(), larger.capacity());
  }
  text_.append(bytes);
}

Secret as_sent(const Credential& rule, const Secret& value) {
  switch (rule.place) {
    case Place::query:
      return percent_encoded(value.reveal());
    case Place::basic:
      return basic(rule.name, value.reveal());
    case Place::header:
      break;
  }
  auto at = rule.shape.find("{}");
  Wiped out(rule.shape.size() + value.reveal().size());
  out.append(std::string_view(rule.shape).substr(0, at));
  out.append(value.reveal());
  if (at != std::string::npos) out.append(std::string_view(rule.shape).substr(at + 2));
  return Secret(out.view());
}

std::size_t room_for(const RequestHead& head, std::span<const Injected> all) {
  auto room = head.size + 512;
  for (const auto& one : all) room += one.as_sent.reveal().size() + one.held->rule.name.size() + 16;
  return room;
}

void write_request(const RequestHead& head, const Target& target, std::span<const Injected> all, Wiped& out) {
  out.append(head.method);
  out.append(" ");
  write_target(head.target, all, out);
  out.append(head.old ? " HTTP/1.0\r\nHost: " : " HTTP/1.1\r\nHost: ");
  out.append(target.port == 443 ? to_string(target.host) : to_string(target.host, target.port));
  out.append("\r\n");
  auto field = [&](std::string_view name, std::string_view value) {
    out.append(name);
    out.append(": ");
    out.append(value);
    out.append("\r\n");
  };
  for (const auto& [name, value] : head.fields) {
    if (is_hop(name)) continue;
    // What the client named as this connection's own matter ends here; but never how long the body is.
    bool named =
        std::any_of(head.fields.begin(), head.fields.end(), [&, name = name](const HeadField& other) {
          return same_name(other.name, "connection") && lists(other.value, name);
        });
    bool ours = std::any_of(all.begin(), all.end(), [&, name = name](const Injected& one) {
      return sets_header(one.held->rule, name);
    });
    if ((named && !is_framing(name)) || ours) continue;
    field(name, value);
  }
  for (const auto& one : all) {
    const auto& rule = one.held->rule;
    if (rule.place == Place::header) field(rule.name, one.as_sent.reveal());
    if (rule.place == Place::basic) field("Authorization", one.as_sent.reveal());
  }
  if (head.websocket) {
    field("Connection", "Upgrade");
    field("Upgrade", "websocket");
  } else if (!head.keeps && !head.old) {
    field("Connection", "close");
  }
  out.append("\r\n");
}

std::string write_response(const ResponseHead& head, const RequestHead& asked,
                           std::span<const Injected> all) {
  std::string out(head.status_line);
  out += "\r\n";
  bool says_close = false;
  for (const auto& [name, value] : head.fields) {
    if (same_name(name, "alt-svc")) continue;  // where it leads to cannot be reached
    says_close = says_close || (same_name(name, "connection") && lists(value, "close"));
    out.append(name).append(": ").append(value).append("\r\n");
  }
  if (head.status >= 200 && !(head.keeps && asked.keeps) && !says_close) out += "Connection: close\r\n";
  out += "\r\n";
  for (const auto& one : all) {
    auto value = one.as_sent.reveal();
    // A shape or a scheme around it is no secret.
    const auto& shape = one.held->rule.shape;
    if (one.held->rule.place == Place::header) {
      auto at = shape.find("{}");
      value = value.substr(at, value.size() - (shape.size() - 2));
    } else if (one.held->rule.place == Place::basic) {
      value = value.substr(6);
    }
    if (value.size() < 4) continue;  // it would be found everywhere
    for (std::size_t at = 0; (at = out.find(value, at)) != std::string::npos;
         at += one.held->placeholder.size())
      out.replace(at, value.size(), one.held->placeholder);
  }
  return out;
}

std::optional<std::string> stray_placeholder(std::string_view head, const std::vector<Entrusted>& held,
                                             const Target& target) {
  if (auto found = stray_in(head, held, target)) return found;
  if (head.find('%') != std::string_view::npos)
    if (auto found = stray_in(percent_decoded(head), held, target)) return found;
  return stray_in(base64_decoded(head), held, target);
}

}  // namespace brig::egress
