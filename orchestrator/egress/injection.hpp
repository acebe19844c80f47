// A request made anew with the real secrets in it, and an answer with none.
//
// Threads: any. Failure: none; what is given was read and judged before.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/secret.hpp"
#include "egress/http_head.hpp"
#include "policy/egress/credential.hpp"

namespace brig::egress {

// What a sandbox holds in a secret's place. Worth nothing; recognised wherever it can be seen.
std::string new_placeholder();
inline constexpr std::string_view kPlaceholderMark = "brig-placeholder-";
inline constexpr std::size_t kPlaceholderSize = kPlaceholderMark.size() + 32;

// A credential of a session.
struct Entrusted {
  Credential rule;
  std::string placeholder;
};

// Bytes that are wiped when they go. append() beyond what was reserved would leave a copy behind.
class Wiped {
 public:
  explicit Wiped(std::size_t room) { text_.reserve(room); }
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;
  ~Wiped();
  void append(std::string_view bytes);
  std::string_view view() const { return text_; }

 private:
  std::string text_;
};

// One that is for this request, with its value opened.
struct Injected {
  const Entrusted* held = nullptr;
  Secret as_sent;  // as it stands in the request: shaped, encoded
};
Secret as_sent(const Credential& rule, const Secret& value);

// How much room write_request() needs.
std::size_t room_for(const RequestHead& head, std::span<const Injected> all);
// The request for the host itself: one Host, nothing that concerned this connection alone, each secret once
// and in its place, whatever the client had there.
void write_request(const RequestHead& head, const Target& target, std::span<const Injected> all, Wiped& out);
// What came back, with placeholders for the secrets that a server repeats in its head.
std::string write_response(const ResponseHead& head, const RequestHead& asked, std::span<const Injected> all);

}  // namespace brig::egress
