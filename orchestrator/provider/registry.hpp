// Providers declared over the API, by hosts for their plugins, beside those that come as folders.
//
// Ownership: borrows. Threads: the loop's. Failure: as Result; one that comes with Brig or is the operator's
// own folder is `conflict`, and a declaration that does not read is `invalid`, with its key.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "image/images.hpp"
#include "store/providers.hpp"

namespace brig::provider {

class Providers {
 public:
  virtual ~Providers() = default;
  // Replaces what was declared under this id before; sessions that run keep what they were given.
  virtual net::Task<Result<image::Provider>> put(std::string id, nlohmann::json declaration,
                                                 std::string owner) = 0;
  virtual net::Task<Result<void>> remove(std::string id) = 0;
};

class Registry final : public Providers {
 public:
  Registry(store::ProviderTable& table, image::Images& images, const Clock& clock)
      : table_(table), images_(images), clock_(clock) {}

  // Makes known what the ledger has; one that no longer reads is logged and left out.
  net::Task<Result<void>> load();
  net::Task<Result<image::Provider>> put(std::string id, nlohmann::json declaration,
                                         std::string owner) override;
  net::Task<Result<void>> remove(std::string id) override;

 private:
  store::ProviderTable& table_;
  image::Images& images_;
  const Clock& clock_;
};

}  // namespace brig::provider
