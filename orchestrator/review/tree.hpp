// A workspace as the sandbox sees it, read from its layers instead of through a mount: which file stands at a
// path, and which layer it comes from.
//
// The rules are overlayfs's own: a 0/0 character device hides a name; a directory with trusted.overlay.opaque
// hides what is below it; trusted.overlay.redirect says under which name the layers below know a directory
// that was renamed. The sandbox cannot set these attributes, only cause the kernel to.
//
// Layers are given top first, the project last; without upper layers a Tree is the project itself.
//
// Ownership: Nodes and Founds own descriptors, the Tree must outlive them. Threads: those of with_rights().
// Failure: as Result; what vanishes while it is looked at is absent.
#pragma once

#include <sys/stat.h>

#include <set>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "core/unique_fd.hpp"

namespace brig::review {

// A directory: where it is in each layer, as far as it is there.
struct Node {
  struct Part {
    UniqueFd directory;  // O_PATH; none: not in this layer
    std::string path;    // in this layer; "": its root
  };
  std::string path;  // in the workspace
  std::vector<Part> parts;
  bool redirected = false;  // a layer says where those below have it
};

struct Found {
  enum class Kind { absent, file, directory };  // file: anything that is no directory
  Kind kind = Kind::absent;
  UniqueFd fd;  // O_PATH, of the topmost layer that has it
  struct stat st {};
  std::size_t layer = 0;
  std::string path;  // in that layer
  Node node;         // of a directory
};

class Tree {
 public:
  // `project` may be none: nothing below the upper layers.
  Tree(std::vector<UniqueFd> uppers, UniqueFd project);

  std::size_t project_layer() const { return roots_.size() - 1; }
  Result<Node> root() const;
  Result<Found> find(const Node& directory, const std::string& name) const;
  // From the root on; "" is the root itself.
  Result<Found> find(std::string_view path) const;

  enum class Layers { uppers, all };
  // The names in a directory, hidden ones included.
  Result<std::set<std::string>> names(const Node& directory, Layers which) const;

 private:
  struct Search;
  Result<void> visit(std::size_t layer, UniqueFd fd, std::string path, Search& search) const;
  Result<void> search_from_root(std::size_t layer, Search& search) const;
  Result<void> look_in(std::size_t layer, const Node& directory, Search& search) const;

  std::vector<UniqueFd> roots_;
};

bool is_whiteout(const struct stat& st);

// Where a symbolic link, given as an O_PATH descriptor, points.
Result<std::string> link_target(int path);

}  // namespace brig::review
