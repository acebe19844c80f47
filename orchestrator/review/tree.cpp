#include "review/tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <array>
#include <memory>

#include "core/text.hpp"
#include "review/names.hpp"
#include "review/rights.hpp"

namespace brig::review {
namespace {

// One directory of a million names takes a hundred megabytes to sort; nobody reviews such a thing.
constexpr std::size_t kNames = 1'000'000;

Error failed(int err, std::string_view doing, std::string_view path) {
  return errno_error(err, std::string(doing) + " " + brig::quoted(spelled(path), 300), "review");
}

// trusted.* needs a capability, not permission; the descriptor is an O_PATH one, hence the detour.
std::string overlay_attribute(int directory, const char* name) {
  auto path = "/proc/self/fd/" + std::to_string(directory);
  std::array<char, 4096> value;
  AsRoot root;
  auto n = ::getxattr(path.c_str(), name, value.data(), value.size());
  return n > 0 ? std::string(value.data(), static_cast<std::size_t>(n)) : std::string();
}

bool is_opaque(int directory) {
  return overlay_attribute(directory, "trusted.overlay.opaque") == "y";
}

bool vanished(int err) {
  return err == ENOENT || err == ENOTDIR || err == ESTALE;
}

}  // namespace

bool is_whiteout(const struct stat& st) {
  return S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0);
}

Result<std::string> link_target(int path) {
  std::array<char, 4097> text;
  auto n = ::readlinkat(path, "", text.data(), text.size());
  if (n < 0) return errno_error(errno, "Cannot read a symbolic link", "review");
  return std::string(text.data(), static_cast<std::size_t>(n));
}

Tree::Tree(std::vector<UniqueFd> uppers, UniqueFd project) : roots_(std::move(uppers)) {
  roots_.push_back(std::move(project));
}

// What is being looked for, going down the layers.
struct Tree::Search {
  Found found;
  std::string name;  // in the directory that each layer has itself, or
  bool absolute = false;
  std::string path;    // from the root of each layer
  std::string merged;  // in the workspace
  bool over = false;

  void take(std::string redirect, std::string_view rest) {
    if (redirect.starts_with('/')) {
      absolute = true;
      path = redirect.substr(1);
    } else if (absolute) {
      path = joined(parent_of(path), redirect);
    } else {
      name = redirect;
      return;
    }
    if (!rest.empty()) path = joined(path, rest);
  }
};

// What this layer has at the place: the first thing found says what it is, further directories are merged in.
Result<void> Tree::visit(std::size_t layer, UniqueFd fd, std::string path, Search& search) const {
  auto st = stat_of(fd.get());
  if (st.st_mode == 0) return {};
  bool first = search.found.kind == Found::Kind::absent;
  if (!S_ISDIR(st.st_mode)) {
    search.over = true;
    if (!first || is_whiteout(st)) return {};
    search.found.kind = Found::Kind::file;
  } else {
    if (first) {
      search.found.kind = Found::Kind::directory;
      search.found.node.path = std::move(search.merged);
      search.found.node.parts.resize(roots_.size());
    }
    if (layer != project_layer()) {
      if (is_opaque(fd.get())) search.over = true;
      auto redirect = overlay_attribute(fd.get(), "trusted.overlay.redirect");
      if (!redirect.empty()) {
        search.take(std::move(redirect), "");
        search.found.node.redirected = true;
      }
    }
    search.found.node.parts[layer] = {UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)), path};
    if (!search.found.node.parts[layer].directory) return failed(errno, "Cannot keep", path);
  }
  if (first) {
    search.found.fd = std::move(fd);
    search.found.st = st;
    search.found.layer = layer;
    search.found.path = std::move(path);
  }
  return {};
}

// A redirect that begins with '/' counts from the root of every layer below; the directories on the way may
// themselves be redirected, opaque or gone.
Result<void> Tree::search_from_root(std::size_t layer, Search& search) const {
  if (!roots_[layer]) return {};
  UniqueFd at(::fcntl(roots_[layer].get(), F_DUPFD_CLOEXEC, 0));
  if (!at) return failed(errno, "Cannot keep", "");
  auto path = search.path;
  std::string done;
  bool stop = false;
  for (std::string_view rest = path; at;) {
    auto slash = rest.find('/');
    auto name = std::string(rest.substr(0, slash));
    UniqueFd next = look_at(at.get(), name.c_str());
    if (!next) {
      if (!vanished(errno)) return failed(errno, "Cannot look at", path);
      search.over = search.over || stop;
      return {};
    }
    done = joined(done, name);
    if (slash == rest.npos) {
      BRIG_CHECK(visit(layer, std::move(next), done, search));
      break;
    }
    rest.remove_prefix(slash + 1);
    auto st = stat_of(next.get());
    if (!S_ISDIR(st.st_mode)) {
      search.over = true;
      return {};
    }
    if (layer != project_layer()) {
      stop = stop || is_opaque(next.get());
      auto redirect = overlay_attribute(next.get(), "trusted.overlay.redirect");
      if (redirect.starts_with('/')) {
        search.take(redirect, rest);
      } else if (!redirect.empty()) {
        search.path = joined(joined(parent_of(done), redirect), rest);
      }
    }
    at = std::move(next);
  }
  search.over = search.over || stop;
  return {};
}

Result<Node> Tree::root() const {
  Node node;
  bool stop = false;
  for (const auto& root : roots_) {
    Node::Part part;
    if (root && !stop) {
      part.directory.reset(::fcntl(root.get(), F_DUPFD_CLOEXEC, 0));
      if (!part.directory) return failed(errno, "Cannot keep", "");
      if (&root != &roots_.back()) stop = is_opaque(root.get());
    }
    node.parts.push_back(std::move(part));
  }
  return node;
}

Result<void> Tree::look_in(std::size_t layer, const Node& directory, Search& search) const {
  if (search.absolute) return search_from_root(layer, search);
  const auto& part = directory.parts[layer];
  if (!part.directory) return {};
  auto path = joined(part.path, search.name);
  UniqueFd fd = look_at(part.directory.get(), search.name.c_str());
  if (fd) return visit(layer, std::move(fd), std::move(path), search);
  return vanished(errno) ? Result<void>() : failed(errno, "Cannot look at", path);
}

Result<Found> Tree::find(const Node& directory, const std::string& name) const {
  Search search;
  search.name = name;
  search.merged = joined(directory.path, name);
  for (std::size_t layer = 0; layer < project_layer() && !search.over; ++layer)
    BRIG_CHECK(look_in(layer, directory, search));
  if (!search.over) BRIG_CHECK(look_in(project_layer(), directory, search));
  return std::move(search.found);
}

Result<Found> Tree::find(std::string_view path) const {
  Found found;
  found.kind = Found::Kind::directory;
  BRIG_TRY(found.node, root());
  for (const auto& part : found.node.parts) {
    if (!part.directory) continue;
    found.fd.reset(::fcntl(part.directory.get(), F_DUPFD_CLOEXEC, 0));
    found.st = stat_of(found.fd.get());
    break;
  }
  if (path.empty()) return found;
  for (auto name : split(path, '/')) {
    if (found.kind != Found::Kind::directory) return Found{};
    BRIG_TRY(Found next, find(found.node, std::string(name)));
    found = std::move(next);
  }
  return found;
}

Result<std::set<std::string>> Tree::names(const Node& directory, Layers which) const {
  std::set<std::string> names;
  for (std::size_t layer = 0; layer < directory.parts.size(); ++layer) {
    const auto& part = directory.parts[layer];
    if (!part.directory || (which == Layers::uppers && layer == project_layer())) continue;
    UniqueFd open = open_directory(part.directory.get());
    if (!open) {
      if (vanished(errno)) continue;
      return failed(errno, "Cannot list", part.path);
    }
    struct Close {
      void operator()(DIR* d) const { ::closedir(d); }
    };
    std::unique_ptr<DIR, Close> entries(::fdopendir(open.get()));
    if (!entries) return failed(errno, "Cannot list", part.path);
    (void)open.release();
    while (auto* entry = ::readdir(entries.get())) {
      std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (names.size() >= kNames) {
        return Error{Code::too_large,
                     "The directory " + brig::quoted(spelled(part.path), 300) +
                         " holds more than a million names: leave it out by naming other paths",
                     "review", false};
      }
      names.emplace(name);
    }
  }
  return names;
}

}  // namespace brig::review
