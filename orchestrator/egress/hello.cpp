#include "egress/hello.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace brig::egress {
namespace {

using Is = Hello::Is;

constexpr std::size_t kMaxHead = 16 * 1024;

// A cursor over big-endian fields; once it runs out, everything reads as nothing.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : rest_(bytes) {}
  std::size_t number(std::size_t bytes) {
    auto taken = take(bytes);
    std::size_t out = 0;
    for (char c : taken) out = out << 8 | static_cast<unsigned char>(c);
    return out;
  }
  std::string_view take(std::size_t size) {
    if (size > rest_.size()) {
      short_ = true;
      rest_ = {};
      return {};
    }
    auto out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }
  std::string_view block(std::size_t length_bytes) { return take(number(length_bytes)); }
  bool fell_short() const { return short_; }
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool short_ = false;
};

Hello other(std::string why) {
  return {Is::other, {}, std::move(why)};
}

Hello read_extensions(std::string_view extensions) {
  Hello out{Is::tls, {}, {}};
  Fields fields(extensions);
  bool seen = false;
  while (!fields.empty()) {
    auto kind = fields.number(2);
    auto body = fields.block(2);
    if (fields.fell_short()) return other("its ClientHello is broken");
    if (kind != 0) continue;
    if (std::exchange(seen, true)) return other("its ClientHello names a server twice");
    Fields names(Fields(body).block(2));
    if (names.number(1) != 0) return other("its ClientHello names a server in an unknown way");
    out.host = std::string(names.block(2));
    if (names.fell_short() || !names.empty()) return other("its ClientHello names more than one server");
  }
  return out;
}

Hello read_tls(std::string_view bytes) {
  std::string handshake;
  Fields records(bytes);
  std::size_t wanted = 4;
  while (handshake.size() < wanted) {
    if (records.empty()) return {};
    auto kind = records.number(1);
    auto version = records.number(1);
    records.number(1);
    auto length = records.number(2);
    if (!records.fell_short() && (kind != 22 || version != 3 || length == 0 || length > 16384 + 256))
      return other("its ClientHello is broken");
    auto body = records.take(length);
    if (records.fell_short()) return {};
    handshake += body;
    if (handshake.size() >= 4) {
      Fields head(handshake);
      if (head.number(1) != 1) return other("its ClientHello is broken");
      wanted = 4 + head.number(3);
      if (wanted > kMaxHello / 2) return other("its ClientHello is too large");
    }
  }
  Fields hello(std::string_view(handshake).substr(4, wanted - 4));
  hello.take(2 + 32);  // version, random
  hello.block(1);      // session
  hello.block(2);      // ciphers
  hello.block(1);      // compression
  if (hello.fell_short()) return other("its ClientHello is broken");
  if (hello.empty()) return {Is::tls, {}, {}};
  auto extensions = hello.block(2);
  if (hello.fell_short() || !hello.empty()) return other("its ClientHello is broken");
  return read_extensions(extensions);
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) ||
           std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Strict where two readers could differ: CRLF only, no folded lines, one Host.
Hello read_http(std::string_view bytes) {
  auto end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() > kMaxHead) return other("the head of its HTTP request is too large");
    return {};
  }
  auto head = bytes.substr(0, end);
  if (head.size() > kMaxHead) return other("the head of its HTTP request is too large");
  auto line_end = head.find("\r\n");
  auto line = head.substr(0, line_end);
  auto words = split(line, ' ');
  if (words.size() != 3 || !is_token(words[0]) || words[1].empty() || !words[2].starts_with("HTTP/1."))
    return other(line.starts_with("PRI * HTTP/2") ? "it speaks HTTP/2 without TLS, whose host cannot be seen"
                                                  : "the head of its HTTP request is broken");
  if (words[1].front() != '/' && words[1] != "*") return other("its HTTP request is meant for another proxy");
  Hello out{Is::http, {}, {}};
  auto rest = line_end == std::string_view::npos ? std::string_view() : head.substr(line_end + 2);
  while (!rest.empty()) {
    line_end = rest.find("\r\n");
    line = rest.substr(0, line_end);
    rest = line_end == std::string_view::npos ? std::string_view() : rest.substr(line_end + 2);
    auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon)) ||
        line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
      return other("the head of its HTTP request is broken");
    if (!same_word(line.substr(0, colon), "host")) continue;
    if (out.host) return other("its HTTP request has two Host headers");
    out.host = std::string(trimmed(line.substr(colon + 1)));
  }
  return out;
}

}  // namespace

Hello read_hello(std::string_view bytes) {
  if (bytes.empty()) return {};
  if (bytes.front() == 22) {
    auto out = read_tls(bytes);
    return out.is == Is::more && bytes.size() > kMaxHello ? other("its ClientHello is too large") : out;
  }
  // A method is a short token and a space.
  auto space = bytes.substr(0, 24).find(' ');
  if (space == std::string_view::npos) {
    if (bytes.size() < 24 && is_token(bytes) && std::isupper(static_cast<unsigned char>(bytes[0]))) return {};
    return other("");
  }
  if (!is_token(bytes.substr(0, space)) || !std::isupper(static_cast<unsigned char>(bytes[0])))
    return other("");
  return read_http(bytes);
}

std::string disagreement(const Hello& hello, const Rules& rules, const Target& target) {
  const auto asked = to_string(target.host, target.port);
  if (hello.is == Is::other)
    return asked + " is allowed for TLS and HTTP, and " +
           (hello.fault.empty() ? std::string("this is neither") : hello.fault);
  bool tls = hello.is == Is::tls;
  std::string what = tls ? "its TLS hello" : "its HTTP request";
  if (!hello.host || hello.host->empty()) {
    if (target.host.address && tls) return "";  // a name is what TLS has for names only
    return what + " for " + asked + " names no host, so nobody can tell whom it is for";
  }
  Target named = target;
  auto host = tls ? read_host(*hello.host) : Result<Host>(Error{});
  if (!tls) {
    auto with_port = read_target(*hello.host);
    if (with_port) {
      named = *with_port;
      host = named.host;
    } else {
      host = read_host(*hello.host);
    }
  }
  if (!host) return what + " for " + asked + " names " + quoted(*hello.host, 120) + ", which is no host";
  named.host = *host;
  if (named.host == target.host && named.port == target.port) return "";
  if (target.host.address && !named.host.address && named.port == target.port &&
      decide(rules, named).verdict == Decision::Verdict::allowed)
    return "";
  return what + " for " + asked + " names " +
         (named.port == target.port ? to_string(named.host) : to_string(named.host, named.port)) + " instead";
}

}  // namespace brig::egress
