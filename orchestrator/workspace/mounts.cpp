#include "workspace/mounts.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "core/paths.hpp"
#include "core/text.hpp"
#include "core/unique_fd.hpp"
#include "workspace/mounter.hpp"
#include "workspace/overlay.hpp"
#include "workspace/syscalls.hpp"

namespace brig::workspace {

namespace {

// \040 and the like.
std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 4) return std::nullopt;
    int value = 0;
    for (std::size_t k = 1; k <= 3; ++k) {
      char c = text[i + k];
      if (c < '0' || c > '7') return std::nullopt;
      value = value * 8 + (c - '0');
    }
    if (value > 255) return std::nullopt;
    out += static_cast<char>(value);
    i += 3;
  }
  return out;
}

Error bad_line(std::string_view line) {
  return Error{Code::corrupt,
               "The kernel's list of mounts has a line that is none: " + brig::quoted(line, 120),
               "workspace: mounts", false};
}

// "36 35 98:0 /root /point options optional… - type source options"
Result<MountLine> parse_line(std::string_view line) {
  auto fields = split(line, ' ');
  if (fields.size() < 10) return bad_line(line);
  auto dash = std::find(fields.begin() + 6, fields.end(), "-");
  if (fields.end() - dash < 4) return bad_line(line);
  MountLine mount;
  auto end = fields[0].data() + fields[0].size();
  auto [stop, ec] = std::from_chars(fields[0].data(), end, mount.id);
  auto root = unescape(fields[3]), point = unescape(fields[4]);
  auto source = unescape(dash[2]);
  if (ec != std::errc() || stop != end || !point || point->empty() || (*point)[0] != '/' || !source ||
      !root) {
    return bad_line(line);
  }
  mount.device = fields[2];
  mount.root = std::move(*root);
  mount.point = std::move(*point);
  mount.type = dash[1];
  mount.source = std::move(*source);
  return mount;
}

Result<std::string> read_mountinfo() {
  UniqueFd file(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
  if (!file) return errno_error(errno, "Cannot read the list of mounts", "workspace: mounts");
  std::string text;
  std::array<char, 65536> chunk;
  while (true) {
    auto n = ::read(file.get(), chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "Cannot read the list of mounts", "workspace: mounts");
    if (n == 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(n));
    if (text.size() > (64u << 20)) {
      return Error{Code::too_large, "The kernel's list of mounts is longer than 64 MiB", "workspace: mounts",
                   false};
    }
  }
}

}  // namespace

Result<std::vector<MountLine>> parse_mountinfo(std::string_view text) {
  std::vector<MountLine> mounts;
  while (!text.empty()) {
    auto end = text.find('\n');
    if (end == std::string_view::npos) return bad_line(text);
    BRIG_TRY(MountLine mount, parse_line(text.substr(0, end)));
    mounts.push_back(std::move(mount));
    text.remove_prefix(end + 1);
  }
  return mounts;
}

Result<std::vector<std::filesystem::path>> list_mounts(const std::filesystem::path& sessions) {
  std::error_code ec;
  auto root = std::filesystem::canonical(sessions, ec);
  if (ec == std::errc::no_such_file_or_directory) return std::vector<std::filesystem::path>{};
  if (ec)
    return errno_error(ec.value(), "Cannot look at " + brig::quoted(sessions.native(), 200),
                       "workspace: mounts");
  BRIG_TRY(std::string text, read_mountinfo());
  BRIG_TRY(auto mounts, parse_mountinfo(text));
  std::set<std::filesystem::path> found;
  auto prefix = root.native() + "/";
  for (auto& mount : mounts) {
    if (!mount.point.starts_with(prefix)) continue;
    auto rest = std::string_view(mount.point).substr(prefix.size());
    found.insert(sessions / rest.substr(0, rest.find('/')));
  }
  return std::vector<std::filesystem::path>(found.begin(), found.end());
}

std::optional<Space> space_of(const std::filesystem::path& session) {
  auto workspace = open_directory(AT_FDCWD, (session / "workspace").c_str());
  struct statvfs st {};
  if (!workspace || !is_mount_root(workspace.get()) || ::fstatvfs(workspace.get(), &st) != 0)
    return std::nullopt;
  return Space{std::uint64_t{st.f_blocks} * st.f_frsize, std::uint64_t{st.f_bavail} * st.f_frsize,
               st.f_favail};
}

Result<void> unmount(const std::filesystem::path& session) {
  BRIG_CHECK(unmount_at(session / "workspace"));
  return unmount_scratch(session);
}

}  // namespace brig::workspace
