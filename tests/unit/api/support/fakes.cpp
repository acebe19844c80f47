#include "support/fakes.hpp"

#include "core/text.hpp"

namespace brig::api::test {

net::Task<Result<review::Summary>> FakeReviews::changes(session::Caller, std::string ref,
                                                        std::vector<std::string> asked, bool) {
  paths = std::move(asked);
  if (failure) co_return *failure;
  if (ref != "fix") co_return Error{Code::not_found, "there is no such session", "fake", false};
  co_return summary;
}

net::Task<Result<std::shared_ptr<review::Patches>>> FakeReviews::patch(session::Caller, std::string ref,
                                                                       std::vector<std::string> asked) {
  struct Pieces final : review::Patches {
    std::vector<Result<std::optional<std::string>>> left;
    net::Task<Result<std::optional<std::string>>> next() override {
      if (left.empty()) co_return std::optional<std::string>();
      auto piece = std::move(left.front());
      left.erase(left.begin());
      co_return piece;
    }
  };
  paths = std::move(asked);
  if (failure) co_return *failure;
  if (ref != "fix") co_return Error{Code::not_found, "there is no such session", "fake", false};
  auto made = std::make_shared<Pieces>();
  made->left = pieces;
  std::shared_ptr<review::Patches> out = std::move(made);
  co_return out;
}

net::Task<Result<review::Report>> FakeReviews::apply(session::Caller, std::string, review::ApplySpec spec) {
  applied = std::move(spec);
  if (failure) co_return *failure;
  co_return report;
}

net::Task<Result<review::Report>> FakeReviews::undo(session::Caller, std::string,
                                                    std::vector<std::string> skip) {
  applied.skip = std::move(skip);
  if (failure) co_return *failure;
  co_return report;
}

std::vector<image::Provider> FakeImages::providers() const {
  image::Provider out;
  out.id = ProviderId("shell");
  out.title = "A shell";
  out.image = "brig/shell:1";
  out.binary = "sh";
  out.default_args = {"-l"};
  out.default_args_reason = "a login shell";
  out.env = {{"LANG", "C.UTF-8"}};
  out.profile = "default";
  out.profile_env = "X_DIR";
  out.config = {{"/home/agent/.x", false, false, "", image::Sharing::overlay, {"auth.json"}}};
  out.egress_hosts = {"api.example.com"};
  out.one_shot = image::OneShot{{"--print"}, true};
  return {out};
}

Result<image::Provider> FakeImages::provider(const std::string& id) const {
  if (id == "shell") return providers()[0];
  return Error{Code::not_found, "there is no provider " + brig::quoted(id), "fake", false};
}

net::Task<Result<std::vector<image::ImageInfo>>> FakeImages::list() {
  image::ImageInfo built;
  built.provider = ProviderId("shell");
  built.tag = "brig/shell:1";
  built.built = true;
  built.id = ImageId("sha256:abc");
  built.size = 2'000'000;
  built.created = WallTime{Millis{1'700'000'000'000}};
  image::ImageInfo missing;
  missing.provider = ProviderId("node");
  missing.tag = "brig/node:1";
  co_return std::vector{built, missing};
}

net::Task<Result<image::ImageInfo>> FakeImages::build(std::string, bool, image::ProgressSink progress) {
  struct Watch {
    bool& flag;
    bool done = false;
    ~Watch() { flag = !done; }
  } watch{cancelled};
  for (int i = 0; i < progress_lines; ++i) {
    progress({"Step " + std::to_string(i), i == 0 ? "" : "some \x01 output", i / 10.0});
    co_await net::sleep_for(Millis{0});
  }
  if (hang) co_await net::sleep_for(std::chrono::hours(1));
  auto all = co_await list();
  watch.done = true;
  if (build_failure) co_return *build_failure;
  co_return (*all)[0];
}

net::Task<Result<void>> FakeImages::remove(std::string provider) {
  auto found = this->provider(provider);
  if (!found) co_return found.error();
  co_return Result<void>();
}

net::Task<Result<std::vector<image::Outdated>>> FakeImages::outdated() {
  co_return std::vector{image::Outdated{"left-pad", "1.0.0", "1.3.0"}};
}

net::Task<Result<image::Ready>> FakeImages::ready(std::string, std::string) {
  co_return Error{Code::not_found, "not built", "fake", false};
}

net::Task<Result<image::Provider>> FakeProviders::put(std::string id, nlohmann::json declaration,
                                                      std::string) {
  declared = declaration.dump();
  auto out = FakeImages().providers()[0];
  out.id = ProviderId(id);
  co_return out;
}
net::Task<Result<void>> FakeProviders::remove(std::string id) {
  if (id == "shell") co_return Error{Code::conflict, "it is a folder", "test", false};
  co_return Result<void>();
}

net::Task<Result<std::vector<provider::Identity>>> FakeIdentities::list(std::string of, std::string) {
  owner = of;
  co_return identities;
}
net::Task<Result<provider::Identity>> FakeIdentities::create(std::string of, std::string,
                                                             provider::IdentitySpec spec) {
  owner = of;
  provider::Identity made{"aabbccdd", spec.label, spec.config_dir, spec.set_default, {}};
  identities.push_back(made);
  co_return made;
}
net::Task<Result<provider::Identity>> FakeIdentities::update(std::string of, std::string, std::string,
                                                             provider::IdentityChange change) {
  owner = of;
  changed = std::move(change);
  co_return identities[0];
}
net::Task<Result<void>> FakeIdentities::remove(std::string of, std::string, std::string id) {
  owner = of;
  if (id == identities[0].id) co_return Error{Code::conflict, "it is the last one", "test", false};
  co_return Result<void>();
}
net::Task<Result<provider::Probe>> FakeIdentities::probe(std::string of, std::string, std::string) {
  owner = of;
  co_return provider::Probe{true, true, "a@example.com"};
}

net::Task<Result<std::vector<session::VolumeView>>> FakeVolumes::list(session::Caller,
                                                                      session::VolumeFilter f,
                                                                      session::VolumeOrder o) {
  filter = std::move(f);
  order = o;
  co_return volumes;
}

net::Task<Result<std::vector<session::ForeignVolume>>> FakeVolumes::foreign(session::Caller) {
  co_return std::vector<session::ForeignVolume>{{"theirs", "local", WallTime{Millis{1}}, {"web"}}};
}

net::Task<Result<session::VolumeView>> FakeVolumes::pin(session::Caller, std::string ref, bool pinned) {
  for (auto& volume : volumes) {
    if (volume.name != ref) continue;
    volume.pinned = pinned;
    co_return volume;
  }
  co_return Error{Code::not_found, "there is no volume " + quoted(ref), "test", false};
}

net::Task<Result<session::VolumeView>> FakeVolumes::get(session::Caller, std::string ref) {
  for (const auto& volume : volumes)
    if (volume.name == ref) co_return volume;
  co_return Error{Code::not_found, "there is no volume " + quoted(ref), "test", false};
}

net::Task<Result<session::VolumeView>> FakeVolumes::restore(session::Caller caller, std::string ref) {
  restored = ref;
  co_return co_await get(std::move(caller), std::move(ref));
}

net::Task<Result<session::VolumeView>> FakeVolumes::create(session::Caller caller, session::VolumeSpec spec) {
  session::VolumeView view;
  view.name = spec.name;
  view.engine = "brig-shared-0011aabb-" + spec.name;
  view.owner = caller.owner;
  view.mesh = spec.mesh;
  view.size = spec.size.value_or(1 << 30);
  view.held = 4096;
  view.used = WallTime{Millis{1'800'000'000'000}};
  view.used_by = "00000000000000aa";
  view.sessions = {"fix"};
  view.allocated = 8192;
  view.uses = {{"00000000000000aa", "fix", WallTime{Millis{1'800'000'000'000}}}};
  asked = std::move(spec);
  volumes.push_back(view);
  co_return view;
}

namespace {

struct Leaving final : session::Outgoing {
  explicit Leaving(std::string t) : text(std::move(t)) {}
  net::Task<Result<std::vector<std::byte>>> read() override {
    auto now = std::exchange(text, {});
    const auto* at = reinterpret_cast<const std::byte*>(now.data());
    co_return std::vector<std::byte>(at, at + now.size());
  }
  std::string text;
};

struct Coming final : session::Incoming {
  Coming(FakeVolumes& v, session::Caller c, session::ImportSpec s)
      : volumes(v), caller(std::move(c)), spec(std::move(s)) {}
  net::Task<Result<void>> write(std::span<const std::byte> bytes) override {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    co_return Result<void>();
  }
  net::Task<Result<session::VolumeView>> finish() override {
    volumes.archive = text;
    if (text == "damaged") co_return Error{Code::corrupt, "the archive is damaged at byte 7", "test", false};
    session::VolumeSpec made{spec.name.empty() ? "as it was" : spec.name, {}, spec.mesh};
    co_return co_await volumes.create(caller, std::move(made));
  }
  FakeVolumes& volumes;
  session::Caller caller;
  session::ImportSpec spec;
  std::string text;
};

}  // namespace

net::Task<Result<std::unique_ptr<session::Outgoing>>> FakeVolumes::carry_out(session::Caller caller,
                                                                             std::string ref) {
  BRIG_CO_TRY(auto there, co_await get(std::move(caller), std::move(ref)));
  co_return std::make_unique<Leaving>(archive);
}

net::Task<Result<std::unique_ptr<session::Incoming>>> FakeVolumes::take_in(session::Caller caller,
                                                                           session::ImportSpec spec) {
  co_return std::make_unique<Coming>(*this, std::move(caller), std::move(spec));
}

net::Task<Result<session::VolumeView>> FakeVolumes::clone(session::Caller caller, std::string ref,
                                                          session::ImportSpec spec) {
  cloned = ref;
  session::VolumeSpec made{spec.name, {}, spec.mesh};
  co_return co_await create(std::move(caller), std::move(made));
}

net::Task<Result<void>> FakeVolumes::remove(session::Caller, std::string ref, Removal how) {
  removed = ref;
  removed_how = how;
  co_return Result<void>();
}

net::Task<Result<prune::Plan>> FakePrunes::plan(session::Caller, prune::Rules asked) {
  rules = asked;
  prune::Evidence seen;
  seen.at = WallTime{Millis{1'800'000'000'000}};
  for (const char* name : {"old", "new"}) {
    session::VolumeView volume;
    volume.name = volume.engine = name;
    volume.owner = "uid:0";
    volume.allocated = 4096;
    volume.created = seen.at - prune::kUnusedFor;
    volume.pinned = volume.name == "new";
    seen.volumes.push_back(volume);
  }
  co_return prune::make_plan(std::move(asked), seen);
}
net::Task<Result<prune::Verdict>> FakePrunes::verdict(session::Caller, std::string) {
  co_return prune::Verdict{{}, false, {"it is pinned"}};
}
net::Task<Result<void>> FakePrunes::check(session::Caller, prune::Order) {
  co_return refuse;
}
net::Task<Result<prune::Report>> FakePrunes::execute(session::Caller, prune::Order asked,
                                                     prune::Listener listener) {
  order = std::move(asked);
  prune::Report report;
  for (const auto& one : order.agreed) {
    prune::Step step{one.volume, one.volume == "old", one.volume == "old" ? "" : "it is in use", 4096};
    listener.progress(one.volume, 0.5);
    listener.step(step);
    report.steps.push_back(step);
  }
  report.bytes = 4096;
  co_return report;
}

net::Task<std::vector<doctor::Finding>> FakeDoctor::examine() {
  using Grade = doctor::Finding::Grade;
  co_return std::vector<doctor::Finding>{{"engine", Grade::good, "Docker 20.10", ""},
                                         {"runtime.runsc", Grade::warning, "not there", "install runsc"}};
}

FakePolicies::FakePolicies() {
  default_.name = "default";
  default_.description = "What suits most";
  default_.built_in = true;
  strict_.name = "strict";
  strict_.runtime = policy::Runtime::runsc;
  strict_.limits.memory = 1 << 30;
  strict_.limits.milli_cpus = 1500;
  strict_.grants.push_back(policy::GrantMount{"/srv/data", "/data", false});
}

std::vector<const policy::Profile*> FakePolicies::profiles() const {
  return {&default_, &strict_};
}

Result<policy::Explanation> FakePolicies::explain(const std::string& profile,
                                                  const policy::Request& request) const {
  if (!profile.empty() && profile != "default" && profile != "strict")
    return Error{Code::not_found, "there is no profile " + brig::quoted(profile), "fake", false};
  return policy::explain(policy::Ceiling{}, profile == "strict" ? strict_ : default_, request);
}

net::Task<Result<void>> MemoryTokens::create(Token token) {
  tokens[token.id] = token;
  co_return Result<void>();
}

net::Task<Result<std::vector<Token>>> MemoryTokens::list() {
  std::vector<Token> out;
  for (const auto& [id, token] : tokens) out.push_back(token);
  co_return out;
}

net::Task<Result<std::optional<Token>>> MemoryTokens::find(TokenHash hash) {
  for (const auto& [id, token] : tokens)
    if (token.hash == hash) co_return std::optional<Token>(token);
  co_return std::optional<Token>();
}

net::Task<Result<void>> MemoryTokens::revoke(std::string id, WallTime now) {
  auto it = tokens.find(id);
  if (it == tokens.end())
    co_return Error{Code::not_found, "there is no token " + brig::quoted(id), "fake", false};
  if (!it->second.revoked) it->second.revoked = now;
  co_return Result<void>();
}

net::Task<Result<void>> MemoryTokens::touch(std::string id, WallTime now) {
  tokens[id].last_used = now;
  co_return Result<void>();
}

}  // namespace brig::api::test
