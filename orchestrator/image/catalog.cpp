#include "image/catalog.hpp"

#include <sodium.h>
#include <sys/stat.h>

#include <algorithm>

#include "core/files.hpp"
#include "core/random.hpp"
#include "core/text.hpp"
#include "core/units.hpp"
#include "image/provider_file.hpp"

namespace brig::image {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxProviders = 1000;
constexpr std::size_t kMaxProviderFile = 64 << 10;
constexpr std::size_t kMaxLock = 1 << 20;

Error cannot_read(const fs::path& path, const std::error_code& error) {
  return errno_error(error.value(), "cannot read " + quoted(path.native(), 256), "image");
}

// Every name below `dir`, sorted, without following links.
Result<std::vector<fs::path>> names_below(const fs::path& dir) {
  std::vector<fs::path> names;
  std::error_code error;
  fs::recursive_directory_iterator it(dir, error), end;
  for (; !error && it != end; it.increment(error)) {
    names.push_back(it->path());
    if (names.size() > kMaxFiles)
      return Error{Code::too_large,
                   quoted(dir.native(), 256) + " holds more than " + std::to_string(kMaxFiles) +
                       " files; move what its Dockerfile does not need",
                   "image", false};
  }
  if (error) return cannot_read(dir, error);
  std::sort(names.begin(), names.end());
  return names;
}

class Hasher {
 public:
  Hasher() { crypto_hash_sha256_init(&state_); }
  // Each part with its length, so that no two lists of parts look alike.
  void add(std::string_view part) {
    auto size = std::to_string(part.size()) + ":";
    update(size);
    update(part);
  }
  std::string finish() {
    std::array<unsigned char, crypto_hash_sha256_BYTES> out{};
    crypto_hash_sha256_final(&state_, out.data());
    return hex(out);
  }

 private:
  void update(std::string_view bytes) {
    crypto_hash_sha256_update(&state_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  }
  crypto_hash_sha256_state state_;
};

Result<void> add_folder(Hasher& hasher, const fs::path& folder, std::size_t& budget,
                        std::string* dockerfile) {
  BRIG_TRY(auto names, names_below(folder));
  for (const auto& path : names) {
    auto name = path.lexically_relative(folder).native();
    if (name == "provider.toml") continue;
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0)
      return errno_error(errno, "cannot read " + quoted(path.native(), 256), "image");
    hasher.add(name);
    if (S_ISLNK(status.st_mode)) {
      std::error_code error;
      hasher.add("link");
      hasher.add(fs::read_symlink(path, error).native());
      if (error) return cannot_read(path, error);
    } else if (S_ISREG(status.st_mode)) {
      auto content = read_file(path, budget);
      if (!content && content.error().code == Code::too_large)
        return Error{Code::too_large,
                     quoted(folder.native(), 256) + " holds more than " + format_size(kMaxFolder) +
                         "; move what its Dockerfile does not need",
                     "image", false};
      if (!content) return content.error();
      budget -= content->size();
      hasher.add((status.st_mode & 0111) != 0 ? "program" : "file");
      hasher.add(*content);
      if (dockerfile != nullptr && name == "Dockerfile") *dockerfile = std::move(*content);
    } else if (!S_ISDIR(status.st_mode)) {
      return Error{Code::invalid, quoted(path.native(), 256) + " is neither a file nor a folder; remove it",
                   "image", false};
    }
  }
  return {};
}

}  // namespace

Result<Catalog> Catalog::load(const fs::path& dir, std::string_view prefix) {
  Catalog catalog;
  catalog.dir = dir;
  std::error_code error;
  std::vector<fs::path> folders;
  fs::directory_iterator it(dir, error), end;
  for (; !error && it != end; it.increment(error))
    if (it->is_directory() && fs::exists(it->path() / "provider.toml")) folders.push_back(it->path());
  if (error)
    return errno_error(
        error.value(),
        "cannot read the folder of images " + quoted(dir.native(), 256) + "; set [images] dir in brig.toml",
        "image");
  if (folders.size() > kMaxProviders)
    return Error{Code::too_large, quoted(dir.native(), 256) + " holds too many providers", "image", false};
  for (const auto& folder : folders) {
    auto file = folder / "provider.toml";
    BRIG_TRY(auto text, read_file(file, kMaxProviderFile));
    BRIG_TRY(auto provider, parse_provider(text, file.native(), folder.filename().native(), prefix));
    auto id = provider.id.str();
    catalog.entries.emplace(id, Entry{std::move(provider), folder});
  }
  return catalog;
}

Result<const Entry*> Catalog::find(const std::string& id) const {
  auto it = entries.find(id);
  if (it != entries.end()) return &it->second;
  std::vector<std::string_view> known;
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries) {
    known.push_back(name);
    names.push_back(name);
  }
  auto hint = did_you_mean(id, known);
  return Error{
      Code::not_found,
      "there is no provider " + quoted(id) + (hint.empty() ? "; there are " + join(names, ", ") : hint),
      "image", false};
}

Result<std::string> hash_source(const fs::path& folder, const fs::path& images_dir) {
  Hasher hasher;
  std::size_t budget = kMaxFolder;
  std::string dockerfile;
  hasher.add("brig image source 1");
  BRIG_CHECK(add_folder(hasher, folder, budget, &dockerfile));
  auto programs = images_dir / "base" / "in-build";
  std::error_code error;
  if (fs::is_directory(programs, error)) BRIG_CHECK(add_folder(hasher, programs, budget, nullptr));
  auto lock_file = images_dir / "versions.lock";
  if (dockerfile.empty() || !fs::exists(lock_file, error)) return hasher.finish();
  BRIG_TRY(auto text, read_file(lock_file, kMaxLock));
  BRIG_TRY(auto pins, parse_lock(text, lock_file.native()));
  auto arch = machine_arch();
  // "brig-host/lock/node-pty" does not name the pin "node".
  for (const auto& pin : pins) {
    auto wanted = "brig-host/lock/" + pin.id;
    auto at = dockerfile.find(wanted);
    while (at != std::string::npos) {
      auto after = at + wanted.size() < dockerfile.size() ? dockerfile[at + wanted.size()] : ' ';
      if (std::isspace(static_cast<unsigned char>(after))) break;
      at = dockerfile.find(wanted, at + 1);
    }
    if (at == std::string::npos || (pin.arch != arch && pin.arch != "any")) continue;
    for (const auto* part : {&pin.id, &pin.name, &pin.version, &pin.integrity}) hasher.add(*part);
  }
  return hasher.finish();
}

}  // namespace brig::image
