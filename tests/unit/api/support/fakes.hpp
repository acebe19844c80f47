// Stand-ins for what the API serves: they remember what they were asked and answer what they were told.
//
// Threads: the loop's, as the real ones; a test sets them up before the server starts or through
// TestServer::on_loop.
#pragma once

#include <map>

#include "api/services.hpp"
#include "support/fake_sessions.hpp"

namespace brig::api::test {

class FakeReviews final : public review::Reviews {
 public:
  net::Task<Result<review::Summary>> changes(session::Caller caller, std::string ref,
                                             std::vector<std::string> paths, bool count_lines) override;
  net::Task<Result<std::shared_ptr<review::Patches>>> patch(session::Caller caller, std::string ref,
                                                            std::vector<std::string> paths) override;
  net::Task<Result<review::Report>> apply(session::Caller caller, std::string ref,
                                          review::ApplySpec spec) override;
  net::Task<Result<review::Report>> undo(session::Caller caller, std::string ref,
                                         std::vector<std::string> skip) override;

  review::Report report;
  review::ApplySpec applied;  // of the last call
  review::Summary summary;
  std::vector<Result<std::optional<std::string>>> pieces;  // of the patch
  std::vector<std::string> paths;                          // of the last call
  std::optional<Error> failure;
};

class FakeImages final : public image::Images {
 public:
  std::vector<image::Provider> providers() const override;
  Result<image::Provider> provider(const std::string& id) const override;
  net::Task<Result<std::vector<image::ImageInfo>>> list() override;
  net::Task<Result<image::ImageInfo>> build(std::string provider, bool no_cache,
                                            image::ProgressSink progress) override;
  net::Task<Result<void>> remove(std::string provider) override;
  net::Task<Result<std::vector<image::Outdated>>> outdated() override;
  net::Task<Result<image::Ready>> ready(std::string provider, std::string instead) override;
  Result<void> declare(image::Provider) override { return {}; }
  void withdraw(const std::string&) override {}

  std::optional<Error> build_failure;
  int progress_lines = 3;
  bool hang = false;  // build() never ends
  bool cancelled = false;
};

class FakeProviders final : public provider::Providers {
 public:
  net::Task<Result<image::Provider>> put(std::string id, nlohmann::json declaration,
                                         std::string owner) override;
  net::Task<Result<void>> remove(std::string id) override;

  std::string declared;  // JSON of the last
};

class FakeIdentities final : public provider::Identities {
 public:
  net::Task<Result<std::vector<provider::Identity>>> list(std::string owner, std::string provider) override;
  net::Task<Result<provider::Identity>> create(std::string owner, std::string provider,
                                               provider::IdentitySpec spec) override;
  net::Task<Result<provider::Identity>> update(std::string owner, std::string provider, std::string id,
                                               provider::IdentityChange change) override;
  net::Task<Result<void>> remove(std::string owner, std::string provider, std::string id) override;
  net::Task<Result<provider::Probe>> probe(std::string owner, std::string provider, std::string id) override;

  std::vector<provider::Identity> identities{{"1f2e3d4c", "Default", "/home/agent/.x", true, {}}};
  std::string owner;  // of the last call
  std::optional<provider::IdentityChange> changed;
};

class FakeVolumes final : public session::Volumes {
 public:
  net::Task<Result<std::vector<session::VolumeView>>> list(session::Caller caller,
                                                           session::VolumeFilter filter,
                                                           session::VolumeOrder order) override;
  net::Task<Result<std::vector<session::ForeignVolume>>> foreign(session::Caller caller) override;
  net::Task<Result<session::VolumeView>> get(session::Caller caller, std::string ref) override;
  net::Task<Result<session::VolumeView>> restore(session::Caller caller, std::string ref) override;
  net::Task<Result<session::VolumeView>> create(session::Caller caller, session::VolumeSpec spec) override;
  net::Task<Result<session::VolumeView>> pin(session::Caller caller, std::string ref, bool pinned) override;
  net::Task<Result<std::unique_ptr<session::Outgoing>>> carry_out(session::Caller caller,
                                                                  std::string ref) override;
  net::Task<Result<std::unique_ptr<session::Incoming>>> take_in(session::Caller caller,
                                                                session::ImportSpec spec) override;
  net::Task<Result<session::VolumeView>> clone(session::Caller caller, std::string ref,
                                               session::ImportSpec spec) override;
  net::Task<Result<void>> remove(session::Caller caller, std::string ref, Removal how) override;

  std::vector<session::VolumeView> volumes;
  session::VolumeFilter filter;  // of the last list
  session::VolumeOrder order{};
  std::optional<session::VolumeSpec> asked;
  std::string removed, restored, cloned;
  std::optional<Removal> removed_how;
  std::string archive = "an archive";  // that goes out, and what came in
};

// One plan: the volume "old" goes, "new" stays.
class FakePrunes final : public prune::Prunes {
 public:
  net::Task<Result<prune::Plan>> plan(session::Caller caller, prune::Rules rules) override;
  net::Task<Result<prune::Verdict>> verdict(session::Caller caller, std::string volume) override;
  net::Task<Result<void>> check(session::Caller caller, prune::Order order) override;
  net::Task<Result<prune::Report>> execute(session::Caller caller, prune::Order order,
                                           prune::Listener listener) override;

  prune::Rules rules;   // of the last plan
  prune::Order order;   // of the last execution
  Result<void> refuse;  // what check() says
};

class FakeStandingPrunes final : public prune::StandingPrunes {
 public:
  net::Task<Result<std::vector<prune::StandingView>>> standing() override { co_return rules; }
  std::vector<prune::StandingView> rules;
};

class FakeGc final : public prune::Gc {
 public:
  net::Task<Result<prune::GcPlan>> plan(prune::GcRules rules) override {
    co_return prune::make_gc_plan(std::move(rules), WallTime{std::chrono::hours(24 * 100)}, things);
  }
  net::Task<Result<prune::GcReport>> collect(session::Caller, prune::GcRules,
                                             std::set<prune::GcAgreed> agreed) override {
    prune::GcReport out;
    for (const auto& one : agreed) out.steps.push_back({one, one.id, true, "", 10});
    asked = std::move(agreed);
    co_return out;
  }
  std::vector<prune::Thing> things;
  std::set<prune::GcAgreed> asked;
};

class FakeFootprints final : public prune::Footprints {
 public:
  net::Task<Result<prune::Footprint>> footprint() override { co_return taken; }
  prune::Footprint taken;
};

class FakeDoctor final : public doctor::Doctor {
 public:
  net::Task<std::vector<doctor::Finding>> examine() override;
};

class FakePolicies final : public Policies {
 public:
  FakePolicies();
  std::vector<const policy::Profile*> profiles() const override;
  std::string default_profile() const override { return "default"; }
  Result<policy::Explanation> explain(const std::string& profile,
                                      const policy::Request& request) const override;

 private:
  policy::Profile default_;
  policy::Profile strict_;
};

class MemoryTokens final : public TokenStore {
 public:
  net::Task<Result<void>> create(Token token) override;
  net::Task<Result<std::vector<Token>>> list() override;
  net::Task<Result<std::optional<Token>>> find(TokenHash hash) override;
  net::Task<Result<void>> revoke(std::string id, WallTime now) override;
  net::Task<Result<void>> touch(std::string id, WallTime now) override;

  std::map<std::string, Token> tokens;
};

class MemoryPreviews final : public PreviewStore {
 public:
  net::Task<Result<void>> create(Preview preview) override {
    previews[preview.id] = preview;
    co_return Result<void>();
  }
  net::Task<Result<std::vector<Preview>>> list() override {
    std::vector<Preview> out;
    for (const auto& [id, preview] : previews) out.push_back(preview);
    co_return out;
  }
  net::Task<Result<std::optional<Preview>>> find(std::string id) override {
    auto it = previews.find(id);
    co_return it == previews.end() ? std::nullopt : std::optional(it->second);
  }
  net::Task<Result<void>> remove(std::string id) override {
    previews.erase(id);
    co_return Result<void>();
  }

  std::map<std::string, Preview> previews;
};

}  // namespace brig::api::test
