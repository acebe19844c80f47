// The service's parts as the API wants to see them.
//
// Ownership: each borrows the part it stands for. Threads: the loop's. Failure: as the part's.
#pragma once

#include "api/services.hpp"
#include "session/policy_book.hpp"
#include "store/previews.hpp"
#include "store/tokens.hpp"

namespace brig::daemon {

class ApiPolicies final : public api::Policies {
 public:
  explicit ApiPolicies(const session::PolicyBook& book) : book_(book) {}
  std::vector<const policy::Profile*> profiles() const override { return book_.profiles(); }
  std::string default_profile() const override { return book_.default_profile(); }
  Result<policy::Explanation> explain(const std::string& profile,
                                      const policy::Request& request) const override {
    return book_.explain(profile, request);
  }

 private:
  const session::PolicyBook& book_;
};

class ApiTokens final : public api::TokenStore {
 public:
  explicit ApiTokens(store::TokenTable& table) : table_(table) {}
  net::Task<Result<void>> create(api::Token token) override;
  net::Task<Result<std::vector<api::Token>>> list() override;
  net::Task<Result<std::optional<api::Token>>> find(api::TokenHash hash) override;
  net::Task<Result<void>> revoke(std::string id, WallTime now) override;
  net::Task<Result<void>> touch(std::string id, WallTime now) override;

 private:
  store::TokenTable& table_;
};

// What a door tells of itself, as it stands in its mesh's audit.
audit::Deed deed_of(const events::Event& event);

class ApiPreviews final : public api::PreviewStore {
 public:
  explicit ApiPreviews(store::PreviewTable& table) : table_(table) {}
  net::Task<Result<void>> create(api::Preview preview) override;
  net::Task<Result<std::vector<api::Preview>>> list() override;
  net::Task<Result<std::optional<api::Preview>>> find(std::string id) override;
  net::Task<Result<void>> remove(std::string id) override;

 private:
  store::PreviewTable& table_;
};

}  // namespace brig::daemon
