#include "service/tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "core/random.hpp"
#include "core/text.hpp"
#include "core/unique_fd.hpp"

namespace brig::service {
namespace {

constexpr std::size_t kMaxEntries = 500'000;
constexpr int kMaxDepth = 128;

Error refuse(const std::string& path, const char* why) {
  return {Code::invalid, "what was built holds " + quoted(path, 256) + ", " + why, "service: artefact",
          false};
}

Error failed(const std::string& path) {
  return errno_error(errno, "cannot read " + quoted(path, 256) + " of what was built", "service: artefact");
}

class Hasher {
 public:
  explicit Hasher(std::string_view kind) : buffer_(256 * 1024) {
    crypto_hash_sha256_init(&state_);
    if (!kind.empty()) sized(kind.data(), kind.size());  // which no entry begins with
  }

  Result<void> directory(UniqueFd fd, const std::string& path, int depth) {
    if (depth > kMaxDepth) return refuse(path, "which lies deeper than 128 directories");
    BRIG_TRY(auto names, names_in(fd.get(), path));
    for (const auto& name : names) {
      auto below = path.empty() ? name : path + "/" + name;
      if (++entries_ > kMaxEntries) return refuse(below, "and more than 500000 entries");
      BRIG_CHECK(entry(fd.get(), name, below, depth));
    }
    add("u", 1);  // up again
    return {};
  }

  Tree end() {
    std::array<unsigned char, crypto_hash_sha256_BYTES> out{};
    crypto_hash_sha256_final(&state_, out.data());
    return {hex(out), bytes_};
  }

 private:
  static Result<std::vector<std::string>> names_in(int directory, const std::string& path) {
    // fdopendir() takes the descriptor, and its place in the directory.
    int fd = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return failed(path);
    std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd), ::closedir);
    if (!stream) return failed(path);
    std::vector<std::string> names;
    while (auto* entry = ::readdir(stream.get())) {
      std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(std::move(name));
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<void> entry(int parent, const std::string& name, const std::string& path, int depth) {
    struct stat status {};
    if (::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return failed(path);
    if (S_ISDIR(status.st_mode)) {
      head('d', name);
      UniqueFd fd(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!fd) return failed(path);
      return directory(std::move(fd), path, depth + 1);
    }
    if (S_ISLNK(status.st_mode)) {
      head('l', name);
      auto n = ::readlinkat(parent, name.c_str(), buffer_.data(), buffer_.size());
      if (n < 0) return failed(path);
      sized(buffer_.data(), static_cast<std::size_t>(n));
      return {};
    }
    if (!S_ISREG(status.st_mode)) return refuse(path, "which is neither a file, a directory nor a link");
    head((status.st_mode & 0111) != 0 ? 'x' : 'f', name);
    UniqueFd fd(::openat(parent, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!fd) return failed(path);
    return content(fd.get(), path);
  }

  // Its hash stands for it, so that no content can be taken for what follows it.
  Result<void> content(int fd, const std::string& path) {
    crypto_hash_sha256_state own;
    crypto_hash_sha256_init(&own);
    while (true) {
      auto n = ::read(fd, buffer_.data(), buffer_.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return failed(path);
      if (n == 0) break;
      crypto_hash_sha256_update(&own, reinterpret_cast<const unsigned char*>(buffer_.data()),
                                static_cast<unsigned long long>(n));
      bytes_ += static_cast<std::uint64_t>(n);
    }
    std::array<unsigned char, crypto_hash_sha256_BYTES> out{};
    crypto_hash_sha256_final(&own, out.data());
    add(reinterpret_cast<const char*>(out.data()), out.size());
    return {};
  }

  void head(char kind, const std::string& name) {
    add(&kind, 1);
    sized(name.data(), name.size());
  }
  void sized(const char* bytes, std::size_t size) {
    std::array<unsigned char, 8> length{};
    for (std::size_t i = 0; i < length.size(); ++i)
      length[i] = static_cast<unsigned char>(static_cast<std::uint64_t>(size) >> (8 * i));
    crypto_hash_sha256_update(&state_, length.data(), length.size());
    add(bytes, size);
  }
  void add(const char* bytes, std::size_t size) {
    crypto_hash_sha256_update(&state_, reinterpret_cast<const unsigned char*>(bytes), size);
  }

  crypto_hash_sha256_state state_{};
  std::vector<char> buffer_;
  std::size_t entries_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace

Result<Tree> hash_tree(int directory, std::string_view kind) {
  UniqueFd root(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return failed(".");
  Hasher hasher(kind);
  BRIG_CHECK(hasher.directory(std::move(root), "", 0));
  return hasher.end();
}

}  // namespace brig::service
