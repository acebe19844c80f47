#include "vault/seal.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/random.hpp"
#include "core/text.hpp"
#include "core/unique_fd.hpp"

namespace brig::vault {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kKey = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;
constexpr std::size_t kNonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTag = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr unsigned char kVersion = 1;
constexpr std::size_t kHead = 1 + kNonce;

// Each part with its length, so that no two triples read alike.
std::string bound_to(const Scope& scope, const std::string& name) {
  std::string out = "brig vault 1";
  for (const auto* part : {&scope.owner, &scope.mesh, &name}) {
    auto size = static_cast<std::uint32_t>(part->size());
    for (int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>(size >> shift & 0xff));
    out += *part;
  }
  return out;
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Error key_error(const fs::path& file, const std::string& why) {
  return Error{Code::corrupt,
               "the vault's key " + quoted(file.native(), 256) + " " + why +
                   "; put it back from a backup, or remove what it sealed with 'brig vault rm'",
               "vault", false};
}

Result<void> write_all(int fd, const unsigned char* bytes, std::size_t size) {
  while (size > 0) {
    auto n = ::write(fd, bytes, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return errno_error(errno, "cannot write the vault's key", "vault");
    bytes += n;
    size -= static_cast<std::size_t>(n);
  }
  return {};
}

}  // namespace

void SealingKey::Free::operator()(unsigned char* bytes) const {
  ::sodium_free(bytes);  // wipes it first
}

Result<SealingKey::Bytes> SealingKey::room() {
  if (::sodium_init() < 0)
    return Error{Code::internal, "libsodium finds no randomness on this machine", "vault", false};
  Bytes bytes(static_cast<unsigned char*>(::sodium_malloc(kKey)));
  if (!bytes)
    return Error{Code::exhausted,
                 "the vault's key cannot be kept in memory; brigd needs to lock a few pages (LimitMEMLOCK)",
                 "vault", true};
  return bytes;
}

Result<SealingKey> SealingKey::load(const fs::path& file) {
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return errno_error(errno, "the vault's key " + quoted(file.native(), 256), "vault");
  struct stat is {};
  if (::fstat(fd.get(), &is) != 0) return errno_error(errno, "the vault's key", "vault");
  if (!S_ISREG(is.st_mode) || is.st_uid != ::geteuid() || (is.st_mode & 077) != 0)
    return key_error(file, "is not a file of brigd's own that nobody else may read (0600)");
  BRIG_TRY(Bytes bytes, room());
  if (is.st_size != static_cast<off_t>(kKey) ||
      ::pread(fd.get(), bytes.get(), kKey, 0) != static_cast<ssize_t>(kKey))
    return key_error(file, "is not a key");
  ::sodium_mprotect_readonly(bytes.get());
  return SealingKey(std::move(bytes));
}

Result<SealingKey> SealingKey::make(const fs::path& file) {
  auto fresh = file;
  fresh += "." + random_hex(4);
  {
    BRIG_TRY(Bytes bytes, room());
    ::randombytes_buf(bytes.get(), kKey);
    UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!fd) return errno_error(errno, "cannot make the vault's key " + quoted(fresh.native(), 256), "vault");
    auto written = write_all(fd.get(), bytes.get(), kKey);
    if (written && ::fsync(fd.get()) != 0)
      written = errno_error(errno, "cannot keep the vault's key", "vault");
    if (!written) {
      ::unlink(fresh.c_str());
      return std::move(written).error();
    }
  }
  // Whole or not at all, and never over another.
  int linked = ::link(fresh.c_str(), file.c_str());
  int why = errno;
  ::unlink(fresh.c_str());
  if (linked != 0 && why != EEXIST)
    return errno_error(why, "cannot make the vault's key " + quoted(file.native(), 256), "vault");
  UniqueFd directory(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0)
    return errno_error(errno, "cannot keep the vault's key", "vault");
  return load(file);
}

Sealed SealingKey::seal(const Scope& scope, const std::string& name, const Secret& value) const {
  auto plain = value.reveal();
  auto about = bound_to(scope, name);
  Sealed out(kHead + plain.size() + kTag);
  out[0] = kVersion;
  ::randombytes_buf(out.data() + 1, kNonce);
  ::crypto_aead_xchacha20poly1305_ietf_encrypt(out.data() + kHead, nullptr, bytes_of(plain), plain.size(),
                                               bytes_of(about), about.size(), nullptr, out.data() + 1,
                                               bytes_.get());
  return out;
}

Result<Secret> SealingKey::open(const Scope& scope, const std::string& name, const Sealed& sealed) const {
  auto refuse = [&] {
    return Error{Code::corrupt,
                 "the vault's value " + quoted(name, 128) +
                     " was not sealed with the key that is there now; set it anew with 'brig vault set " +
                     name + "'",
                 "vault", false};
  };
  if (sealed.size() < kHead + kTag || sealed[0] != kVersion) return refuse();
  auto about = bound_to(scope, name);
  std::string plain(std::max<std::size_t>(64, sealed.size() - kHead - kTag), '\0');
  auto opened = ::crypto_aead_xchacha20poly1305_ietf_decrypt(
      reinterpret_cast<unsigned char*>(plain.data()), nullptr, nullptr, sealed.data() + kHead,
      sealed.size() - kHead, bytes_of(about), about.size(), sealed.data() + 1, bytes_.get());
  Result<Secret> out =
      opened == 0 ? Result<Secret>(Secret(std::string_view(plain).substr(0, sealed.size() - kHead - kTag)))
                  : Result<Secret>(refuse());
  ::sodium_memzero(plain.data(), plain.size());
  return out;
}

}  // namespace brig::vault
