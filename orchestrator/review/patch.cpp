#include "review/patch.hpp"

#include <array>

#include "core/text.hpp"
#include "review/rights.hpp"

namespace brig::review {
namespace {

std::string octal(mode_t mode) {
  std::array<char, 16> text;
  auto n = std::snprintf(text.data(), text.size(), "%06o", static_cast<unsigned>(mode));
  return std::string(text.data(), static_cast<std::size_t>(n));
}

std::string note(const Change& change) {
  std::string notes;
  auto say = [&](const std::string& what) {
    notes += "# brig: " + spelled(change.path) + ": " + what + "\n";
  };
  auto bits = [](const Side& side) { return octal(side.mode & 07777).substr(2); };
  if (!change.trouble.empty()) {
    say(change.trouble);
    return notes;
  }
  for (const Side* side : {&change.before, &change.after}) {
    if (!side->is_special() && !side->is_directory()) continue;
    const char* what = side == &change.after ? "added" : "deleted";
    if (change.before.is_directory() && change.after.is_directory()) break;
    say(std::string(kind_of(side->mode)) + " " + what);
  }
  bool both = change.before.exists() && change.after.exists() && !change.after.is_link();
  mode_t executable = change.before.is_directory() ? 0 : 0100;
  auto beyond_git = [&](const Side& side) { return side.mode & 07777 & ~executable; };
  if (both && kind_of(change.before.mode) == kind_of(change.after.mode) &&
      beyond_git(change.before) != beyond_git(change.after) &&
      // The three executable bits together are git's word for one.
      ((change.before.mode ^ change.after.mode) & 07777) != 0111) {
    say("mode " + bits(change.before) + " becomes " + bits(change.after));
  }
  if (!change.before.exists() && (change.after.mode & 07000) != 0 && !change.after.is_link())
    say("mode " + bits(change.after));
  return notes;
}

mode_t gits_mode(mode_t mode) {
  if (S_ISLNK(mode)) return 0120000;
  if (S_ISREG(mode)) return (mode & 0100) != 0 ? 0100755 : 0100644;
  return 0;
}

}  // namespace

Result<Blob> read_blob(const Found& found) {
  Blob blob;
  if (found.kind != Found::Kind::file) return blob;
  blob.mode = gits_mode(found.st.st_mode);
  if (S_ISLNK(found.st.st_mode)) {
    BRIG_TRY(blob.bytes, link_target(found.fd.get()));
    return blob;
  }
  if (blob.mode == 0) return blob;
  UniqueFd file = open_file(found.fd.get());
  if (!file) return errno_error(errno, "Cannot read " + brig::quoted(spelled(found.path), 300), "review");
  std::vector<char> chunk(256 * 1024);
  while (blob.bytes.size() <= kMaxText) {
    auto n = ::read(file.get(), chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "Cannot read " + brig::quoted(spelled(found.path), 300), "review");
    if (n == 0) return blob;
    blob.bytes.append(chunk.data(), static_cast<std::size_t>(n));
    if (looks_binary(blob.bytes)) break;
  }
  blob.binary = true;
  blob.bytes.clear();
  return blob;
}

Result<FilePatch> patch_of(const Trees& trees, const Change& change) {
  FilePatch patch;
  auto notes = note(change);
  if (change.trouble.empty()) {
    const auto& from = change.kind == ChangeKind::renamed ? change.from : change.path;
    BRIG_TRY(Found then, trees.project.find(from));
    BRIG_TRY(Found now, trees.workspace.find(change.path));
    // Where the bytes are the same nobody needs to read them.
    if (!change.content_differs) {
      patch = patch_between(from, Blob{gits_mode(then.st.st_mode), "", false}, change.path,
                            Blob{gits_mode(now.st.st_mode), "", false});
    } else {
      auto before = read_blob(then), after = read_blob(now);
      if (!before || !after) {
        auto& error = before ? after.error() : before.error();
        if (error.code != Code::denied) return error;
        notes += "# brig: " + spelled(change.path) + ": not readable by the project's owner\n";
      } else {
        patch = patch_between(from, *before, change.path, *after);
      }
    }
  }
  patch.text = notes + patch.text;
  return patch;
}

}  // namespace brig::review
