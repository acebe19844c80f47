#include "daemon/places.hpp"

#include <sys/stat.h>

#include "core/files.hpp"
#include "core/text.hpp"

namespace brig::daemon {
namespace {

constexpr std::size_t kMaxInit = 8 << 20;

// Where the programs that belong to brigd were put: beside it in a build, in lib/brig once installed.
Result<std::filesystem::path> find_beside(const std::string& name) {
  std::error_code ec;
  auto self = std::filesystem::read_symlink("/proc/self/exe", ec).parent_path();
  for (const auto& candidate : {self / name, self.parent_path() / "lib" / "brig" / name}) {
    if (std::filesystem::exists(candidate, ec)) return candidate;
  }
  return Error{Code::not_found,
               quoted(name) + " is neither beside brigd nor in " +
                   quoted((self.parent_path() / "lib" / "brig").native()) + "; install Brig whole",
               "brigd", false};
}

}  // namespace

Result<void> make_private(const std::filesystem::path& directory, mode_t mode) {
  std::error_code ec;
  std::filesystem::create_directories(directory, ec);
  if (ec) return errno_error(ec.value(), "cannot make " + quoted(directory.native(), 256), "brigd");
  if (::chmod(directory.c_str(), mode) != 0) {
    return errno_error(errno, "cannot set the mode of " + quoted(directory.native(), 256), "brigd");
  }
  return {};
}

Result<void> make_socket_directory(const std::filesystem::path& directory) {
  std::error_code ec;
  if (std::filesystem::exists(directory, ec)) return {};
  return make_private(directory, 0755);
}

Result<std::filesystem::path> find_images() {
  std::error_code ec;
  auto self = std::filesystem::read_symlink("/proc/self/exe", ec).parent_path();
  for (const auto& candidate :
       {self.parent_path() / "share" / "brig" / "images", std::filesystem::path(BRIG_SOURCE_IMAGES)}) {
    if (std::filesystem::is_directory(candidate, ec)) return candidate;
  }
  return Error{Code::not_found,
               "the images that come with Brig are not where they were installed; set images.dir", "brigd",
               false};
}

Result<void> install_init(const StatePaths& paths) {
  BRIG_TRY(auto source, find_beside("brig-init"));
  BRIG_TRY(std::string ours, read_file(source, kMaxInit));
  auto present = read_file(paths.init_binary(), kMaxInit);
  if (present && *present == ours) return {};
  return write_file(paths.init_binary(), ours, 0755);
}

}  // namespace brig::daemon
