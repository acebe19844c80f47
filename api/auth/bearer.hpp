// Bearer tokens: "brig_ID_SECRET", the secret 32 random bytes in hex.
//
// What is kept is the SHA-256 of the whole text. A plain hash is right here: slow, salted hashes are there to
// make guessing of what people choose expensive, and 256 random bits cannot be guessed.
//
// Threads: any. Failure: none.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/services.hpp"
#include "core/secret.hpp"

namespace brig::api {

struct NewToken {
  std::string id;
  Secret text;
  TokenHash hash{};
};
NewToken make_token();

TokenHash hash_token(std::string_view text);
// The id in a well-formed token; none if it is not one.
std::optional<std::string> token_id(std::string_view text);
// In constant time.
bool same_hash(const TokenHash& a, const TokenHash& b);

// The token in "Bearer TOKEN"; none if the header says anything else.
std::optional<std::string_view> bearer(std::string_view authorization);

}  // namespace brig::api
