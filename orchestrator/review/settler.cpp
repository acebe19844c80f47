#include "review/settler.hpp"

#include <fcntl.h>

#include <filesystem>

#include "core/disk_use.hpp"
#include "core/log.hpp"
#include "core/random.hpp"
#include "core/text.hpp"
#include "workspace/overlay.hpp"

namespace brig::review {
namespace {

// As session/checkpoints.cpp: each costs a mount and a loop device wherever the stack is used.
constexpr std::size_t kMostLayers = 32;

// One that was never made, or whose project is another directory by now, takes nothing from this one.
bool has_nothing(const Error& error) {
  return error.code == Code::not_found || error.code == Code::conflict;
}

}  // namespace

Result<void> Settler::settle_stack(const Stack& stack, Place place,
                                   const std::vector<std::string>& changing) {
  auto source = open_source(paths_, place, std::nullopt, {});
  if (!source && has_nothing(source.error())) return {};
  if (!source) return source.error();
  BRIG_TRY(auto renamed, find_renamed(source->trees.workspace, changing));
  return review::settle(paths_, parts_.mounter, stack, *source, renamed);
}

net::Task<Result<std::vector<session::Hold>>> Settler::settle(std::string owner, std::string project,
                                                              std::vector<std::string> changing) {
  std::vector<session::Hold> holds;
  if (changing.empty()) co_return holds;
  BRIG_CO_TRY(auto rows, co_await parts_.sessions.list());
  std::erase_if(rows, [&](const auto& row) { return row.owner != owner || row.project != project; });
  for (const auto& row : rows) {
    BRIG_CO_TRY(auto hold, parts_.hold(row, "over a project that changes are being applied to"));
    holds.push_back(std::move(hold));
  }
  for (const auto& listed : rows) {
    auto row = co_await parts_.sessions.get(listed.id);
    if (!row && row.error().code == Code::not_found) continue;
    BRIG_CO_CHECK(row);
    Stack stack{"the session " + quoted(row->name), row->layer, row->frozen, paths_.session(row->id), true};
    Place place{row->layer, row->frozen, row->project, row->base};
    auto work = [this, stack, place, changing] { return settle_stack(stack, place, changing); };
    BRIG_CO_CHECK(co_await worker_.run(work));
    BRIG_CO_TRY(auto checkpoints, co_await parts_.checkpoints.list(row->id));
    for (auto& checkpoint : checkpoints) {
      if (!checkpoint.made || checkpoint.layers.empty()) continue;
      BRIG_CO_CHECK(co_await settle_checkpoint(*row, std::move(checkpoint), changing));
    }
  }
  co_return holds;
}

net::Task<Result<void>> Settler::settle_checkpoint(store::SessionRow session, store::CheckpointRow checkpoint,
                                                   std::vector<std::string> changing) {
  Place place{{}, checkpoint.layers, session.project, session.base};
  auto look = [this, place, changing]() -> Result<bool> {
    auto source = open_source(paths_, place, std::nullopt, {});
    if (!source && has_nothing(source.error())) return false;
    if (!source) return source.error();
    BRIG_TRY(auto renamed, find_renamed(source->trees.workspace, changing));
    return !renamed.taking.empty();
  };
  BRIG_CO_TRY(bool needed, co_await worker_.run(look));
  if (!needed) co_return Result<void>();
  auto called = "the checkpoint " + quoted(checkpoint.name) + " of the session " + quoted(session.name);
  if (checkpoint.layers.size() >= kMostLayers) {
    co_return Error{Code::exhausted,
                    called + " stands on " + std::to_string(kMostLayers) +
                        " layers already, and takes files from a directory that this changes: remove it "
                        "with `brig checkpoint --delete`",
                    "review: settle", false};
  }
  // Referred to before it is made, under a name that nobody else gives while the session is held.
  LayerId fresh(random_hex(8));
  store::CheckpointRow making{session.id, "", {fresh}, false, checkpoint.created, 0};
  BRIG_CO_CHECK(co_await parts_.checkpoints.remove(session.id, ""));
  BRIG_CO_CHECK(co_await parts_.checkpoints.insert(making));
  Stack stack{called, fresh, checkpoint.layers, paths_.session(session.id), false};
  place.own = fresh;
  auto work = [this, stack, place, changing]() -> Result<std::uint64_t> {
    auto from = place;
    from.own = {};
    BRIG_CHECK(settle_stack(stack, from, changing));
    return bytes_on_disk(paths_.layer(place.own));
  };
  auto bytes = co_await worker_.run(work);
  auto done = bytes ? Result<void>() : Result<void>(bytes.error());
  if (bytes) done = co_await parts_.checkpoints.put_on_top(session.id, checkpoint.name, fresh, *bytes);
  // What was begun of its layer is dropped by reconciling.
  if (!done) (void)co_await parts_.checkpoints.remove(session.id, "");
  co_return done;
}

net::Task<void> Settler::look_again(std::string project) {
  auto rows = co_await parts_.sessions.list();
  if (!rows) {
    log::warn("sessions may show a project as it was", {{"project", project}, {"error", rows.error()}});
    co_return;
  }
  std::vector<std::filesystem::path> workspaces;
  for (const auto& row : *rows) {
    std::error_code ec;
    bool layered = row.project == project && std::filesystem::exists(paths_.layer(row.layer), ec);
    if (layered) workspaces.push_back(paths_.workspace(row.id));
  }
  auto look = [workspaces] {
    for (const auto& path : workspaces) {
      auto looked = workspace::look_again(path);
      if (!looked)
        log::warn("a session may show its project as it was",
                  {{"workspace", path.native()}, {"error", looked.error()}});
    }
  };
  co_await worker_.run(look);
}

}  // namespace brig::review
