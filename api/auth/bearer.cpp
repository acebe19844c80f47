#include "api/auth/bearer.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "api/http/message.hpp"
#include "core/random.hpp"

namespace brig::api {
namespace {

constexpr std::string_view kPrefix = "brig_";
constexpr std::size_t kIdBytes = 4;
constexpr std::size_t kSecretBytes = 32;

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == text.npos;
}

}  // namespace

NewToken make_token() {
  NewToken out;
  out.id = random_hex(kIdBytes);
  out.text = Secret(std::string(kPrefix) + out.id + "_" + random_hex(kSecretBytes));
  out.hash = hash_token(out.text.reveal());
  return out;
}

TokenHash hash_token(std::string_view text) {
  TokenHash out{};
  // Cannot fail for a digest that is built in; a hash of zeros would match nothing that is kept.
  EVP_Digest(text.data(), text.size(), out.data(), nullptr, EVP_sha256(), nullptr);
  return out;
}

std::optional<std::string> token_id(std::string_view text) {
  if (!text.starts_with(kPrefix) || text.size() != kPrefix.size() + 2 * kIdBytes + 1 + 2 * kSecretBytes)
    return std::nullopt;
  text.remove_prefix(kPrefix.size());
  auto id = text.substr(0, 2 * kIdBytes);
  if (!is_hex(id) || text[2 * kIdBytes] != '_' || !is_hex(text.substr(2 * kIdBytes + 1))) return std::nullopt;
  return std::string(id);
}

bool same_hash(const TokenHash& a, const TokenHash& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::optional<std::string_view> bearer(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() <= kScheme.size() || !same_name(authorization.substr(0, kScheme.size()), kScheme))
    return std::nullopt;
  authorization.remove_prefix(kScheme.size());
  return authorization;
}

}  // namespace brig::api
