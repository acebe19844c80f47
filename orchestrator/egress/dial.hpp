// Connecting to addresses that have been checked, and to no others.
//
// They are tried in order, families in turn; the next starts when one fails, or has not answered within a
// quarter of a second, and the first that answers wins.
//
// Threads: the loop's. Failure: unavailable (with errno's sentence) or timeout, of the last that was tried.
#pragma once

#include <vector>

#include "core/unique_fd.hpp"
#include "net/task.hpp"
#include "policy/egress/address.hpp"

namespace brig::egress {

struct Dialled {
  UniqueFd socket;  // non-blocking
  Address address;
};

struct DialFailure {
  enum class Why { refused, unreachable, timeout, exhausted } why = Why::unreachable;
  std::string text;
};

// Exactly one of the two is set.
struct DialResult {
  std::optional<Dialled> dialled;
  DialFailure failure;
};

net::Task<DialResult> dial(std::vector<Address> addresses, std::uint16_t port, Deadline deadline);

}  // namespace brig::egress
