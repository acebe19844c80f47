// Stand-ins for what the API serves: they remember what they were asked and answer what they were told.
//
// Threads: the loop's, as the real ones; a test sets them up before the server starts or through
// TestServer::on_loop.
#pragma once

#include <deque>
#include <map>
#include <set>

#include "api/services.hpp"
#include "net/event.hpp"

namespace brig::api::test {

// What a fake process prints and is told.
struct Script {
  explicit Script(const boost::asio::any_io_executor& executor) : changed(executor) {}

  struct Step {
    enum class Kind { output, gap, ack, pen, refused, end, error, finished } kind = Kind::output;
    std::string bytes;
    session::Output::Stream stream = session::Output::Stream::out;
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    session::Outcome outcome;
    Error error;
  };

  net::Event changed;
  std::deque<Step> steps;
  std::uint64_t offset = 0;  // of the next output
  std::uint64_t stdin_offset = 0;
  bool terminal = false;
  std::uint64_t flood = 0;  // this many bytes first, in pieces of 256 KiB

  bool pen_taken = false;  // another has it
  int take_overs = 0;
  int refusals = 0;
  int goodbyes = 0;

  std::string input;
  bool take_input = true;  // false: write() waits
  Result<void> input_result;
  std::optional<std::uint64_t> eof;
  std::vector<session::TerminalSize> sizes;
  std::vector<int> signals;
  session::AttachSpec spec;
  std::uint64_t pulled = 0;  // output bytes handed out
  int attached = 0;          // now

  void print(std::string bytes, session::Output::Stream stream = session::Output::Stream::out);
  void end(session::Outcome outcome);
  void push(Step step);
};

class FakeSessions final : public session::Sessions {
 public:
  net::Task<Result<session::View>> create(session::Caller caller, session::CreateSpec spec) override;
  net::Task<Result<std::vector<session::View>>> list(session::Caller caller,
                                                     session::ListFilter filter) override;
  net::Task<Result<session::View>> get(session::Caller caller, std::string ref) override;
  net::Task<Result<session::View>> stop(session::Caller caller, std::string ref, Millis grace) override;
  net::Task<Result<session::View>> pause(session::Caller caller, std::string ref) override;
  net::Task<Result<session::View>> resume(session::Caller caller, std::string ref) override;
  Millis start_wait(const session::Caller&) const override { return Millis{1500}; }
  net::Task<Result<void>> remove(session::Caller caller, std::string ref, bool force) override;
  net::Task<Result<session::ProcessView>> exec(session::Caller caller, std::string ref,
                                               session::ProcessSpec spec) override;
  net::Task<Result<std::unique_ptr<session::Attachment>>> attach(session::Caller caller, std::string ref,
                                                                 session::AttachSpec spec) override;
  net::Task<Result<void>> signal(session::Caller caller, std::string ref, std::uint32_t process,
                                 int number) override;

  std::map<std::string, session::View> views;
  std::map<std::uint32_t, std::shared_ptr<Script>> scripts;  // by process
  std::optional<session::Caller> caller;                     // of the last call
  std::optional<session::CreateSpec> created;
  std::optional<session::ProcessSpec> executed;
  session::ListFilter filter;
  Millis grace{};
  int signalled = 0;
  std::optional<Error> failure;  // what every call answers, if set
  Millis delay{};                // before create() answers
};

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

class FakeWorkspaces final : public session::Workspaces {
 public:
  explicit FakeWorkspaces(FakeSessions& sessions) : sessions_(sessions) {}
  net::Task<Result<session::CheckpointView>> checkpoint(session::Caller caller, std::string ref,
                                                        std::string name) override;
  net::Task<Result<std::vector<session::CheckpointView>>> checkpoints(session::Caller caller,
                                                                      std::string ref) override;
  net::Task<Result<void>> remove_checkpoint(session::Caller caller, std::string ref,
                                            std::string name) override;
  net::Task<Result<session::View>> restore(session::Caller caller, std::string ref,
                                           session::RestoreSpec spec) override;
  net::Task<Result<session::View>> fork(session::Caller caller, std::string ref,
                                        session::ForkSpec spec) override;
  net::Task<Result<session::View>> discard(session::Caller caller, std::string ref) override;

  std::vector<session::CheckpointView> kept;
  std::optional<session::RestoreSpec> restored;
  std::optional<session::ForkSpec> forked;
  bool discarded = false;

 private:
  FakeSessions& sessions_;
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
  net::Task<Result<std::vector<session::VolumeView>>> list(session::Caller caller) override;
  net::Task<Result<session::VolumeView>> get(session::Caller caller, std::string ref) override;
  net::Task<Result<session::VolumeView>> create(session::Caller caller, session::VolumeSpec spec) override;
  net::Task<Result<void>> remove(session::Caller caller, std::string ref) override;

  std::vector<session::VolumeView> volumes;
  std::optional<session::VolumeSpec> asked;
  std::string removed;
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

session::View a_view(std::string id, std::string name);

}  // namespace brig::api::test
