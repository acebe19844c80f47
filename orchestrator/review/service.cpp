#include "review/service.hpp"

#include "core/text.hpp"
#include "review/rights.hpp"

namespace brig::review {
namespace {

constexpr std::size_t kPiece = 256 * 1024;

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

net::Task<Result<std::shared_ptr<Source>>> Service::open(session::Caller caller, std::string ref) {
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
  BRIG_CO_TRY(auto row, co_await rows_.get(view.id));
  Place place{row.layer, row.frozen, row.project};
  auto open = [this, place, identity = identity_of(caller)]() -> Result<std::shared_ptr<Source>> {
    BRIG_TRY(Source source, open_source(paths_, place, identity, forbidden_));
    return std::make_shared<Source>(std::move(source));
  };
  co_return co_await worker_.run(open);
}

net::Task<Result<Summary>> Service::changes(session::Caller caller, std::string ref,
                                            std::vector<std::string> paths, bool count_lines) {
  BRIG_CO_TRY(auto selection, Selection::parse(paths));
  BRIG_CO_TRY(auto source, co_await open(caller, ref));
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
  BRIG_CO_TRY(auto source, co_await open(caller, ref));
  auto look = [source, selection] { return changes_of(*source, selection); };
  BRIG_CO_TRY(auto changes, co_await worker_.run(look));
  std::shared_ptr<Patches> patches = std::make_shared<Generator>(source, std::move(changes.list), worker_);
  co_return patches;
}

}  // namespace brig::review
