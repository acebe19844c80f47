#include "review/changes.hpp"

#include <fcntl.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "core/random.hpp"
#include "core/text.hpp"
#include "review/rights.hpp"

namespace brig::review {
namespace {

Side side_of(const struct stat& st) {
  Side side;
  side.mode = st.st_mode;
  if (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)) side.size = static_cast<std::uint64_t>(st.st_size);
  return side;
}

constexpr mode_t kBits = 07777;

bool is_unreadable(const Error& error) {
  return error.code == Code::denied || error.code == Code::invalid;
}

// A hash of everything the comparison came across.
class Digest {
 public:
  Digest() { crypto_generichash_init(&state_, nullptr, 0, 32); }
  void add(std::string_view path, const struct stat& st) {
    const std::int64_t facts[] = {static_cast<std::int64_t>(path.size()),
                                  st.st_mode,
                                  static_cast<std::int64_t>(st.st_ino),
                                  st.st_size,
                                  st.st_ctim.tv_sec,
                                  st.st_ctim.tv_nsec};
    add_bytes(path.data(), path.size());
    add_bytes(facts, sizeof facts);
  }
  std::string text() {
    std::array<unsigned char, 32> out;
    crypto_generichash_final(&state_, out.data(), out.size());
    return hex(out);
  }

 private:
  void add_bytes(const void* bytes, std::size_t n) {
    crypto_generichash_update(&state_, static_cast<const unsigned char*>(bytes), n);
  }
  crypto_generichash_state state_;
};

class Comparison {
 public:
  Comparison(const Trees& trees, const Selection& selection) : trees_(trees), selection_(selection) {}

  Result<Changes> run() {
    BRIG_TRY(Found now, trees_.workspace.find(""));
    BRIG_TRY(Found then, trees_.project.find(""));
    BRIG_CHECK(compare("", now, then, 0));
    std::sort(out_.list.begin(), out_.list.end(),
              [](const Change& a, const Change& b) { return a.path < b.path; });
    out_.digest = digest_.text();
    return std::move(out_);
  }

 private:
  Result<void> add(Change change) {
    if (!selection_.contains(change.path)) return {};
    if (out_.list.size() >= kMaxChanges) {
      return Error{Code::too_large,
                   "The session changed more than " + std::to_string(kMaxChanges) +
                       " files: name the directories to look at, a part at a time",
                   "review", false};
    }
    out_.list.push_back(std::move(change));
    return {};
  }

  // Whether the project's part of a directory of the workspace is the very directory it is compared with.
  bool in_place(const Found& now, std::string_view path) const {
    const auto& part = now.node.parts[trees_.workspace.project_layer()];
    return part.directory && part.path == path;
  }

  Result<void> compare(const std::string& path, const Found& now, const Found& then, int depth) {
    bool was_directory = then.kind == Found::Kind::directory;
    if (now.kind == Found::Kind::directory) {
      if (was_directory && in_place(now, path))
        return compare_directory(path, now, then, depth, Tree::Layers::uppers);
      if (was_directory) return compare_directory(path, now, then, depth, Tree::Layers::all);
      BRIG_CHECK(add_entry(path, now, then));
      return compare_directory(path, now, then, depth, Tree::Layers::all);
    }
    if (now.kind == Found::Kind::file) {
      if (was_directory) BRIG_CHECK(below(path, now, then, depth));
      if (is_same_inode(now, then, path)) return {};
      return then.kind == Found::Kind::file ? compare_files(path, now, then) : add_entry(path, now, then);
    }
    if (then.kind == Found::Kind::absent) return {};
    if (was_directory) BRIG_CHECK(below(path, now, then, depth));
    return add_entry(path, now, then);
  }

  bool is_same_inode(const Found& now, const Found& then, std::string_view path) const {
    return then.kind == Found::Kind::file && now.layer == trees_.workspace.project_layer() &&
           now.path == path;
  }

  Result<void> compare_directory(const std::string& path, const Found& now, const Found& then, int depth,
                                 Tree::Layers which) {
    if (then.kind == Found::Kind::directory && (now.st.st_mode & kBits) != (then.st.st_mode & kBits) &&
        !path.empty()) {
      digest_.add(path, now.st);
      BRIG_CHECK(add({path, ChangeKind::modified, "", side_of(then.st), side_of(now.st), false, ""}));
    }
    return below(path, now, then, depth, which);
  }

  // Everything in a directory that is there now, was there, or both.
  Result<void> below(const std::string& path, const Found& now, const Found& then, int depth,
                     Tree::Layers which = Tree::Layers::all) {
    bool is = now.kind == Found::Kind::directory, was = then.kind == Found::Kind::directory;
    if (depth >= kMaxDepth) {
      return add({path,
                  is && was ? ChangeKind::modified
                  : is      ? ChangeKind::added
                            : ChangeKind::deleted,
                  "", side_of(then.st), side_of(now.st), false,
                  "more than " + std::to_string(kMaxDepth) + " directories deep, and not looked into"});
    }
    std::set<std::string> names;
    if (is) {
      auto here = trees_.workspace.names(now.node, which);
      if (!here) return in_trouble(path, now, then, here.error());
      names = std::move(*here);
    }
    if (was && (!is || which == Tree::Layers::all)) {
      auto there = trees_.project.names(then.node, Tree::Layers::all);
      if (!there) return in_trouble(path, now, then, there.error());
      names.merge(*there);
    }
    for (const auto& name : names) {
      auto child = joined(path, name);
      if (!selection_.leads_to(child)) continue;
      Found child_now, child_then;
      if (is) {
        BRIG_TRY(child_now, trees_.workspace.find(now.node, name));
      }
      if (was) {
        BRIG_TRY(child_then, trees_.project.find(then.node, name));
      }
      BRIG_CHECK(compare(child, child_now, child_then, depth + 1));
    }
    return {};
  }

  // Something that is not on both sides, or of different kinds.
  Result<void> add_entry(const std::string& path, const Found& now, const Found& then) {
    Change change{path, ChangeKind::modified, "", {}, {}, true, ""};
    if (then.kind == Found::Kind::absent) change.kind = ChangeKind::added;
    if (now.kind == Found::Kind::absent) change.kind = ChangeKind::deleted;
    if (now.kind != Found::Kind::absent) change.after = side_of(now.st);
    if (then.kind != Found::Kind::absent) change.before = side_of(then.st);
    if (selection_.contains(path)) {
      digest_.add(path, now.st);
      digest_.add(path, then.st);
    }
    return add(std::move(change));
  }

  Result<void> compare_files(const std::string& path, const Found& now, const Found& then) {
    Change change{path, ChangeKind::modified, "", side_of(then.st), side_of(now.st), true, ""};
    if (!selection_.contains(path)) return {};
    if ((now.st.st_mode & S_IFMT) == (then.st.st_mode & S_IFMT)) {
      BRIG_TRY(bool same, is_same(now, then, change));
      if (same) {
        change.content_differs = false;
        bool bits = (now.st.st_mode & kBits) != (then.st.st_mode & kBits);
        if (!bits || change.after.is_link()) return {};
      }
    }
    digest_.add(path, now.st);
    digest_.add(path, then.st);
    return add(std::move(change));
  }

  Result<bool> is_same(const Found& now, const Found& then, Change& change) {
    if (change.after.is_file()) {
      auto same =
          now.st.st_size == then.st.st_size ? same_content(now.fd.get(), then.fd.get()) : Result<bool>(false);
      if (!same && is_unreadable(same.error())) {
        change.trouble = "not readable by the project's owner";
        return false;
      }
      return same;
    }
    if (change.after.is_link()) {
      BRIG_TRY(std::string a, link_target(now.fd.get()));
      BRIG_TRY(std::string b, link_target(then.fd.get()));
      return a == b;
    }
    return now.st.st_rdev == then.st.st_rdev;
  }

  Result<void> in_trouble(const std::string& path, const Found& now, const Found& then, const Error& error) {
    if (!is_unreadable(error)) return error;
    Change change{path,
                  ChangeKind::modified,
                  "",
                  side_of(then.st),
                  side_of(now.st),
                  false,
                  "a directory the project's owner may not list"};
    if (now.kind == Found::Kind::absent) change.kind = ChangeKind::deleted;
    return add(std::move(change));
  }

  const Trees& trees_;
  const Selection& selection_;
  Changes out_;
  Digest digest_;
};

}  // namespace

std::string_view kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return "file";
    case S_IFDIR:
      return "directory";
    case S_IFLNK:
      return "symlink";
    case S_IFIFO:
      return "fifo";
    case S_IFSOCK:
      return "socket";
    case S_IFCHR:
    case S_IFBLK:
      return "device";
    default:
      return "none";
  }
}

std::string_view to_string(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::added:
      return "added";
    case ChangeKind::modified:
      return "modified";
    case ChangeKind::deleted:
      return "deleted";
    case ChangeKind::renamed:
      return "renamed";
  }
  return "modified";
}

Result<bool> same_content(int a, int b) {
  UniqueFd first = open_file(a), second = open_file(b);
  if (!first || !second) return errno_error(errno, "Cannot read a file", "review");
  std::vector<char> left(256 * 1024), right(left.size());
  auto fill = [](int fd, std::vector<char>& buffer) -> ssize_t {
    std::size_t have = 0;
    while (have < buffer.size()) {
      auto n = ::read(fd, buffer.data() + have, buffer.size() - have);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return -1;
      if (n == 0) break;
      have += static_cast<std::size_t>(n);
    }
    return static_cast<ssize_t>(have);
  };
  while (true) {
    auto n = fill(first.get(), left), m = fill(second.get(), right);
    if (n < 0 || m < 0) return errno_error(errno, "Cannot read a file", "review");
    if (n != m || std::memcmp(left.data(), right.data(), static_cast<std::size_t>(n)) != 0) return false;
    if (static_cast<std::size_t>(n) < left.size()) return true;
  }
}

Result<Changes> find_changes(const Trees& trees, const Selection& selection) {
  return Comparison(trees, selection).run();
}

// Among files of the same size the one of the same name comes first; a few are tried, so that thousands of
// files of one size cost no more than they should.
Result<void> find_renames(const Trees& trees, std::vector<Change>& list) {
  constexpr std::size_t kTries = 8;
  std::multimap<std::uint64_t, std::size_t> gone;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto& change = list[i];
    bool could = change.kind == ChangeKind::deleted && change.trouble.empty() &&
                 (change.before.is_file() || change.before.is_link()) && change.before.size > 0;
    if (could) gone.emplace(change.before.size, i);
  }
  std::vector<bool> taken(list.size());
  for (auto& change : list) {
    bool could = change.kind == ChangeKind::added && change.trouble.empty() && change.after.size > 0;
    if (!could || gone.empty()) continue;
    auto [begin, end] = gone.equal_range(change.after.size);
    std::vector<std::multimap<std::uint64_t, std::size_t>::iterator> tries;
    for (auto it = begin; it != end && tries.size() < 4096; ++it) {
      if (kind_of(list[it->second].before.mode) == kind_of(change.after.mode)) tries.push_back(it);
    }
    std::stable_partition(tries.begin(), tries.end(),
                          [&](auto it) { return name_of(list[it->second].path) == name_of(change.path); });
    if (tries.size() > kTries) tries.resize(kTries);
    BRIG_TRY(Found now, trees.workspace.find(change.path));
    for (auto it : tries) {
      const auto& old = list[it->second];
      BRIG_TRY(Found then, trees.project.find(old.path));
      if (now.kind != Found::Kind::file || then.kind != Found::Kind::file) continue;
      bool same = false;
      if (change.after.is_link()) {
        BRIG_TRY(std::string a, link_target(now.fd.get()));
        BRIG_TRY(std::string b, link_target(then.fd.get()));
        same = a == b;
      } else {
        auto compared = same_content(now.fd.get(), then.fd.get());
        same = compared && *compared;
      }
      if (!same) continue;
      change.kind = ChangeKind::renamed;
      change.from = old.path;
      change.before = old.before;
      change.content_differs = false;
      taken[it->second] = true;
      gone.erase(it);
      break;
    }
  }
  std::vector<Change> left;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (!taken[i]) left.push_back(std::move(list[i]));
  }
  list = std::move(left);
  return {};
}

}  // namespace brig::review
