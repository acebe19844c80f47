#include "policy/egress/host.hpp"

#include <idn2.h>

#include <algorithm>
#include <memory>

#include "core/text.hpp"

namespace brig::egress {
namespace {

constexpr std::size_t kMaxName = 253;
constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kMaxGiven = 1024;  // in UTF-8, before it becomes ASCII

Error refuse(std::string_view text, std::string_view why) {
  return {Code::invalid, "the host " + quoted(text, 120) + " " + std::string(why), "egress", false};
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x80; });
}

// What is wrong with this label, or nothing.
std::string_view fault_of(std::string_view label) {
  if (label.empty()) return "has an empty part; write single dots between its parts";
  if (label.size() > kMaxLabel) return "has a part of more than 63 bytes, which DNS does not carry";
  if (label.front() == '-' || label.back() == '-') return "has a part that begins or ends with '-'";
  for (char c : label) {
    if (c == '%') return "has a percent sign; write the name itself";
    if (c == 0) return "has a NUL byte";
    bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (!fine) return "may have letters, digits, '-', '_' and single dots only";
  }
  return "";
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

Result<std::string> to_ascii(std::string_view text) {
  if (is_ascii(text)) return lower(text);
  if (!is_utf8(text)) return refuse(text, "is not UTF-8");
  if (text.find('\0') != std::string_view::npos) return refuse(text, "has a NUL byte");
  char* made = nullptr;
  int rc = ::idn2_to_ascii_8z(std::string(text).c_str(), &made,
                              IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT | IDN2_USE_STD3_ASCII_RULES);
  std::unique_ptr<char, void (*)(void*)> owner(made, ::idn2_free);
  if (rc != IDN2_OK) return refuse(text, "is no international name: " + std::string(::idn2_strerror(rc)));
  return lower(made);
}

}  // namespace

Result<Host> read_host(std::string_view text) {
  if (text.empty()) return refuse(text, "is empty");
  if (text.size() > kMaxGiven) return refuse(text, "is longer than any name");
  // Before and after: mapping may turn what was no digit or dot into one.
  std::string name(text);
  for (int pass = 0; pass < 2; ++pass) {
    auto reading = read_address(name);
    if (reading.is == AddressReading::Is::address) return Host{"", reading.address};
    if (reading.is == AddressReading::Is::broken)
      return refuse(text, "is neither a name nor an address" +
                              std::string(text.find('%') == std::string_view::npos
                                              ? ""
                                              : "; addresses with a zone are not taken"));
    if (pass == 0) {
      BRIG_TRY(name, to_ascii(text));
    }
  }
  if (name.size() > 1 && name.back() == '.') name.pop_back();
  if (name.size() > kMaxName) return refuse(text, "is longer than the 253 bytes that DNS carries");
  for (auto label : split(name, '.'))
    if (auto fault = fault_of(label); !fault.empty()) return refuse(text, fault);
  return Host{std::move(name), std::nullopt};
}

std::string to_string(const Host& host) {
  return host.address ? to_string(*host.address) : host.name;
}

std::string to_string(const Host& host, unsigned port) {
  auto text = to_string(host);
  if (host.address && !host.address->v4) text = "[" + text + "]";
  return text + ":" + std::to_string(port);
}

std::optional<std::uint16_t> read_port(std::string_view text) {
  if (text.empty() || text.size() > 5 || text.front() == '0') return std::nullopt;
  unsigned value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(value);
}

Result<Target> read_target(std::string_view text) {
  auto colon = text.rfind(':');
  auto port = colon == std::string_view::npos ? std::nullopt : read_port(text.substr(colon + 1));
  if (!port)
    return Error{Code::invalid,
                 "the target " + quoted(text, 120) + " must be NAME:PORT, as in api.example.com:443",
                 "egress", false};
  auto host_text = text.substr(0, colon);
  if (host_text.find(':') != std::string_view::npos && (host_text.front() != '[' || host_text.back() != ']'))
    return Error{Code::invalid,
                 "the target " + quoted(text, 120) + " is ambiguous; write an IPv6 address in brackets",
                 "egress", false};
  BRIG_TRY(Host host, read_host(host_text));
  return Target{std::move(host), *port};
}

}  // namespace brig::egress
