// Values under the installation's key: XChaCha20-Poly1305, each bound to whose it is and what it is called,
// so that a sealed value moved to another row opens nowhere.
//
// The key is a file of root's alone, made at the first use. In memory it lies between guard pages, locked,
// and out of every dump.
//
// Ownership: SealingKey owns its memory. Threads: const calls any. Failure: as Result; `corrupt` for what was
// not sealed with this key under this name; messages never hold a value.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "core/secret.hpp"

namespace brig::vault {

// Whose a value is.
struct Scope {
  std::string owner;
  std::string mesh;
  auto operator<=>(const Scope&) const = default;
};

using Sealed = std::vector<unsigned char>;

class SealingKey {
 public:
  // `not_found` if there is none.
  static Result<SealingKey> load(const std::filesystem::path& file);
  // Never over one that is there: that one is loaded.
  static Result<SealingKey> make(const std::filesystem::path& file);

  Sealed seal(const Scope& scope, const std::string& name, const Secret& value) const;
  Result<Secret> open(const Scope& scope, const std::string& name, const Sealed& sealed) const;

 private:
  struct Free {
    void operator()(unsigned char* bytes) const;
  };
  using Bytes = std::unique_ptr<unsigned char, Free>;
  explicit SealingKey(Bytes bytes) : bytes_(std::move(bytes)) {}
  static Result<Bytes> room();

  Bytes bytes_;
};

}  // namespace brig::vault
