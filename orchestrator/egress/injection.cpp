#include "egress/injection.hpp"

#include <sodium.h>

#include <algorithm>

#include "core/random.hpp"
#include "egress/text.hpp"

namespace brig::egress {
namespace {

using Place = Credential::Place;

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

}  // namespace

std::string new_placeholder() {
  return std::string(kPlaceholderMark) + random_hex((kPlaceholderSize - kPlaceholderMark.size()) / 2);
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

}  // namespace brig::egress
