#include "backup/restore.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "backup/key.hpp"
#include "core/files.hpp"
#include "core/text.hpp"
#include "core/unique_fd.hpp"
#include "store/connection.hpp"
#include "store/copy.hpp"
#include "store/ledger_lock.hpp"
#include "store/schema.hpp"
#include "workspace/mounter.hpp"

namespace brig::backup {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxList = 64 << 20;
constexpr const char* kAsideList =
    "aside";  // what is to be moved away, a line each; the first names the place for it
constexpr const char* kParts[] = {"brig.db", "vault.key", "tls"};

Error failed(int err, const std::string& doing, const fs::path& path) {
  return errno_error(err, doing + " " + quoted(path.native(), 300), "restore");
}

bool is_there(const fs::path& path) {
  std::error_code ec;
  return fs::symlink_status(path, ec).type() != fs::file_type::not_found;
}

bool is_file(const fs::path& path) {
  std::error_code ec;
  return fs::symlink_status(path, ec).type() == fs::file_type::regular;
}

Result<void> move(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return failed(errno, "cannot move", from);
  return {};
}

Result<void> sync_disk(const fs::path& directory) {
  UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::syncfs(fd.get()) != 0) return failed(errno, "cannot sync", directory);
  return {};
}

Result<void> check_nothing_runs(const StatePaths& state) {
  BRIG_TRY(auto mounted, workspace::list_mounts(state.sessions()));
  if (mounted.empty()) return {};
  return Error{Code::conflict,
               "sandboxes are running, whose workspaces are mounted in " +
                   quoted(state.sessions().native(), 300) +
                   "; start brigd, end them with 'brig stop', and stop it again",
               "restore", false};
}

// What is moved aside is renamed, which no two disks can do; better said before anything is decided.
Result<void> check_one_disk(const StatePaths& state) {
  struct stat root {};
  if (::stat(state.root().c_str(), &root) != 0) return failed(errno, "cannot look at", state.root());
  for (const auto& path : {state.layers(), state.sessions(), state.tls()}) {
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0 || found.st_dev == root.st_dev) continue;
    return Error{Code::unsupported,
                 quoted(path.native(), 300) + " is on another disk than " +
                     quoted(state.root().native(), 300) +
                     ", and a restore renames what is there; put both on one",
                 "restore", false};
  }
  return {};
}

Result<void> check_free(const StatePaths& state, bool replace) {
  if (replace || !is_there(state.database())) return {};
  BRIG_TRY(auto ledger, store::Connection::open(state.database()));
  auto known = static_cast<std::int64_t>(store::migrations().size());
  BRIG_CHECK(store::keep_copy(*ledger, state.database(), known));
  BRIG_CHECK(store::migrate(*ledger, store::migrations()));
  BRIG_TRY(bool used, store::is_in_use(*ledger));
  if (!used) return {};
  return Error{
      Code::conflict,
      "the state in " + quoted(state.root().native(), 300) +
          " is in use: it has sessions, volumes, tokens or secrets; add --replace to put the backup in its "
          "place, which keeps what is there under another name",
      "restore", false};
}

// The names in a directory that are not in `known`.
std::vector<std::string> strangers(const fs::path& directory, const std::set<std::string>& known) {
  std::vector<std::string> out;
  std::error_code ec;
  for (fs::directory_iterator it(directory, ec), end; !ec && it != end; it.increment(ec)) {
    auto name = it->path().filename().string();
    if (!known.contains(name)) out.push_back(std::move(name));
  }
  return out;
}

Result<std::string> first_text(store::Connection& ledger, const char* sql) {
  BRIG_TRY(auto statement, ledger.prepare(sql));
  BRIG_TRY(bool row, statement.step());
  return row ? statement.text(0) : std::string();
}

// What this brigd makes of the ledger, and what of the disk it does not know.
Result<std::vector<std::string>> fit_ledger(const StatePaths& state, const fs::path& file,
                                            const Manifest& manifest, store::Unfit& unfit) {
  BRIG_TRY(auto ledger, store::Connection::open(file));
  BRIG_TRY(std::int64_t schema, store::schema_of(*ledger));
  BRIG_TRY(std::string verdict, first_text(*ledger, "PRAGMA quick_check(1)"));
  if (schema <= 0 || schema != manifest.schema || verdict != "ok")
    return Error{Code::corrupt, "the backup's ledger is not what it should be; nothing was changed",
                 "restore", false};
  BRIG_CHECK(store::migrate(*ledger, store::migrations()));
  store::OnDisk disk;
  disk.layer = [&](const LayerId& id) { return is_there(state.layer(id)); };
  disk.volume = [&](const std::string& name) {
    store::VolumeOnDisk out;
    out.image = is_file(state.volume(name) / "disk.img");
    out.directory = is_there(state.volume(name) / "data");
    struct stat archive {};
    auto put = state.quarantine(name);
    if (is_file(put / "volume.json") && ::lstat((put / "volume.zst").c_str(), &archive) == 0)
      out.archive = static_cast<std::uint64_t>(archive.st_size);
    return out;
  };
  BRIG_TRY(unfit, store::fit_to(*ledger, disk, SystemClock().wall()));
  std::set<std::string> layers, sessions;
  BRIG_TRY(auto layer_ids, store::layers_in(*ledger));
  for (const auto& id : layer_ids) layers.insert(id.str());
  BRIG_TRY(auto session_ids, store::sessions_in(*ledger));
  for (const auto& id : session_ids) sessions.insert(id.str());
  std::vector<std::string> aside;
  for (auto& name : strangers(state.layers(), layers)) aside.push_back("layers/" + name);
  for (auto& name : strangers(state.sessions(), sessions)) aside.push_back("sessions/" + name);
  return aside;
}

Result<void> put_key(const fs::path& staged, const Secret& passphrase) {
  BRIG_TRY(std::string sealed, read_file(staged / "vault.key.sealed", 64 * 1024));
  BRIG_TRY(Secret key, open_key(sealed, passphrase));
  return write_file(staged / "vault.key", key.reveal(), 0600);
}

}  // namespace

Result<bool> finish_restore(const StatePaths& state) {
  auto decided = state.root() / "restore";
  if (!is_there(decided)) return false;
  BRIG_TRY(std::string list, read_file(decided / kAsideList, kMaxList));
  auto lines = split(list, '\n');
  auto aside = state.root() / std::string(lines.empty() ? std::string_view("before-restore") : lines.front());
  std::error_code ec;
  for (const char* below : {"", "layers", "sessions"}) {
    auto path = below[0] ? aside / below : aside;
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return failed(errno, "cannot make", path);
  }
  for (std::size_t i = 1; i < lines.size(); ++i) {
    std::string name(lines[i]);
    if (!name.empty() && is_there(state.root() / name)) BRIG_CHECK(move(state.root() / name, aside / name));
  }
  // The old ledger's log is not the new one's: it goes first, while the new ledger is still to come.
  if (is_there(decided / "brig.db")) {
    for (const char* name : {"brig.db-wal", "brig.db-shm"})
      if (is_there(state.root() / name)) BRIG_CHECK(move(state.root() / name, aside / name));
  }
  for (const char* name : kParts) {
    if (!is_there(decided / name)) continue;
    if (is_there(state.root() / name)) BRIG_CHECK(move(state.root() / name, aside / name));
    BRIG_CHECK(move(decided / name, state.root() / name));
  }
  if (is_there(decided / "etc")) BRIG_CHECK(move(decided / "etc", aside / "etc"));
  BRIG_CHECK(sync_disk(state.root()));
  auto done = state.root() / "restore.new";
  fs::remove_all(done, ec);
  BRIG_CHECK(move(decided, done));
  fs::remove_all(done, ec);
  return true;
}

Result<Restored> restore(const Places& places, const fs::path& file, const Secret& passphrase, bool replace) {
  const auto& state = places.state;
  BRIG_TRY(UniqueFd held, store::lock_ledger(state.database()));
  BRIG_CHECK(finish_restore(state));
  BRIG_CHECK(check_nothing_runs(state));
  BRIG_CHECK(check_one_disk(state));
  BRIG_CHECK(check_free(state, replace));
  auto staged = state.root() / "restore.new";
  std::error_code ec;
  fs::remove_all(staged, ec);
  if (::mkdir(staged.c_str(), 0700) != 0) return failed(errno, "cannot make", staged);
  struct Removed {
    fs::path path;
    ~Removed() {
      std::error_code ec;
      fs::remove_all(path, ec);
    }
  } removed{staged};  // unless it was decided, and has another name

  UniqueFd into(::open(staged.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!into) return failed(errno, "cannot open", staged);
  Restored out;
  places.tell("reading the archive");
  BRIG_TRY(out.manifest, read_backup(file, into.get()));
  auto others = strangers(staged, {"brig.db", "vault.key.sealed", "tls", "etc"});
  if (!others.empty() || !is_there(staged / "brig.db"))
    return Error{Code::invalid,
                 others.empty() ? "the backup has no ledger in it; nothing was changed"
                                : "the backup holds " + quoted(others[0], 300) +
                                      ", which is no part of one; nothing was changed",
                 "restore", false};
  out.key = out.manifest.key && !passphrase.empty();
  if (out.key) places.tell("opening the vault's key");
  if (out.key) BRIG_CHECK(put_key(staged, passphrase));
  places.tell("checking the ledger");
  BRIG_TRY(auto aside, fit_ledger(state, staged / "brig.db", out.manifest, out.unfit));
  auto stamp = std::to_string(SystemClock().wall().time_since_epoch().count());
  auto place = "before-restore-" + stamp;
  BRIG_CHECK(write_file(staged / kAsideList, place + "\n" + join(aside, "\n") + "\n", 0600));
  out.aside = state.root() / place;
  places.tell("putting it in its place");
  BRIG_CHECK(sync_disk(staged));
  BRIG_CHECK(move(staged, state.root() / "restore"));
  BRIG_CHECK(sync_disk(state.root()));
  BRIG_CHECK(finish_restore(state));
  return out;
}

}  // namespace brig::backup
