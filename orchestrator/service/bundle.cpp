#include "service/bundle.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "core/text.hpp"
#include "service/skill_card.hpp"
#include "session/skills.hpp"
#include "volume/files.hpp"
#include "workspace/syscalls.hpp"

namespace brig::service {
namespace {

constexpr std::size_t kMaxEntries = 10'000;
constexpr std::uint64_t kMaxBytes = std::uint64_t{256} << 20;
constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxPath = 1024;
constexpr std::size_t kPiece = 256 * 1024;
constexpr int kRead = O_RDONLY | O_NONBLOCK | O_NOCTTY;

Error refuse(const std::string& path, const char* why) {
  return {Code::invalid, "the bundle holds " + quoted(path, 256) + ", " + why, "service: skill", false};
}

Error failed(const std::string& path, const char* doing) {
  return errno_error(errno, std::string("cannot ") + doing + " " + quoted(path, 256) + " of a skill",
                     "service: skill");
}

Result<std::vector<std::string>> names_in(int directory, const std::string& path, std::size_t most) {
  // fdopendir() takes the descriptor, and its place in the directory.
  int fd = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  std::unique_ptr<DIR, int (*)(DIR*)> stream(fd < 0 ? nullptr : ::fdopendir(fd), ::closedir);
  if (!stream) return failed(path, "read");
  std::vector<std::string> names;
  while (auto* entry = ::readdir(stream.get())) {
    std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (names.size() == most) return refuse(path, "which makes it more than 10000 files and directories");
    names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Taking {
 public:
  explicit Taking(int root) : root_(root), buffer_(256 * 1024) {}

  Result<void> directory(int from, int to, const std::string& path, int depth) {
    if (depth > kMaxDepth) return refuse(path, "which lies deeper than 32 directories");
    BRIG_TRY(auto names, names_in(from, path, kMaxEntries - entries_));
    entries_ += names.size();
    for (const auto& name : names) {
      if (path.empty() && name == ".git") continue;
      auto below = path.empty() ? name : path + "/" + name;
      if (below.size() > kMaxPath || printable(below, 2 * kMaxPath) != below)
        return refuse(below, "whose path is over 1024 bytes, or no printable text; rename it");
      BRIG_CHECK(entry(from, to, name, below, depth));
    }
    return {};
  }

 private:
  Result<void> entry(int from, int to, const std::string& name, const std::string& path, int depth) {
    struct stat status {};
    if (::fstatat(from, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return failed(path, "read");
    if (S_ISDIR(status.st_mode)) {
      UniqueFd below(::openat(from, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!below) return failed(path, "read");
      if (::mkdirat(to, name.c_str(), 0755) != 0 || ::fchmodat(to, name.c_str(), 0755, 0) != 0)
        return failed(path, "make");
      UniqueFd made(::openat(to, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!made) return failed(path, "make");
      return directory(below.get(), made.get(), path, depth + 1);
    }
    bool link = S_ISLNK(status.st_mode);
    if (!link && !S_ISREG(status.st_mode))
      return refuse(path, "which is neither a file, a directory nor a link");
    auto resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV |
                   (link ? std::uint64_t{0} : std::uint64_t{RESOLVE_NO_SYMLINKS});
    auto fd = workspace::open_beneath_links(root_, path.c_str(), kRead, resolve);
    if (link && (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)))
      return refuse(path, "a link that leads to no file of it; put what it means in its place");
    if (!fd) return failed(path, "read");
    return content(fd.get(), to, name, path, (status.st_mode & 0111) != 0 ? 0755 : 0644);
  }

  Result<void> content(int from, int to, const std::string& name, const std::string& path, mode_t mode) {
    UniqueFd made(::openat(to, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!made) return failed(path, "make");
    while (true) {
      auto got = ::read(from, buffer_.data(), buffer_.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return failed(path, "read");
      if (got == 0) break;
      bytes_ += static_cast<std::uint64_t>(got);
      if (bytes_ > kMaxBytes) return refuse(path, "which makes it more than 256 MiB");
      for (std::string_view rest(buffer_.data(), static_cast<std::size_t>(got)); !rest.empty();) {
        auto put = ::write(made.get(), rest.data(), rest.size());
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return failed(path, "write");
        rest.remove_prefix(static_cast<std::size_t>(put));
      }
    }
    return ::fchmod(made.get(), mode) == 0 ? Result<void>() : failed(path, "write");
  }

  int root_;
  std::vector<char> buffer_;
  std::size_t entries_ = 0;
  std::uint64_t bytes_ = 0;
};

Result<UniqueFd> open_bundle(const StatePaths& paths, const LayerId& layer) {
  auto path = paths.layer(layer) / session::kSkillFiles;
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (fd) return fd;
  if (errno == ENOENT)
    return Error{Code::unavailable, "the skill was replaced at this moment; ask again", "service: skill",
                 true};
  return failed(path.native(), "open");
}

Result<SkillCard> card_in(int directory) {
  auto fd = volume::open_inside(directory, kSkillFile, kRead);
  if (!fd)
    return Error{Code::invalid,
                 "the bundle is no skill: it has no SKILL.md at its root; put one there that begins with "
                 "'---', 'name: …', 'description: …' and '---'",
                 "service: skill", false};
  std::string text(kMaxFrontMatter, '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    auto got = ::read(fd.get(), text.data() + have, text.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(kSkillFile, "read");
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  text.resize(have);
  return read_skill_card(text);
}

Result<void> add_files(int directory, const std::string& path, int depth, std::vector<BundleFile>& out) {
  BRIG_TRY(auto names, names_in(directory, path, kMaxEntries));
  for (const auto& name : names) {
    auto below = path.empty() ? name : path + "/" + name;
    struct stat status {};
    if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return failed(below, "read");
    if (S_ISREG(status.st_mode)) {
      out.push_back({below, static_cast<std::uint64_t>(status.st_size), (status.st_mode & 0111) != 0});
    } else if (S_ISDIR(status.st_mode) && depth <= kMaxDepth) {
      UniqueFd fd(::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!fd) return failed(below, "read");
      BRIG_CHECK(add_files(fd.get(), below, depth + 1, out));
    }
  }
  return {};
}

Error no_file(const std::string& path) {
  return {Code::not_found,
          "the skill has no file " + quoted(path, 200) + "; `brig service files` lists what it has",
          "service: skill", false};
}

Result<UniqueFd> open_in(int root, const std::string& path) {
  if (path.empty() || path.size() > kMaxPath || path.find('\0') != path.npos) return no_file(path);
  auto fd = volume::open_inside(root, path, kRead);
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return no_file(path);
  return fd;
}

class Reading final : public FileReader {
 public:
  Reading(UniqueFd fd, net::Worker& blocking)
      : fd_(std::make_shared<UniqueFd>(std::move(fd))), blocking_(blocking) {}

  net::Task<Result<std::vector<std::byte>>> next() override {
    auto work = [fd = fd_]() -> Result<std::vector<std::byte>> {
      std::vector<std::byte> bytes(kPiece);
      while (true) {
        auto got = ::read(fd->get(), bytes.data(), bytes.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno_error(errno, "cannot read a file of a skill", "service: skill");
        bytes.resize(static_cast<std::size_t>(got));
        return bytes;
      }
    };
    co_return co_await blocking_.run(std::move(work));
  }

 private:
  std::shared_ptr<UniqueFd> fd_;
  net::Worker& blocking_;
};

}  // namespace

Result<Bundle> keep_bundle(const StatePaths& paths, const LayerId& layer, int source) {
  auto path = paths.layer(layer) / session::kSkillFiles;
  if (::mkdir(path.c_str(), 0755) != 0 || ::chmod(path.c_str(), 0755) != 0)
    return failed(path.native(), "make");
  BRIG_TRY(auto files, open_bundle(paths, layer));
  BRIG_CHECK(Taking(source).directory(source, files.get(), "", 0));
  Bundle out;
  BRIG_TRY(out.card, card_in(files.get()));
  BRIG_TRY(out.tree, hash_tree(files.get(), "skill"));
  // The ledger is about to say that it is there, and equal ones are kept once.
  if (::syncfs(files.get()) != 0) return failed(path.native(), "keep");
  return out;
}

net::Task<Result<std::vector<BundleFile>>> Bundles::list(LayerId layer) {
  auto work = [paths = paths_, layer]() -> Result<std::vector<BundleFile>> {
    BRIG_TRY(auto root, open_bundle(paths, layer));
    std::vector<BundleFile> out;
    BRIG_CHECK(add_files(root.get(), "", 0, out));
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    return out;
  };
  co_return co_await blocking_.run(std::move(work));
}

net::Task<Result<std::unique_ptr<FileReader>>> Bundles::open(LayerId layer, std::string path) {
  auto work = [paths = paths_, layer, path]() -> Result<UniqueFd> {
    BRIG_TRY(auto root, open_bundle(paths, layer));
    return open_in(root.get(), path);
  };
  BRIG_CO_TRY(auto fd, co_await blocking_.run(std::move(work)));
  co_return std::unique_ptr<FileReader>(std::make_unique<Reading>(std::move(fd), blocking_));
}

}  // namespace brig::service
