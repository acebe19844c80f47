#include "core/disk_use.hpp"

#include <fts.h>
#include <sys/stat.h>

#include <memory>
#include <set>

#include "core/text.hpp"

namespace brig {

Result<std::uint64_t> bytes_on_disk(const std::filesystem::path& path) {
  auto text = path.string();
  char* const roots[] = {text.data(), nullptr};
  auto failed = [&](int error) {
    return errno_error(error, "Cannot look at " + quoted(text, 200), "disk use");
  };
  std::unique_ptr<FTS, int (*)(FTS*)> walk(::fts_open(roots, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, nullptr),
                                           ::fts_close);
  if (!walk) return failed(errno);
  std::uint64_t bytes = 0;
  std::set<std::pair<dev_t, ino_t>> seen;  // of files with several names
  while (const FTSENT* entry = ::fts_read(walk.get())) {
    bool unread = entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS;
    if (unread && entry->fts_errno != ENOENT) return failed(entry->fts_errno);
    if (unread || entry->fts_info == FTS_DP || entry->fts_info == FTS_DC) continue;
    const auto& status = *entry->fts_statp;
    bool again =
        entry->fts_info != FTS_D && status.st_nlink > 1 && !seen.emplace(status.st_dev, status.st_ino).second;
    if (!again) bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
  }
  return bytes;
}

}  // namespace brig
