#include "review/source.hpp"

#include <fcntl.h>

#include "core/text.hpp"
#include "review/rights.hpp"
#include "workspace/syscalls.hpp"

namespace brig::review {
namespace {

Result<UniqueFd> read_only_copy(int directory) {
  UniqueFd tree(::open_tree(directory, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
  if (!tree) return workspace::mount_error(errno, "Cannot look at the project");
  mount_attr attr{};
  attr.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH, &attr, sizeof attr) != 0)
    return workspace::mount_error(errno, "Cannot look at the project");
  return tree;
}

Result<UniqueFd> again(const UniqueFd& fd) {
  UniqueFd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy) return errno_error(errno, "Cannot keep a directory", "review");
  return copy;
}

}  // namespace

Result<Source> open_source(const StatePaths& paths, const Place& place,
                           const std::optional<workspace::Identity>& caller,
                           std::span<const workspace::Forbidden> forbidden) {
  BRIG_TRY(auto layers, workspace::OpenLayers::open(paths, place.own, place.frozen));
  std::vector<UniqueFd> uppers;
  for (const auto& root : layers.roots()) {
    BRIG_TRY(UniqueFd upper, again(root));
    uppers.push_back(std::move(upper));
  }
  if (uppers.empty())
    return Error{Code::not_found, "The session's workspace was never made, or is gone", "review", false};
  std::vector<std::filesystem::path> directories;
  if (!place.own.empty()) directories.push_back(paths.layer(place.own));
  for (const auto& id : place.frozen) directories.push_back(paths.layer(id));
  BRIG_TRY(auto beginning, workspace::read_beginning(directories));
  UniqueFd project, below;
  std::optional<workspace::Project> opened;
  workspace::Identity owner;
  if (place.project) {
    BRIG_TRY(opened, workspace::open_project(*place.project, caller, forbidden));
    if (beginning.project != stat_of(opened->directory.get()).st_ino) {
      return Error{Code::conflict,
                   "Where the session's project was, at " + brig::quoted(*place.project, 200) +
                       ", another directory stands now: put the project back there to compare with it",
                   "review", false};
    }
    BRIG_TRY(project, read_only_copy(opened->directory.get()));
    BRIG_TRY(below, again(project));
    owner = workspace::identity_of(opened->uid, opened->gid);
  } else {
    if (!place.base.empty() && !place.frozen.empty() && place.frozen.back() == place.base) {
      below = std::move(uppers.back());
      uppers.pop_back();
      BRIG_TRY(project, again(below));
    }
    auto st = stat_of(uppers.empty() ? below.get() : uppers[0].get());
    owner = workspace::identity_of(st.st_uid, st.st_gid);
  }
  return Source{std::move(layers),
                Trees{Tree(std::move(uppers), std::move(below)), Tree({}, std::move(project))},
                std::move(opened), std::move(owner), beginning};
}

}  // namespace brig::review
