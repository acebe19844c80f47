#include "review/moves.hpp"

#include <algorithm>

namespace brig::review {
namespace {

Result<void> collect(const Tree& workspace, const Node& directory, int depth, std::vector<Renamed>& out) {
  if (depth >= kMaxDepth) return {};
  BRIG_TRY(auto names, workspace.names(directory, Tree::Layers::uppers));
  for (const auto& name : names) {
    BRIG_TRY(Found found, workspace.find(directory, name));
    if (found.kind != Found::Kind::directory) continue;
    const auto& part = found.node.parts[workspace.project_layer()];
    if (!found.node.mark.empty() && part.directory && part.path != found.node.path)
      out.push_back({found.node.mark, found.node.path, part.path});
    BRIG_CHECK(collect(workspace, found.node, depth + 1, out));
  }
  return {};
}

}  // namespace

Result<std::vector<Renamed>> find_renamed(const Tree& workspace) {
  std::vector<Renamed> out;
  BRIG_TRY(Node root, workspace.root());
  BRIG_CHECK(collect(workspace, root, 0, out));
  return out;
}

std::vector<Move> moves_of(const std::vector<Renamed>& renamed, const Selection& selection,
                           const std::vector<std::string>& staying) {
  std::vector<Move> out;
  for (const auto& [mark, path, from] : renamed) {
    bool whole = selection.contains(path) && std::none_of(staying.begin(), staying.end(), [&](const auto& s) {
                   return is_below(s, path) || is_below(path, s);
                 });
    if (whole) out.push_back({mark, path, ""});
  }
  return out;
}

std::vector<Taken> taken_from(const std::vector<Renamed>& renamed, const std::vector<Move>& moves,
                              const std::vector<Change>& changes) {
  std::vector<Taken> out;
  for (const auto& [mark, path, from] : renamed) {
    if (std::any_of(moves.begin(), moves.end(), [&](const auto& move) { return move.mark == mark; }))
      continue;
    auto taken = std::find_if(changes.begin(), changes.end(), [&](const Change& change) {
      bool only_its_mode = change.before.is_directory() && change.after.is_directory();
      return is_below(change.path, from) && !only_its_mode;
    });
    if (taken != changes.end()) out.push_back({taken->path, path});
  }
  return out;
}

}  // namespace brig::review
