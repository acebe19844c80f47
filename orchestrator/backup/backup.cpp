#include "backup/backup.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "backup/key.hpp"
#include "core/files.hpp"
#include "core/text.hpp"
#include "core/unique_fd.hpp"
#include "core/units.hpp"
#include "store/copy.hpp"
#include "store/schema.hpp"
#include "tar/pack.hpp"
#include "volume/framed.hpp"

namespace brig::backup {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kMaxKey = 4096;

Error failed(const std::string& doing, const fs::path& path) {
  return errno_error(errno, doing + " " + quoted(path.native(), 300), "backup");
}

// What goes into a backup, put together beside the state; nobody else's, and gone afterwards.
class Gathered {
 public:
  static Result<Gathered> begin(const fs::path& state) {
    auto path = state / "backup.new";
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return failed("cannot make", path);
    UniqueFd held(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!held) return failed("cannot open", path);
    if (::flock(held.get(), LOCK_EX | LOCK_NB) != 0)
      return Error{Code::conflict, "another backup is being made; wait for that one", "backup", false};
    Gathered out(path, std::move(held));
    std::error_code ec;
    fs::remove_all(out.top(), ec);  // of one that was killed
    if (::mkdir(out.top().c_str(), 0700) != 0) return failed("cannot make", out.top());
    return out;
  }
  Gathered(Gathered&&) = default;
  ~Gathered() {
    std::error_code ec;
    if (held_) fs::remove_all(path_, ec);
  }
  int directory() const { return held_.get(); }
  fs::path top() const { return path_ / kTop; }

 private:
  Gathered(fs::path path, UniqueFd held) : path_(std::move(path)), held_(std::move(held)) {}
  fs::path path_;
  UniqueFd held_;
};

Result<void> copy_over(const fs::path& from, const fs::path& to) {
  std::error_code ec;
  if (!fs::exists(from, ec)) return {};
  fs::create_directories(to.parent_path(), ec);
  fs::copy(from, to, fs::copy_options::recursive, ec);
  if (ec) return errno_error(ec.value(), "cannot copy " + quoted(from.native(), 300), "backup");
  return {};
}

Result<std::string> installation_of(store::Connection& ledger) {
  BRIG_TRY(auto statement, ledger.prepare("SELECT value FROM meta WHERE key = 'installation'"));
  BRIG_TRY(bool row, statement.step());
  return row ? statement.text(0) : std::string();
}

Result<Manifest> gather(const Places& places, const Secret& passphrase, const fs::path& top) {
  Manifest manifest;
  auto ledger = places.state.database();
  std::error_code ec;
  if (!fs::exists(ledger, ec))
    return Error{Code::not_found, "there is no ledger " + quoted(ledger.native(), 300) + " to back up",
                 "backup", false};
  if (fs::exists(places.state.root() / "restore", ec))
    return Error{Code::conflict,
                 "a restore is under way, or was cut off; start brigd, or restore again, and back up then",
                 "backup", false};
  places.tell("copying the ledger");
  {
    BRIG_TRY(auto connection, store::Connection::open(ledger));
    BRIG_TRY(manifest.schema, store::schema_of(*connection));
    BRIG_TRY(manifest.installation, installation_of(*connection));
    BRIG_CHECK(store::copy_ledger(*connection, top / "brig.db"));
  }
  auto key_file = places.state.root() / "vault.key";
  if (!passphrase.empty() && fs::exists(key_file, ec)) {
    places.tell("sealing the vault's key");
    BRIG_TRY(std::string bytes, read_file(key_file, kMaxKey));
    Secret key(bytes);
    explicit_bzero(bytes.data(), bytes.size());
    BRIG_TRY(std::string sealed, seal_key(key, passphrase));
    BRIG_CHECK(write_file(top / "vault.key.sealed", sealed, 0600));
    manifest.key = true;
  }
  BRIG_CHECK(copy_over(places.state.tls(), top / "tls"));
  for (const auto& setting : places.settings)
    BRIG_CHECK(copy_over(setting, top / "etc" / setting.filename()));
  manifest.version = places.version;
  manifest.created = format_time(SystemClock().wall());
  return manifest;
}

Result<void> pack(const Gathered& gathered, const Manifest& manifest, int to) {
  auto send = [to](std::string_view bytes) {
    while (!bytes.empty()) {
      auto n = ::write(to, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  };
  volume::FrameWriter writer(send);
  auto text = text_of(manifest);
  tar::Entry entry;
  entry.name = kManifest;
  entry.mode = 0600;
  entry.size = text.size();
  auto packer = std::make_unique<tar::Packer>(writer);
  errno = 0;
  bool good = tar::write_entry(writer, entry) && writer.write(text.data(), text.size()) &&
              tar::write_padding(writer, text.size()) && packer->pack(gathered.directory(), kTop, kTop) &&
              tar::write_end(writer) && writer.finish();
  if (good) return {};
  auto error = errno_error(errno ? errno : EIO, "cannot write the backup", "backup");
  if (packer->trouble().is_set())
    error = errno_error(packer->trouble().error, std::string("cannot ") + packer->trouble().doing, "backup");
  return error;
}

Result<void> sync_directory(const fs::path& directory) {
  auto path = directory.empty() ? fs::path(".") : directory;
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return failed("cannot sync", path);
  return {};
}

// Under its name only once it is whole, on the disk, and read again.
Result<void> write_whole(const Gathered& gathered, const Manifest& manifest, const fs::path& file,
                         const Places& places) {
  auto half = file;
  half += ".partial";
  // Nobody else's, whatever lies there under that name.
  ::unlink(half.c_str());
  UniqueFd out(::open(half.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!out || ::fchmod(out.get(), 0600) != 0) return failed("cannot write", half);
  auto done = pack(gathered, manifest, out.get());
  if (done && ::fsync(out.get()) != 0) done = failed("cannot write", half);
  if (done) {
    places.tell("reading it again");
    auto read = read_backup(half, -1);
    if (!read) done = std::move(read).error();
  }
  if (done && ::rename(half.c_str(), file.c_str()) != 0) done = failed("cannot write", file);
  if (done) done = sync_directory(file.parent_path());
  if (!done) ::unlink(half.c_str());
  return done;
}

}  // namespace

Result<Manifest> back_up(const Places& places, const fs::path& file, const Secret& passphrase) {
  BRIG_TRY(auto gathered, Gathered::begin(places.state.root()));
  BRIG_TRY(auto manifest, gather(places, passphrase, gathered.top()));
  places.tell("writing the archive");
  if (file == "-") {
    BRIG_CHECK(pack(gathered, manifest, STDOUT_FILENO));
  } else {
    BRIG_CHECK(write_whole(gathered, manifest, file, places));
  }
  return manifest;
}

std::string text_of(const Manifest& manifest) {
  json out{{"brig_backup", 1},
           {"version", manifest.version},
           {"installation", manifest.installation},
           {"created", manifest.created},
           {"schema", manifest.schema},
           {"key", manifest.key}};
  return out.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<Manifest> parse_manifest(std::string_view text) {
  auto refuse = [](const char* why) {
    return Error{Code::invalid, std::string("the file ") + why + "; nothing was changed", "backup", false};
  };
  auto object = json::parse(text, nullptr, false);
  if (!object.is_object() || !object.contains("brig_backup")) return refuse("is no backup of Brig");
  if (object["brig_backup"] != 1) return refuse("was written by a newer Brig");
  Manifest out;
  auto word = [&](const char* name) {
    auto at = object.find(name);
    return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  out.version = word("version");
  out.installation = word("installation");
  out.created = word("created");
  if (!object.contains("schema") || !object["schema"].is_number_integer())
    return refuse("does not say its schema");
  out.schema = object["schema"].get<std::int64_t>();
  out.key = object.value("key", json(false)) == true;
  return out;
}

}  // namespace brig::backup
