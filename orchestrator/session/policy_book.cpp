#include "session/policy_book.hpp"

#include <sys/sysinfo.h>

#include <algorithm>

#include "core/files.hpp"
#include "core/text.hpp"

namespace brig::session {
namespace {

constexpr std::size_t kMaxPolicyFile = 256 * 1024;

}  // namespace

Result<PolicyBook> PolicyBook::load(const Sources& sources) {
  PolicyBook book;
  book.default_profile_ = sources.default_profile;

  std::error_code ec;
  if (!sources.ceiling.empty() && std::filesystem::exists(sources.ceiling, ec)) {
    BRIG_TRY(std::string text, read_file(sources.ceiling, kMaxPolicyFile));
    BRIG_TRY(book.ceiling_, policy::parse_ceiling(text, sources.ceiling.string()));
  }
  struct sysinfo host {};
  sysinfo(&host);
  book.ceiling_ = policy::within_host(std::move(book.ceiling_), std::uint64_t{host.totalram} * host.mem_unit,
                                      static_cast<unsigned>(std::max(1, get_nprocs())));

  for (const auto& profile : policy::built_in_profiles()) book.profiles_.emplace(profile.name, profile);
  if (!sources.profiles_dir.empty() && std::filesystem::is_directory(sources.profiles_dir, ec)) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(sources.profiles_dir, ec)) {
      if (entry.path().extension() == ".toml") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
      BRIG_TRY(std::string text, read_file(file, kMaxPolicyFile));
      BRIG_TRY(policy::Profile profile, policy::parse_profile(text, file.string()));
      // The operator's own word replaces a built-in profile of the same name.
      book.profiles_.insert_or_assign(profile.name, std::move(profile));
    }
  }
  BRIG_CHECK(book.find(book.default_profile_));
  return book;
}

std::vector<const policy::Profile*> PolicyBook::profiles() const {
  std::vector<const policy::Profile*> all;
  for (const auto& [name, profile] : profiles_) all.push_back(&profile);
  return all;
}

Result<const policy::Profile*> PolicyBook::find(const std::string& name) const {
  auto it = profiles_.find(name.empty() ? default_profile_ : name);
  if (it != profiles_.end()) return &it->second;
  std::vector<std::string_view> known;
  for (const auto& [known_name, profile] : profiles_) known.push_back(known_name);
  return Error{Code::not_found,
               "there is no policy profile " + quoted(name) + did_you_mean(name, known) +
                   "; `brig policy ls` shows them",
               "policy", false};
}

Result<policy::Effective> PolicyBook::resolve(const std::string& profile,
                                              const policy::Request& request) const {
  BRIG_TRY(const policy::Profile* found, find(profile));
  return policy::resolve(ceiling_, *found, request);
}

Result<policy::Explanation> PolicyBook::explain(const std::string& profile,
                                                const policy::Request& request) const {
  BRIG_TRY(const policy::Profile* found, find(profile));
  return policy::explain(ceiling_, *found, request);
}

}  // namespace brig::session
