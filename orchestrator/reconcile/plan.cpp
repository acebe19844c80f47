#include "reconcile/plan.hpp"

#include <map>
#include <optional>

namespace brig::reconcile {
namespace {

std::optional<Action> action_for(const Recorded& session, const Container* container, bool remains) {
  switch (session.phase) {
    case Phase::preparing:
    case Phase::starting:
      // A live one is being created at this moment, by this process.
      if (session.live) return std::nullopt;
      if (session.again) return Conclude{session.id, container ? container->id : ""};
      return Undo{session.id};
    case Phase::running:
    case Phase::paused:
      if (container && container->running) {
        if (!session.live) return Adopt{session.id, container->id};
        if (container->paused != (session.phase == Phase::paused)) return Settle{session.id};
        return std::nullopt;
      }
      if (session.kept && !session.live && container && container->ended) return std::nullopt;
      return Conclude{session.id, container ? container->id : ""};
    case Phase::ending:
      if (session.live) return std::nullopt;
      return Conclude{session.id, container ? container->id : ""};
    case Phase::ended:
      if (session.to_remove && !session.live) return Forget{session.id};
      if (container || remains) return Sweep{session.id};
      return std::nullopt;
    case Phase::removing:
      if (session.live) return std::nullopt;
      return Forget{session.id};
    case Phase::gone:
      if (container) return DropContainer{session.id, container->name};
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::vector<Action> plan(const std::vector<Recorded>& recorded, const Observed& observed) {
  std::vector<Action> actions;
  std::map<SessionId, const Recorded*> known;
  for (const auto& session : recorded) known.emplace(session.id, &session);

  std::map<SessionId, const Container*> containers;
  for (const auto& container : observed.containers) {
    auto it = known.find(container.session);
    bool ours = it != known.end() && it->second->container == container.name;
    if (ours) {
      containers.emplace(container.session, &container);
    } else {
      actions.emplace_back(ReportStranger{container.id});
    }
  }

  for (const auto& session : recorded) {
    auto it = containers.find(session.id);
    auto action = action_for(session, it == containers.end() ? nullptr : it->second,
                             observed.mounted.contains(session.id));
    if (action) actions.push_back(std::move(*action));
  }

  std::set<SessionId> remains = observed.directories;
  remains.insert(observed.mounted.begin(), observed.mounted.end());
  for (const auto& id : remains) {
    auto it = known.find(id);
    if (it == known.end() || it->second->phase == Phase::gone) actions.emplace_back(DropRemains{id});
  }
  for (const auto& id : observed.stray_layers) actions.emplace_back(DropLayer{id});
  return actions;
}

}  // namespace brig::reconcile
