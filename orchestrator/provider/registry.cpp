#include "provider/registry.hpp"

#include <nlohmann/json.hpp>

#include "core/log.hpp"
#include "core/text.hpp"
#include "image/provider_file.hpp"

namespace brig::provider {
namespace {

Result<void> check_free(const image::Images& images, const std::string& id) {
  auto known = images.provider(id);
  if (!known || !known->builtin) return {};
  return Error{Code::conflict,
               "provider " + quoted(id) +
                   " is a folder of this installation, which the API does not change; "
                   "choose another id",
               "providers", false};
}

}  // namespace

net::Task<Result<void>> Registry::load() {
  BRIG_CO_TRY(auto rows, co_await table_.list());
  for (const auto& row : rows) {
    auto declaration = nlohmann::json::parse(row.declaration, nullptr, false);
    auto provider = image::parse_provider_json(declaration, row.id);
    Result<void> known = provider ? images_.declare(std::move(*provider)) : Result<void>(provider.error());
    if (!known)
      log::warn("a declared provider is left out", {{"provider", row.id}, {"error", known.error()}});
  }
  co_return Result<void>();
}

net::Task<Result<image::Provider>> Registry::put(std::string id, nlohmann::json declaration,
                                                 std::string owner) {
  BRIG_CO_TRY(auto provider, image::parse_provider_json(declaration, id));
  BRIG_CO_CHECK(check_free(images_, id));
  auto now = clock_.wall();
  store::ProviderRow row{id, declaration.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                         std::move(owner), now, now};
  BRIG_CO_TRY(auto stored, co_await table_.put(std::move(row)));
  BRIG_CO_CHECK(images_.declare(provider));
  co_return provider;
}

net::Task<Result<void>> Registry::remove(std::string id) {
  BRIG_CO_CHECK(check_free(images_, id));
  BRIG_CO_CHECK(co_await table_.remove(id));
  images_.withdraw(id);
  co_return Result<void>();
}

}  // namespace brig::provider
