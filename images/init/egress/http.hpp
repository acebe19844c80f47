// The head of a request to a proxy: CONNECT, or a method with an absolute target, which is rewritten for the
// origin.
//
// Strict where leniency lets two readers see two requests: lines end with CRLF, names are tokens, one Host
// that agrees with the target, one length.
//
// Ownership: views into the caller's buffer. Threads: plain functions. Failure: a sentence for the client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace brig::init::egress {

inline constexpr std::size_t kMaxHead = 16 * 1024;
inline constexpr std::size_t kMaxFields = 128;

enum class Body : std::uint8_t { none, length, chunked, upgrade };

struct Head {
  std::size_t size = 0;  // with the empty line
  bool connect = false;
  std::string_view host;  // without brackets
  std::uint16_t port = 0;
  Body body = Body::none;  // upgrade: whatever follows, until the end
  std::uint64_t length = 0;

  std::string_view method, authority, path, version;  // for rewrite()
};

enum class Reading : std::uint8_t { whole, more, bad };

// `why` is set for `bad`.
Reading read_head(std::string_view in, Head& head, const char*& why);

// The same request for the origin itself: path instead of target, one Host, nothing that concerned the proxy,
// and `Connection: close`, so that its end is the end of the connection. Gives the size; 0 if `out` is too
// small.
std::size_t rewrite_head(std::string_view in, const Head& head, std::span<char> out);

}  // namespace brig::init::egress
