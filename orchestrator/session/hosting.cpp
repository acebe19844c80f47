#include "session/hosting.hpp"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "core/log.hpp"
#include "core/random.hpp"
#include "core/text.hpp"
#include "policy/egress/rule.hpp"
#include "session/attachment.hpp"
#include "session/builders.hpp"
#include "session/records.hpp"

namespace brig::session {
namespace {

constexpr std::size_t kLastWords = 4096;
constexpr std::size_t kPiece = 64 * 1024;

}  // namespace

// Its sandbox, until what it left is taken over or nobody wants it.
class Manager::Made final : public Built {
 public:
  Made(std::unique_ptr<Builder> builder, LayerId layer)
      : builder_(std::move(builder)), layer_(std::move(layer)) {}
  const SessionId& session() const override { return builder_->id; }
  const LayerId& layer() const override { return layer_; }

 private:
  std::unique_ptr<Builder> builder_;
  LayerId layer_;
};

void keep_asked(std::vector<store::EgressRow>& rows, const policy::Egress& asked) {
  std::set<std::string> rules, presets;
  for (const auto& rule : asked.allow) rules.insert(egress::to_string(rule, egress::Verb::allow));
  for (auto preset : asked.presets) presets.insert("preset " + std::string(policy::to_string(preset)));
  std::erase_if(rows, [&](const store::EgressRow& row) {
    return row.verb != "deny" &&
           !(row.verb == "allow" && (rules.contains(row.rule) || presets.contains(row.from)));
  });
}

std::string Manager::kept_for(const store::SessionRow& row) {
  auto labels = labels_from_json(row.labels_json);
  if (!labels) return {};
  for (auto label : {kServiceLabel, kBuildLabel}) {
    if (auto it = labels->find(std::string(label)); it != labels->end()) return it->second;
  }
  return {};
}

net::Task<Result<Manager::Prepared>> Manager::prepare_hosted(Caller caller, HostSpec spec,
                                                             std::string_view label) {
  auto asked = spec.create.request.egress;
  BRIG_CO_TRY(auto prepared, co_await prepare(std::move(caller), std::move(spec.create)));
  keep_asked(prepared.egress, asked);
  prepared.row.labels_json = labels_to_json({{std::string(label), spec.purpose}});
  if (!spec.below.empty()) {
    prepared.row.frozen = {spec.below};
    prepared.row.base = spec.below;
  }
  if (!spec.cwd.empty()) prepared.process.cwd = spec.cwd;
  co_return prepared;
}

// What it said if it did not end well.
net::Task<Result<std::optional<std::string>>> Manager::run_builder(Caller caller, Prepared prepared,
                                                                   SessionId& builder,
                                                                   std::function<void()> began) {
  // What fails or is given up before its command runs is taken back by who launches it.
  BRIG_CO_TRY(auto begun, co_await launch(std::move(prepared)));
  builder = begun.id;
  if (began) began();
  if (auto live = find_live(builder)) {
    while (!live->ended) co_await live->changed.wait();
  }
  BRIG_CO_TRY(auto row, co_await parts_.sessions.get(builder));
  Outcome outcome{Outcome::Kind::lost, 0, 0, {}};
  if (row.outcome_json) {
    BRIG_CO_TRY(outcome, outcome_from_json(*row.outcome_json));
  }
  if (outcome.kind == Outcome::Kind::exited && outcome.code == 0) co_return std::optional<std::string>();
  auto said = co_await last_words(std::move(caller), builder);
  auto why = row.reason.empty() ? std::string() : " (" + row.reason + ")";
  co_return std::optional(why + ": " + (said.empty() ? "it said nothing" : said));
}

// Its command may end without having read it, which shows in how it ends.
net::Task<void> Manager::feed_builder(SessionId id, std::shared_ptr<const UniqueFd> input) {
  AttachSpec spec;
  spec.write = spec.take_over = true;
  spec.from = AttachSpec::From::end;
  auto attachment = co_await attend(id, spec);
  if (!attachment) {
    log::warn("a builder is not fed", {{"session", id.str()}, {"error", attachment.error()}});
    co_return;
  }
  auto first = (*attachment)->stdin_offset();
  for (std::uint64_t at = 0;;) {
    std::vector<std::byte> bytes(kPiece);
    auto got = ::pread(input->get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (got <= 0) {
      (void)co_await (*attachment)->close_stdin(first + at);
      co_return;
    }
    bytes.resize(static_cast<std::size_t>(got));
    auto written = co_await (*attachment)->write(first + at, std::move(bytes));
    if (!written) co_return;
    at += static_cast<std::uint64_t>(got);
  }
}

net::Task<Result<std::unique_ptr<Built>>> Manager::build(Caller caller, HostSpec spec,
                                                         std::function<void()> began) {
  auto builder = std::make_unique<Builder>(*this);
  auto purpose = spec.purpose;
  auto input = std::move(spec.input);
  spec.create.stdin_open = input != nullptr;
  BRIG_CO_TRY(auto prepared, co_await prepare_hosted(caller, std::move(spec), kBuildLabel));
  auto layer = prepared.row.layer;
  if (input) {
    began = [this, input, id = prepared.row.id, told = std::move(began)] {
      scope_.spawn(feed_builder(id, input));
      if (told) told();
    };
  }
  BRIG_CO_TRY(auto failed, co_await run_builder(caller, std::move(prepared), builder->id, std::move(began)));
  if (failed)
    co_return Error{Code::conflict, "the build of " + quoted(purpose, 200) + " failed" + *failed,
                    "session: build", false};
  co_return std::unique_ptr<Built>(std::make_unique<Made>(std::move(builder), std::move(layer)));
}

net::Task<Result<SessionId>> Manager::host(Caller caller, HostSpec spec) {
  BRIG_CO_TRY(auto prepared, co_await prepare_hosted(std::move(caller), std::move(spec), kServiceLabel));
  auto id = prepared.row.id;
  auto launch = std::make_shared<Launch>(executor_, std::move(prepared));
  BRIG_CO_CHECK(co_await await_launch(launch));
  co_return id;
}

net::Task<Result<void>> Manager::find_left_behind() {
  BRIG_CO_TRY(auto all, co_await hosted());
  for (auto& one : all) left_behind_.insert(std::move(one.id));
  co_return Result<void>();
}

net::Task<Result<std::vector<Hosted>>> Manager::hosted() {
  BRIG_CO_TRY(auto rows, co_await parts_.sessions.list());
  std::vector<Hosted> out;
  for (const auto& row : rows) {
    auto labels = labels_from_json(row.labels_json);
    if (!labels || launching_.contains(row.id)) continue;
    auto it = labels->find(std::string(kServiceLabel));
    if (it == labels->end()) continue;
    auto live = find_live(row.id);
    out.push_back({row.id, it->second, live && !live->ending});
  }
  co_return out;
}

net::Task<Result<std::unique_ptr<Attachment>>> Manager::attend(SessionId id, AttachSpec spec) {
  auto live = find_live(id);
  auto process = live ? live->sandbox->find(spec.process) : nullptr;
  if (!process)
    co_return Error{Code::unavailable, "its sandbox " + id.str() + " does not run", "session: attend", true};
  BRIG_CO_CHECK(co_await live->sandbox->link().wait_connected(Deadline::in(Millis(15'000))));
  co_return attach_to(process, live->sandbox, spec);
}

net::Task<Result<void>> Manager::dismiss(SessionId id, Millis grace) {
  bool was_there = left_behind_.erase(id) > 0;
  if (auto live = find_live(id)) {
    Outcome stopped{Outcome::Kind::stopped, 0, 0, "its service was stopped"};
    BRIG_CO_CHECK(co_await wind_down(live, grace, stopped));
  } else if (was_there) {
    auto concluded = co_await conclude(id);
    if (!concluded && concluded.error().code != Code::not_found) co_return concluded;
  }
  store::SessionChange change;
  change.phase = std::string(kRemoving);
  auto marked = co_await parts_.sessions.update(id, change);
  if (!marked && marked.error().code == Code::not_found) co_return Result<void>();
  BRIG_CO_CHECK(marked);
  co_return co_await forget(id);
}

// What its command printed last, in one line.
net::Task<std::string> Manager::last_words(Caller caller, SessionId id) {
  AttachSpec spec;
  spec.follow = false;
  auto attachment = co_await attach(std::move(caller), id.str(), spec);
  std::string text;
  while (attachment) {
    auto event = co_await (*attachment)->next();
    if (!event || !*event) break;
    if (const auto* output = std::get_if<Output>(&**event)) {
      text.append(reinterpret_cast<const char*>(output->bytes.data()), output->bytes.size());
      if (text.size() > kLastWords) text.erase(0, text.size() - kLastWords);
    }
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::string line;
  for (auto part : split(text, '\n')) line += (line.empty() ? "" : "; ") + std::string(part);
  co_return printable(line, kLastWords);
}

}  // namespace brig::session
