#include "core/paths.hpp"

#include <algorithm>

namespace brig {

bool is_within(const std::filesystem::path& path, const std::filesystem::path& root) {
  auto strip = [](const std::filesystem::path& p) {
    auto n = p.lexically_normal();
    return n.has_filename() || n == n.root_path() ? n : n.parent_path();
  };
  auto p = strip(path);
  auto r = strip(root);
  if (r == r.root_path()) return p.is_absolute();
  auto [at_root, at_path] = std::mismatch(r.begin(), r.end(), p.begin(), p.end());
  return at_root == r.end();
}

}  // namespace brig
