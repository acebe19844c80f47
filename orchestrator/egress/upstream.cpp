#include "egress/upstream.hpp"

#include <algorithm>

#include "core/base64.hpp"
#include "core/text.hpp"

namespace brig::egress {
namespace {

constexpr std::size_t kMaxAnswer = 16 * 1024;

std::string first_of(const GetEnv& env, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const char* value = env(name); value && *value) return value;
  return {};
}

std::string percent_decoded(std::string_view text) {
  auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 32) - 'a' + 10; };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    bool escape = text[i] == '%' && i + 2 < text.size() &&
                  std::isxdigit(static_cast<unsigned char>(text[i + 1])) &&
                  std::isxdigit(static_cast<unsigned char>(text[i + 2]));
    out += escape ? static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])) : text[i];
    if (escape) i += 2;
  }
  return out;
}

Error refuse(std::string why) {
  return {Code::invalid, "the proxy in brigd's environment (HTTPS_PROXY) " + std::move(why), "egress", false};
}

}  // namespace

bool Upstream::applies_to(const Host& host) const {
  auto name = to_string(host);
  for (const auto& exception : exceptions) {
    if (exception == "*") return false;
    if (host.address) {
      auto slash = exception.find('/');
      auto reading = read_address(std::string_view(exception).substr(0, slash));
      if (reading.is != AddressReading::Is::address) continue;
      Range range{reading.address, reading.address.bits()};
      if (slash != std::string::npos)
        range.prefix =
            std::min(range.prefix, static_cast<unsigned>(std::atoi(exception.c_str() + slash + 1)));
      if (range.contains(*host.address)) return false;
      continue;
    }
    // As curl: "example.com" and ".example.com" are the name and all below it.
    std::string_view suffix = exception;
    if (suffix.starts_with("*.")) suffix.remove_prefix(1);
    if (suffix.starts_with('.')) suffix.remove_prefix(1);
    if (suffix.empty() || !name.ends_with(suffix)) continue;
    if (name.size() == suffix.size() || name[name.size() - suffix.size() - 1] == '.') return false;
  }
  return true;
}

Result<std::optional<Upstream>> upstream_from(const GetEnv& env) {
  std::optional<Upstream> none;
  auto url =
      first_of(env, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "http_proxy", "HTTP_PROXY"});
  if (url.empty()) return none;
  std::string_view rest = url;
  if (rest.starts_with("http://"))
    rest.remove_prefix(7);
  else if (rest.find("://") != std::string_view::npos)
    return refuse(
        "is not an http:// proxy, and only those are used; unset it for brigd, or give an http:// one");
  rest = rest.substr(0, rest.find('/'));
  Upstream out;
  if (auto at = rest.rfind('@'); at != std::string_view::npos) {
    auto login = percent_decoded(rest.substr(0, at));
    out.authorization = Secret("Basic " + base64(login));
    rest.remove_prefix(at + 1);
  }
  std::string where(rest);
  if (!read_target(where)) where += ":1080";  // curl's default
  auto target = read_target(where);
  if (!target) return refuse("names no host; write http://proxy.example:3128");
  out.proxy = *target;
  auto exceptions = first_of(env, {"no_proxy", "NO_PROXY"});
  for (auto word : split(exceptions, ',')) {
    std::string text;
    for (char c : word)
      if (c != ' ') text += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (!text.empty()) out.exceptions.push_back(text);
  }
  none = std::move(out);
  return none;
}

std::string connect_request(const Upstream& upstream, const Target& target) {
  auto where = to_string(target.host, target.port);
  std::string out = "CONNECT " + where + " HTTP/1.1\r\nHost: " + where + "\r\n";
  if (!upstream.authorization.empty())
    out += "Proxy-Authorization: " + std::string(upstream.authorization.reveal()) + "\r\n";
  return out + "\r\n";
}

std::optional<Result<void>> read_connect_answer(std::string_view bytes, std::size_t& head_size) {
  auto end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() < kMaxAnswer) return std::nullopt;
    return Result<void>(Error{Code::protocol, "the host's proxy gave an endless answer", "egress", false});
  }
  head_size = end + 4;
  auto line = bytes.substr(0, bytes.find("\r\n"));
  bool http = line.starts_with("HTTP/1.") && line.size() >= 12 && line[8] == ' ';
  if (http && line[9] == '2') return Result<void>();
  if (!http)
    return Result<void>(Error{Code::protocol, "the host's proxy does not speak HTTP", "egress", false});
  return Result<void>(Error{Code::unavailable, "the host's proxy refused: " + printable(line.substr(9), 100),
                            "egress", true});
}

}  // namespace brig::egress
