// What a client is told when it does not get its connection: one text for each way it may have asked.
//
// Ownership: writes into the caller's buffer. Threads: plain functions. Failure: what does not fit is cut
// short.
#pragma once

#include <span>
#include <string_view>

#include "egress_wire/frames.hpp"

namespace brig::init::egress {

inline constexpr std::string_view kAway =
    "Brig's service is away, and nothing outside can be reached until it is back; then it works again by "
    "itself";
inline constexpr std::string_view kTooMany =
    "this sandbox has too many connections open at once; close some, or raise nofile in its profile";

// A whole HTTP response; the first line of `message` is its reason phrase too, for clients that show no body.
std::string_view http_refusal(egress_wire::Status status, std::string_view message, std::span<char> out);

// RFC 8914's code for it, 0 if there is none.
unsigned dns_error(egress_wire::Status status);

}  // namespace brig::init::egress
