#include "backup/key.hpp"

#include <sodium.h>

#include <memory>

#include "core/random.hpp"

namespace brig::backup {
namespace {

// "BRIGKEY1", salt, nonce, box.
constexpr std::string_view kMagic = "BRIGKEY1";
constexpr std::size_t kSalt = crypto_pwhash_SALTBYTES;
constexpr std::size_t kNonce = crypto_secretbox_NONCEBYTES;
constexpr std::size_t kHead = kMagic.size() + kSalt + kNonce;
constexpr std::size_t kMemory = 128u << 20;
constexpr unsigned long long kPasses = 3;

unsigned char* bytes_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}
const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

struct Free {
  void operator()(unsigned char* bytes) const { sodium_free(bytes); }
};
using Bytes = std::unique_ptr<unsigned char, Free>;

Result<Bytes> stretched(const Secret& passphrase, const unsigned char* salt) {
  if (sodium_init() < 0) return Error{Code::internal, "libsodium does not start", "backup", false};
  Bytes out(static_cast<unsigned char*>(sodium_malloc(crypto_secretbox_KEYBYTES)));
  auto word = passphrase.reveal();
  if (!out || crypto_pwhash(out.get(), crypto_secretbox_KEYBYTES, word.data(), word.size(), salt, kPasses,
                            kMemory, crypto_pwhash_ALG_ARGON2ID13) != 0)
    return Error{Code::exhausted, "there is not enough memory to make a key of the passphrase", "backup",
                 false};
  return out;
}

}  // namespace

Result<std::string> seal_key(const Secret& key, const Secret& passphrase) {
  std::string out(kHead + crypto_secretbox_MACBYTES + key.reveal().size(), '\0');
  kMagic.copy(out.data(), kMagic.size());
  auto* salt = bytes_of(out) + kMagic.size();
  fill_random({salt, kSalt + kNonce});
  BRIG_TRY(auto by, stretched(passphrase, salt));
  crypto_secretbox_easy(bytes_of(out) + kHead, bytes_of(key.reveal()), key.reveal().size(), salt + kSalt,
                        by.get());
  return out;
}

Result<Secret> open_key(std::string_view sealed, const Secret& passphrase) {
  if (sealed.size() < kHead + crypto_secretbox_MACBYTES || !sealed.starts_with(kMagic))
    return Error{Code::corrupt, "what the backup has for the vault's key is none", "backup", false};
  const auto* salt = bytes_of(sealed) + kMagic.size();
  BRIG_TRY(auto by, stretched(passphrase, salt));
  std::string key(sealed.size() - kHead - crypto_secretbox_MACBYTES, '\0');
  bool good = crypto_secretbox_open_easy(bytes_of(key), bytes_of(sealed) + kHead, sealed.size() - kHead,
                                         salt + kSalt, by.get()) == 0;
  Secret out(key);
  sodium_memzero(key.data(), key.size());
  if (!good)
    return Error{Code::denied,
                 "the passphrase is not the one that the backup's key is under; nothing was changed",
                 "backup", false};
  return out;
}

}  // namespace brig::backup
