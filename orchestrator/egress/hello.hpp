// What a client says first, before anything of it is passed on: a TLS ClientHello or the head of an HTTP
// request, and the host named in it.
//
// The bytes are hostile. Reading looks at them anew each time more have come; both kinds are bounded, so that
// is cheap. Threads: any. Failure: none; what is neither is `other`.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "policy/egress/decide.hpp"

namespace brig::egress {

inline constexpr std::size_t kMaxHello = 32 * 1024;

struct Hello {
  enum class Is { more, tls, http, other };
  Is is = Is::more;
  std::optional<std::string> host;  // SNI, or Host with its port; none: it names none
  std::string fault;                // why it is `other`, for a sentence; "" if it merely is neither
};
Hello read_hello(std::string_view bytes);

// Is what it names what was asked for? "" if so, else one sentence. `allowed_too` decides about a name that
// differs from the address which was asked for.
std::string disagreement(const Hello& hello, const Rules& rules, const Target& target);

}  // namespace brig::egress
