#include "review/service.hpp"

#include <filesystem>

#include "core/log.hpp"
#include "core/text.hpp"
#include "review/rights.hpp"
#include "workspace/mounter.hpp"

namespace brig::review {
namespace {

constexpr std::size_t kPiece = 256 * 1024;
constexpr Millis kSweepEvery{30'000};

std::optional<workspace::Identity> identity_of(const session::Caller& caller) {
  if (!caller.uid) return std::nullopt;
  return workspace::identity_of(*caller.uid, caller.gid.value_or(static_cast<gid_t>(-1)));
}

Result<Changes> changes_of(const Source& source, const Selection& selection) {
  return with_rights(source.owner, [&]() -> Result<Changes> {
    BRIG_TRY(Changes changes, find_changes(source.trees, selection));
    BRIG_CHECK(find_renames(source.trees, changes.list));
    return changes;
  });
}

std::vector<std::filesystem::path> journals_in(const std::filesystem::path& reviews) {
  std::vector<std::filesystem::path> out;
  std::error_code ec;
  for (std::filesystem::directory_iterator it(reviews, ec), end; !ec && it != end; it.increment(ec))
    out.push_back(it->path());
  return out;
}

struct Undoing {
  std::shared_ptr<Prepared> prepared;
  workspace::Identity owner;
};

class Generator final : public Patches {
 public:
  Generator(std::shared_ptr<Source> source, std::vector<Change> changes, net::Worker& worker)
      : source_(std::move(source)), changes_(std::move(changes)), worker_(worker) {}

  net::Task<Result<std::optional<std::string>>> next() override {
    auto piece = [this] { return with_rights(source_->owner, [this] { return some(); }); };
    co_return co_await worker_.run(piece);
  }

 private:
  Result<std::optional<std::string>> some() {
    std::optional<std::string> text;
    while (at_ < changes_.size() && (!text || text->size() < kPiece)) {
      BRIG_TRY(FilePatch patch, patch_of(source_->trees, changes_[at_++]));
      text = text.value_or("") + patch.text;
    }
    return text;
  }

  std::shared_ptr<Source> source_;
  std::vector<Change> changes_;
  std::size_t at_ = 0;
  net::Worker& worker_;
};

}  // namespace

net::Task<Result<session::View>> Service::find(session::Caller caller, std::string ref) {
  BRIG_CO_TRY(auto view, co_await sessions_.get(caller, ref));
  if (caller.role != session::Caller::Role::admin && view.owner != caller.owner) {
    co_return Error{Code::not_found,
                    "there is no session " + brig::quoted(ref) + " of yours; `brig ps -a` lists them",
                    "review", false};
  }
  if (view.state == session::State::preparing || view.state == session::State::starting) {
    co_return Error{Code::conflict,
                    "session " + brig::quoted(view.name) + " is only being started; try again", "review",
                    true};
  }
  co_return view;
}

net::Task<Result<std::shared_ptr<Source>>> Service::open(session::Caller caller, session::View view) {
  BRIG_CO_TRY(auto row, co_await rows_.get(view.id));
  Place place{row.layer, row.frozen, row.project, row.base};
  auto open = [this, place, identity = identity_of(caller)]() -> Result<std::shared_ptr<Source>> {
    BRIG_TRY(Source source, open_source(paths_, place, identity, forbidden_));
    return std::make_shared<Source>(std::move(source));
  };
  co_return co_await worker_.run(open);
}

net::Task<Result<Summary>> Service::changes(session::Caller caller, std::string ref,
                                            std::vector<std::string> paths, bool count_lines) {
  BRIG_CO_TRY(auto selection, Selection::parse(paths));
  BRIG_CO_TRY(auto view, co_await find(caller, ref));
  BRIG_CO_TRY(auto source, co_await open(caller, view));
  auto look = [source, selection, count_lines]() -> Result<Summary> {
    Summary summary;
    BRIG_TRY(summary.changes, changes_of(*source, selection));
    if (!count_lines) return summary;
    return with_rights(source->owner, [&]() -> Result<Summary> {
      for (const auto& change : summary.changes.list) {
        BRIG_TRY(FilePatch patch, patch_of(source->trees, change));
        summary.lines.push_back(patch.lines);
      }
      return std::move(summary);
    });
  };
  co_return co_await worker_.run(look);
}

net::Task<Result<std::shared_ptr<Patches>>> Service::patch(session::Caller caller, std::string ref,
                                                           std::vector<std::string> paths) {
  BRIG_CO_TRY(auto selection, Selection::parse(paths));
  BRIG_CO_TRY(auto view, co_await find(caller, ref));
  BRIG_CO_TRY(auto source, co_await open(caller, view));
  auto look = [source, selection] { return changes_of(*source, selection); };
  BRIG_CO_TRY(auto changes, co_await worker_.run(look));
  std::shared_ptr<Patches> patches = std::make_shared<Generator>(source, std::move(changes.list), worker_);
  co_return patches;
}

// One apply or undo of a session at a time, and no sweeping under it.
class Service::Busy {
 public:
  Busy(std::set<SessionId>& busy, SessionId id)
      : busy_(busy), id_(std::move(id)), first_(busy_.insert(id_).second) {}
  ~Busy() {
    if (first_) busy_.erase(id_);
  }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  Result<void> check() const {
    if (first_) return {};
    return Error{Code::conflict,
                 "Changes of this session are being applied right now: wait until that is done", "review",
                 true};
  }

 private:
  std::set<SessionId>& busy_;
  SessionId id_;
  bool first_;
};

net::Task<Result<Report>> Service::apply(session::Caller caller, std::string ref, ApplySpec spec) {
  ApplyRequest request;
  BRIG_CO_TRY(request.paths, Selection::parse(spec.paths));
  BRIG_CO_TRY(request.overwrite, Named::parse(spec.overwrite));
  BRIG_CO_TRY(request.allow, Named::parse(spec.allow));
  BRIG_CO_TRY(request.skip, Named::parse(spec.skip));
  request.digest = spec.digest;
  BRIG_CO_TRY(auto view, co_await find(caller, ref));
  Busy busy(busy_, view.id);
  BRIG_CO_CHECK(busy.check());
  Journal journal(paths_.review(view.id));
  auto finish = [journal] { return review::recover(journal); };
  BRIG_CO_CHECK(co_await worker_.run(finish));
  BRIG_CO_TRY(auto source, co_await open(caller, view));
  auto prepare = [source, request, journal]() -> Result<std::shared_ptr<Prepared>> {
    return with_rights(source->owner, [&]() -> Result<std::shared_ptr<Prepared>> {
      BRIG_TRY(Prepared prepared, prepare_apply(*source, journal, request));
      return std::make_shared<Prepared>(std::move(prepared));
    });
  };
  BRIG_CO_TRY(auto prepared, co_await worker_.run(prepare));
  co_return co_await carry_out(std::move(view), std::move(prepared), source->owner);
}

// Whatever takes from the project by another name is given it first.
net::Task<Result<Report>> Service::carry_out(session::View view, std::shared_ptr<Prepared> prepared,
                                             workspace::Identity owner) {
  auto changing = prepared->changing();
  auto project = view.project.value_or("");
  auto held = co_await settler_.settle(view.owner, project, changing);
  auto work = [prepared = std::move(prepared), owner, settled = held.ok()]() mutable -> Result<Report> {
    auto going = std::move(prepared);  // what is staged and not carried out is dropped on this thread
    if (!settled) return Report();
    return with_rights(owner, [&] { return going->carry_out(); });
  };
  auto report = co_await worker_.run(std::move(work));
  if (!held) co_return held.error();
  if (!changing.empty()) co_await settler_.look_again(project);
  co_return report;
}

net::Task<Result<Report>> Service::undo(session::Caller caller, std::string ref,
                                        std::vector<std::string> skip) {
  BRIG_CO_TRY(auto named, Named::parse(skip));
  BRIG_CO_TRY(auto view, co_await find(caller, ref));
  if (!view.project) {
    co_return Error{Code::conflict, "The session has no project, so that nothing was applied", "review",
                    false};
  }
  Busy busy(busy_, view.id);
  BRIG_CO_CHECK(busy.check());
  auto work = [this, named, path = *view.project, identity = identity_of(caller),
               journal = Journal(paths_.review(view.id))]() -> Result<Undoing> {
    BRIG_CHECK(review::recover(journal));
    BRIG_TRY(auto project, workspace::open_project(path, identity, forbidden_));
    auto owner = workspace::identity_of(project.uid, project.gid);
    return with_rights(owner, [&]() -> Result<Undoing> {
      BRIG_TRY(Prepared prepared, prepare_undo(project, journal, named));
      return Undoing{std::make_shared<Prepared>(std::move(prepared)), owner};
    });
  };
  BRIG_CO_TRY(auto undoing, co_await worker_.run(work));
  co_return co_await carry_out(std::move(view), std::move(undoing.prepared), std::move(undoing.owner));
}

void Service::recover() {
  for (const auto& path : journals_in(paths_.reviews())) {
    auto recovered = review::recover(Journal(path));
    if (!recovered)
      log::warn("an apply that was interrupted could not be finished",
                {{"session", path.filename().native()}, {"error", recovered.error()}});
  }
}

net::Task<Result<void>> Service::sweep() {
  // What is there is listed before the sessions are: a journal that appears later is not looked at.
  auto list = [reviews = paths_.reviews()]() -> Result<std::vector<std::filesystem::path>> {
    return journals_in(reviews);
  };
  BRIG_CO_TRY(auto journals, co_await worker_.run(list));
  BRIG_CO_TRY(auto rows, co_await rows_.list());
  std::set<std::string> keep;
  for (const auto& row : rows) keep.insert(row.id.str());
  for (const auto& id : busy_) keep.insert(id.str());
  std::erase_if(journals, [&keep](const auto& path) { return keep.contains(path.filename().native()); });
  auto drop = [journals]() -> Result<void> {
    for (const auto& path : journals) {
      BRIG_CHECK(review::recover(Journal(path)));
      BRIG_CHECK(workspace::destroy(path));
    }
    return {};
  };
  co_return co_await worker_.run(drop);
}

net::Task<void> Service::run() {
  while (true) {
    auto swept = co_await sweep();
    if (!swept) log::warn("old journals of applies stay", {{"error", swept.error()}});
    co_await net::sleep_for(kSweepEvery);
  }
}

}  // namespace brig::review
