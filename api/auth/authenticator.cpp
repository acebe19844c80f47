#include "api/auth/authenticator.hpp"

#include "api/auth/bearer.hpp"
#include "core/log.hpp"
#include "core/units.hpp"

namespace brig::api {
namespace {

constexpr Millis kTouchEvery{60'000};

Failure unauthenticated(std::string message) {
  return Failure{Error{Code::unauthenticated, std::move(message), "api: token", false},
                 401,
                 {},
                 {{"WWW-Authenticate", "Bearer realm=\"brig\""}}};
}

Failure too_often(Millis wait) {
  auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  return Failure{Error{Code::rate_limited,
                       "too many bad credentials came from this address; come again in " +
                           std::to_string(seconds) + " s",
                       "api: token", true},
                 429,
                 {},
                 {{"Retry-After", std::to_string(seconds)}}};
}

}  // namespace

net::Task<Admission> Authenticator::admit(const Peer* peer, const Head* head) {
  Admission out;
  if (peer->local) {
    auto caller = caller_of(*peer, own_uid_, group_);
    if (caller) {
      out.caller = std::move(*caller);
    } else {
      out.failure = Failure{caller.error(), 0, {}, {}};
    }
    co_return out;
  }
  const auto* authorization = head->find("Authorization");
  if (!authorization) co_return out;
  if (auto wait = failures_.peek(peer->address, clock_.steady())) {
    out.failure = too_often(*wait);
    co_return out;
  }
  std::optional<Token> token;
  auto text = bearer(*authorization);
  if (text && head->count("Authorization") == 1) {
    auto found = co_await good_token(std::string(*text));
    if (!found) {
      out.failure = Failure{found.error(), 0, {}, {}};
      co_return out;
    }
    token = std::move(*found);
  }
  if (!token) {
    failures_.take(peer->address, clock_.steady());
    out.failure = unauthenticated("the bearer token is unknown or revoked; ask an admin for a new one");
    co_return out;
  }
  // Whoever had it learns nothing by that, and what to do.
  if (token->expires && *token->expires <= clock_.wall()) {
    out.failure = unauthenticated("the bearer token held until " + format_time(*token->expires) +
                                  "; ask whoever made it for a new one");
    co_return out;
  }
  out.expires = token->expires;
  auto& caller = out.caller.emplace();
  caller.role = token->role;
  caller.owner = token->owner;
  caller.mesh = token->mesh;
  caller.credential = "token:" + token->id;
  caller.member = token->member;
  co_return out;
}

net::Task<Result<std::optional<Token>>> Authenticator::good_token(std::string text) {
  auto id = token_id(text);
  if (!id) co_return std::optional<Token>();
  auto hash = hash_token(text);
  BRIG_CO_TRY(auto token, co_await tokens_.find(hash));
  auto now = clock_.wall();
  if (!token || !same_hash(token->hash, hash) || token->id != *id || token->revoked)
    co_return std::optional<Token>();
  bool holds = !token->expires || *token->expires > now;
  if (holds && (!token->last_used || now - *token->last_used >= kTouchEvery)) {
    auto touched = co_await tokens_.touch(token->id, now);
    if (!touched)
      log::warn("cannot note that a token was used", {{"token", token->id}, {"error", touched.error()}});
  }
  co_return token;
}

}  // namespace brig::api
