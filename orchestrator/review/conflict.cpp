#include "review/conflict.hpp"

#include <fcntl.h>
#include <sys/xattr.h>

#include <array>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/files.hpp"
#include "core/random.hpp"
#include "core/text.hpp"
#include "review/rights.hpp"

namespace brig::review {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::size_t kMaxKnown = 64u << 20;
constexpr const char* kTaken = "/taken";  // no path in a project begins so

std::int64_t nanoseconds(const timespec& time) {
  return time.tv_sec * kSecond + time.tv_nsec;
}

bool changed_since(const struct stat& st, const workspace::Beginning& beginning) {
  return nanoseconds(st.st_ctim) >= beginning.seconds * kSecond + beginning.nanoseconds;
}

// A directory's ctime moves with every name in it, but then its mtime does too; alone, it moves when the
// directory is renamed, or its rights are changed.
bool was_moved(const struct stat& st, const workspace::Beginning& beginning) {
  return changed_since(st, beginning) && nanoseconds(st.st_ctim) > nanoseconds(st.st_mtim);
}

// Overlayfs's trusted.overlay.origin: a header, the file system's uuid, and a file handle.
constexpr std::size_t kHeader = 5, kUuid = 16;

using Handle = std::array<char, sizeof(file_handle) + MAX_HANDLE_SZ>;

std::string text_of(const file_handle& handle) {
  auto* bytes = reinterpret_cast<const unsigned char*>(handle.f_handle);
  return std::to_string(handle.handle_type) + ":" + brig::hex(std::span(bytes, handle.handle_bytes));
}

// Of the file of the project that this one is a copy of, if that is no longer there under any name; else "".
std::string original_that_is_gone(int copy, int project) {
  std::array<unsigned char, 256> value;
  auto path = "/proc/self/fd/" + std::to_string(copy);
  AsRoot root;
  auto n = ::getxattr(path.c_str(), "trusted.overlay.origin", value.data(), value.size());
  if (n <= static_cast<ssize_t>(kHeader + kUuid) || value[0] != 0 || value[1] != 0xfb) return {};
  auto length = static_cast<std::size_t>(n) - kHeader - kUuid;
  if (length > MAX_HANDLE_SZ) return {};
  alignas(file_handle) Handle space{};
  auto* handle = reinterpret_cast<file_handle*>(space.data());
  handle->handle_bytes = static_cast<unsigned>(length);
  handle->handle_type = value[4];
  std::memcpy(space.data() + sizeof(file_handle), value.data() + kHeader + kUuid, length);
  UniqueFd mount(::openat(project, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  UniqueFd original(::open_by_handle_at(mount.get(), handle, O_PATH | O_CLOEXEC));
  // Somebody may still hold it; a mounted overlay does.
  bool gone = original ? stat_of(original.get()).st_nlink == 0 : errno == ESTALE;
  return gone ? text_of(*handle) : std::string();
}

}  // namespace

Identity Identity::of(const struct stat& st) {
  return {st.st_mode, st.st_ino, st.st_size, nanoseconds(st.st_ctim), nanoseconds(st.st_mtim)};
}

std::string handle_of(int fd) {
  alignas(file_handle) Handle space{};
  auto* handle = reinterpret_cast<file_handle*>(space.data());
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  if (::name_to_handle_at(fd, "", handle, &mount, AT_EMPTY_PATH) != 0) return {};
  return text_of(*handle);
}

bool Identity::is_renamed(const Identity& other) const {
  auto same = other;
  same.ctime = ctime;
  return *this == same;
}

Result<Known> Known::load(const std::filesystem::path& file) {
  Known known;
  auto text = read_file(file, kMaxKnown);
  if (!text && text.error().code == Code::not_found) return known;
  BRIG_CHECK(text);
  auto json = nlohmann::json::parse(*text, nullptr, false);
  auto bad = [&] {
    return Error{Code::corrupt,
                 "The record of what was applied, " + brig::quoted(file.native(), 200) + ", is damaged",
                 "review", false};
  };
  if (!json.is_object()) return bad();
  for (const auto& [name, entry] : json.items()) {
    if (name == kTaken) {
      for (const auto& handle : entry) {
        if (!handle.is_string()) return bad();
        known.taken_.insert(handle.get<std::string>());
      }
      continue;
    }
    auto path = unspelled(name);
    if (!path || !entry.is_array() || entry.size() != 5) return bad();
    for (const auto& number : entry) {
      if (!number.is_number_integer()) return bad();
    }
    known.entries_[*path] = {entry[0], entry[1], entry[2], entry[3], entry[4]};
  }
  return known;
}

Result<void> Known::save(const std::filesystem::path& file) const {
  auto json = nlohmann::json::object();
  for (const auto& [path, e] : entries_) json[spelled(path)] = {e.mode, e.inode, e.size, e.ctime, e.mtime};
  if (!taken_.empty()) json[kTaken] = taken_;
  return write_file(file, json.dump(), 0600);
}

void Known::set(const std::string& path, const Identity& identity) {
  entries_[path] = identity;
}

void Known::took(const std::string& handle) {
  if (!handle.empty()) taken_.insert(handle);
}

bool Known::is(const std::string& path, const struct stat& st) const {
  auto it = entries_.find(path);
  return it != entries_.end() && it->second == Identity::of(st);
}

bool Known::is_gone(const std::string& path) const {
  auto it = entries_.find(path);
  return it != entries_.end() && !it->second.exists();
}

Result<std::string> conflict_of(const Source& source, const Known& known, const Change& change) {
  const auto& beginning = source.beginning;
  Found at;
  BRIG_TRY(at, source.trees.project.find(""));
  std::string path;
  auto parts = split(change.path, '/');
  for (std::size_t i = 0; i < parts.size() && at.kind == Found::Kind::directory; ++i) {
    if (i > 0 && was_moved(at.st, beginning) && !known.is(path, at.st))
      return "the directory " + brig::quoted(spelled(path), 300) +
             " was moved or given other rights on the host since the session began";
    path = joined(path, parts[i]);
    BRIG_TRY(at, source.trees.project.find(at.node, std::string(parts[i])));
    if (at.kind != Found::Kind::absent && i + 1 < parts.size() && at.kind != Found::Kind::directory) break;
  }
  bool exists = at.kind != Found::Kind::absent && path == change.path;
  if (!exists) {
    if (at.kind == Found::Kind::file) return std::string();  // the file in the way is judged by itself
    if (!change.after.is_file() || known.is_gone(change.path)) return std::string();
    BRIG_TRY(Found now, source.trees.workspace.find(change.path));
    if (now.kind != Found::Kind::file || !source.project) return std::string();
    auto original = original_that_is_gone(now.fd.get(), source.project->directory.get());
    if (!original.empty() && !known.has_taken(original))
      return std::string("what it was made from was deleted or replaced on the host since the session began");
    return std::string();
  }
  if (known.is(change.path, at.st)) return std::string();
  if (at.kind == Found::Kind::directory) {
    if (was_moved(at.st, beginning))
      return std::string("moved or given other rights on the host since the session began");
    return std::string();
  }
  if (changed_since(at.st, beginning)) return std::string("changed on the host since the session began");
  return std::string();
}

}  // namespace brig::review
