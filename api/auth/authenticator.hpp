// From a connection and a request's head to a Caller.
//
// Ownership: borrows the token store and the clock. Threads: the loop's. Failure: as Failure; every bad
// credential gets the same answer, whatever was wrong with it; but one that was good is told that it expired.
#pragma once

#include <optional>
#include <string>

#include "api/auth/peer.hpp"
#include "api/http/message.hpp"
#include "api/services.hpp"
#include "core/rate.hpp"

namespace brig::api {

struct Admission {
  std::optional<session::Caller> caller;  // none: came without credentials
  std::optional<WallTime> expires;        // of the credentials
  std::optional<Failure> failure;
};

class Authenticator {
 public:
  Authenticator(TokenStore& tokens, const Clock& clock, uid_t own_uid, std::optional<gid_t> group,
                double failures_per_minute)
      : tokens_(tokens),
        clock_(clock),
        own_uid_(own_uid),
        group_(group),
        failures_(failures_per_minute / 60, failures_per_minute) {}

  // Borrows the arguments until it returns.
  net::Task<Admission> admit(const Peer* peer, const Head* head);

 private:
  net::Task<Result<std::optional<Token>>> good_token(std::string text);

  TokenStore& tokens_;
  const Clock& clock_;
  uid_t own_uid_;
  std::optional<gid_t> group_;
  RateLimiter failures_;
};

}  // namespace brig::api
