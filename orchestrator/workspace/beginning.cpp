#include "workspace/beginning.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <limits>
#include <string>

#include "core/files.hpp"
#include "core/text.hpp"
#include "core/unique_fd.hpp"

namespace brig::workspace {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::size_t kMaxText = 256;

Error unknown(const std::filesystem::path& layer) {
  return Error{Code::corrupt,
               "It is not known when the workspace of the layer " + brig::quoted(layer.native(), 200) +
                   " began, so what changed on the host since cannot be told",
               "workspace", false};
}

std::int64_t now(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

// Different after every boot.
std::string boot_id() {
  auto text = read_file("/proc/sys/kernel/random/boot_id", 64);
  return text ? text->substr(0, 36) : std::string(36, '0');
}

std::int64_t ahead_of_boot() {
  return now(CLOCK_REALTIME) - now(CLOCK_BOOTTIME);
}

}  // namespace

Result<void> note_beginning(const std::filesystem::path& layer, int project) {
  auto path = layer / "beginning";
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file && errno == EEXIST) return {};
  struct stat st {};
  if (project >= 0) (void)::fstat(project, &st);
  auto text = std::to_string(now(CLOCK_REALTIME_COARSE)) + " " + std::to_string(st.st_ino) + " " + boot_id() +
              " " + std::to_string(ahead_of_boot()) + "\n";
  // One write of a line: a crash leaves it whole or empty, and an empty one is a session never acknowledged.
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return errno_error(errno, "Cannot note when the workspace began in " + brig::quoted(path.native(), 200),
                       "workspace: mount");
  }
  return {};
}

Result<void> copy_beginning(const std::filesystem::path& from, const std::filesystem::path& to) {
  BRIG_TRY(std::string text, read_file(from / "beginning", kMaxText));
  return write_file(to / "beginning", text, 0600);
}

Result<Beginning> read_beginning(std::span<const std::filesystem::path> layers) {
  std::int64_t earliest = std::numeric_limits<std::int64_t>::max();
  Beginning beginning;
  for (const auto& layer : layers) {
    auto text = read_file(layer / "beginning", kMaxText);
    if (!text && text.error().code == Code::not_found && !std::filesystem::exists(layer)) continue;
    std::int64_t at = 0, ahead = 0;
    std::uint64_t inode = 0;
    char boot[37] = {};
    if (!text ||
        std::sscanf(text->c_str(), "%" SCNd64 " %" SCNu64 " %36s %" SCNd64, &at, &inode, boot, &ahead) != 4) {
      return unknown(layer);
    }
    if (boot_id() == boot) {
      auto back = ahead - ahead_of_boot();
      // Less than this is the clocks being read one after the other, and being slewed.
      if (back > kSecond / 100) at -= back;
    }
    if (at < earliest) beginning = {at / kSecond, at % kSecond, inode};
    earliest = std::min(earliest, at);
  }
  return beginning;
}

}  // namespace brig::workspace
