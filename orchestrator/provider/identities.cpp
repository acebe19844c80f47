#include "provider/identities.hpp"

#include <algorithm>

#include "core/random.hpp"
#include "core/text.hpp"
#include "image/provider_file.hpp"

namespace brig::provider {
namespace {

constexpr std::size_t kMaxLabel = 64;

Error invalid(std::string message) {
  return Error{Code::invalid, std::move(message), "identities", false};
}

Result<void> check_label(const std::string& label) {
  if (!label.empty() && label.size() <= kMaxLabel && printable(label, 4 * kMaxLabel) == label &&
      label.front() != ' ' && label.back() != ' ')
    return {};
  return invalid("label " + quoted(label) + " must be 1 to 64 printable bytes without a space at either end");
}

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

Result<void> check_config_dir(const image::Provider& provider, const std::string& path) {
  if (path.empty()) return {};
  BRIG_CHECK(image::check_config_path("config_dir", path));
  const auto& declared = provider.config[0].path;
  if (provider.profile_env.empty() && path != declared)
    return invalid("config_dir " + quoted(path) + " would not be found: " + provider.id.str() +
                   " names no variable that moves its configuration; leave it at " + quoted(declared));
  if (provider.profile_env_is_parent && base_name(path) != base_name(declared))
    return invalid("config_dir " + quoted(path) + " must end in " + quoted(base_name(declared)) + ": " +
                   provider.profile_env + " can only say in which directory that is");
  return {};
}

Result<image::Provider> with_config(const image::Images& images, const std::string& id) {
  BRIG_TRY(auto provider, images.provider(id));
  if (!provider.config.empty()) return provider;
  return Error{Code::unsupported,
               "provider " + quoted(id) + " declares no configuration to be kept, so it has no identities",
               "identities", false};
}

Identity identity_of(const store::IdentityRow& row, const image::Provider& provider) {
  return {row.id, row.label, row.config_dir.empty() ? provider.config[0].path : row.config_dir,
          row.is_default, row.created};
}

}  // namespace

store::IdentityRow LedgerIdentities::seed(const std::string& owner, const std::string& provider) const {
  return {random_hex(4), owner, provider, "Default", "", true, clock_.wall()};
}

net::Task<Result<std::vector<Identity>>> LedgerIdentities::list(std::string owner, std::string provider) {
  BRIG_CO_TRY(auto known, with_config(images_, provider));
  BRIG_CO_TRY(auto rows, co_await table_.list(seed(owner, provider)));
  std::vector<Identity> out;
  for (const auto& row : rows) out.push_back(identity_of(row, known));
  co_return out;
}

net::Task<Result<Identity>> LedgerIdentities::create(std::string owner, std::string provider,
                                                     IdentitySpec spec) {
  BRIG_CO_TRY(auto known, with_config(images_, provider));
  BRIG_CO_CHECK(check_label(spec.label));
  BRIG_CO_CHECK(check_config_dir(known, spec.config_dir));
  auto first = seed(owner, provider);
  store::IdentityRow row = first;
  row.id = random_hex(4);
  row.label = spec.label;
  row.config_dir = spec.config_dir;
  row.is_default = spec.set_default;
  BRIG_CO_TRY(auto made, co_await table_.create(std::move(row), std::move(first)));
  co_return identity_of(made, known);
}

net::Task<Result<Identity>> LedgerIdentities::update(std::string owner, std::string provider, std::string id,
                                                     IdentityChange change) {
  BRIG_CO_TRY(auto known, with_config(images_, provider));
  if (change.label) BRIG_CO_CHECK(check_label(*change.label));
  if (change.config_dir) BRIG_CO_CHECK(check_config_dir(known, *change.config_dir));
  BRIG_CO_TRY(auto changed, co_await table_.update(owner, provider, id, std::move(change)));
  co_return identity_of(changed, known);
}

net::Task<Result<void>> LedgerIdentities::remove(std::string owner, std::string provider, std::string id) {
  BRIG_CO_TRY(auto known, with_config(images_, provider));
  (void)known;
  co_return co_await table_.remove(owner, provider, id);
}

net::Task<Result<Identity>> LedgerIdentities::choose(std::string owner, std::string provider,
                                                     std::string ref) {
  BRIG_CO_TRY(auto all, co_await list(std::move(owner), std::move(provider)));
  auto matching = [&](auto matches) { return std::find_if(all.begin(), all.end(), matches); };
  auto it = matching([&](const Identity& i) { return i.id == ref; });
  if (it == all.end()) it = matching([&](const Identity& i) { return i.label == ref; });
  if (it == all.end()) it = matching([](const Identity& i) { return i.is_default; });
  if (it != all.end()) co_return *it;
  co_return Error{Code::corrupt, "the ledger holds identities of which none is the default", "identities",
                  false};
}

net::Task<Result<Probe>> LedgerIdentities::probe(std::string owner, std::string provider, std::string id) {
  BRIG_CO_TRY(auto known, with_config(images_, provider));
  BRIG_CO_TRY(auto all, co_await list(std::move(owner), provider));
  auto it = std::find_if(all.begin(), all.end(), [&](const Identity& i) { return i.id == id; });
  if (it == all.end()) {
    co_return Error{Code::not_found,
                    "you have no identity " + quoted(id) + " at " + printable(provider) +
                        "; `brig identity ls " + printable(provider) + "` lists them",
                    "identities", false};
  }
  auto look = [path = volumes_.data_of(volume_name(provider, id, 0)), files = known.probe] {
    return Result<Probe>(provider::probe(path, files));
  };
  co_return co_await blocking_.run(std::move(look));
}

std::string volume_name(const std::string& provider, const std::string& identity, std::size_t place) {
  return "brig-" + provider + "-" + identity + "-" + std::to_string(place + 1);
}

std::vector<volume::Wanted> volumes_of(const image::Provider& provider, const Identity& identity) {
  std::vector<volume::Wanted> out;
  for (std::size_t i = 0; i < provider.config.size(); ++i) {
    const auto& config = provider.config[i];
    out.push_back({volume_name(provider.id.str(), identity.id, i), provider.id.str(), identity.id,
                   i == 0 ? identity.config_dir : config.path, !config.read_only, config.file, config.initial,
                   config.sharing, config.keep});
  }
  return out;
}

std::map<std::string, std::string> environment_of(const image::Provider& provider, const Identity& identity) {
  std::map<std::string, std::string> out;
  if (provider.profile_env.empty()) return out;
  auto value = identity.config_dir;
  if (provider.profile_env_is_parent) value.resize(std::max<std::size_t>(value.rfind('/'), 1));
  out[provider.profile_env] = value;
  return out;
}

}  // namespace brig::provider
