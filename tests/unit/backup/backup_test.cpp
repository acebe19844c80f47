// Backups, and what becomes of the state when one is put in its place: whole, damaged, refused, and killed at
// every step.
#include "backup/backup.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "backup/key.hpp"
#include "backup/restore.hpp"
#include "core/files.hpp"
#include "store/database.hpp"
#include "store/schema.hpp"
#include "volume/framed.hpp"

namespace {
// Renames that are still to happen before this process dies in front of the next one; less than 0: it never
// does.
int renames_left = -1;
}  // namespace

// In front of libc's, so that a restore can be killed at each of its steps.
extern "C" int rename(const char* from, const char* to) noexcept {
  if (renames_left == 0) ::_exit(9);
  if (renames_left > 0) --renames_left;
  return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

namespace brig::backup {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Secret kPassphrase(std::string_view("correct horse battery"));
const std::string kOldKey(32, 'o'), kNewKey(32, 'n');
const std::string kLayer = "00112233445566aa", kGone = "00112233445566bb", kLater = "00112233445566cc";

std::string contents(const fs::path& path) {
  auto text = read_file(path, 64 << 20);
  return text ? *text : "(none)";
}

// Every file of a tree with what is in it; the ledger's own shadows aside.
std::string picture(const fs::path& root) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    auto name = entry.path().lexically_relative(root).string();
    if (name.ends_with("-wal") || name.ends_with("-shm") || name.ends_with(".lock")) continue;
    files[name] = entry.is_regular_file() ? contents(entry.path()) : "";
  }
  std::string out;
  for (const auto& [name, text] : files) out += name + "\n" + text + "\n";
  return out;
}

class Backup : public testing::Test {
 protected:
  Backup() : places{StatePaths(made()), {}, "1.2.3"} {
    fs::create_directories(state());
    std::ofstream(dir / "brig.toml") << "# mine\n";
    places.settings = {dir / "brig.toml", dir / "nothing.toml"};
  }
  ~Backup() override { fs::remove_all(dir); }

  fs::path made() {
    std::string name = fs::temp_directory_path() / "brig-backup-XXXXXX";
    dir = ::mkdtemp(name.data());
    return dir / "state";
  }
  fs::path state() const { return places.state.root(); }
  fs::path file() const { return dir / "brig.tar.zst"; }
  std::unique_ptr<store::Connection> ledger() {
    auto c = store::Connection::open(places.state.database());
    if (!c) throw std::runtime_error(c.error().message);
    auto done = store::migrate(**c, store::migrations());
    if (!done) throw std::runtime_error(done.error().message);
    return std::move(*c);
  }
  void session(const std::string& id, const std::string& name, const std::string& layer) {
    auto sql =
        "INSERT INTO sessions (id, name, owner, phase, reason, provider, image_tag, image_id, profile, "
        "runtime,"
        " policy_json, policy_hash, container_name, link_key, link_registered, generation, labels_json,"
        " remove_when_ended, created_ms, layer) VALUES ('" +
        id + "', '" + name + "', 'uid:0', 'ended', '', 'shell', '', '', 'default', 'runc', '{}', '', 'brig-" +
        id + "', zeroblob(32), 1, 1, '{}', 0, 1, '" + layer + "')";
    ASSERT_TRUE(ledger()->execute(sql.c_str()));
  }
  void mark(const std::string& value) {
    auto sql = "INSERT OR REPLACE INTO meta (key, value) VALUES ('mark', '" + value + "')";
    ASSERT_TRUE(ledger()->execute(sql.c_str()));
  }
  std::string text(const char* sql) {
    auto c = ledger();
    auto s = c->prepare(sql);
    return s && s->step().ok() ? s->text(0) : "";
  }
  std::string marked() { return text("SELECT value FROM meta WHERE key = 'mark'"); }
  void put(const std::string& what) {
    mark(what);
    std::ofstream(state() / "vault.key") << (what == "old" ? kOldKey : kNewKey);
    fs::create_directories(state() / "tls");
    std::ofstream(state() / "tls" / "cert.pem") << what;
  }
  // A state with something in it, backed up; then another one in its place.
  void back_up_and_go_on() {
    put("old");
    fs::create_directories(places.state.layer(LayerId(kLayer)));
    session("0011223344556601", "here", kLayer);
    auto done = back_up(places, file(), kPassphrase);
    ASSERT_TRUE(done) << done.error().message;
    put("new");
    session("0011223344556602", "later", kLater);
    fs::create_directories(places.state.layer(LayerId(kLater)) / "upper");
    fs::create_directories(places.state.session(SessionId("0011223344556602")));
  }
  fs::path dir;
  Places places;
};

TEST_F(Backup, IsPutInThePlaceOfWhatIsThere) {
  put("old");
  fs::create_directories(places.state.layer(LayerId(kLayer)));
  session("0011223344556601", "here", kLayer);
  session("0011223344556603", "elsewhere", kGone);
  ASSERT_TRUE(ledger()->execute(
      "INSERT INTO artefacts VALUES ('h', '00112233445566dd', 1, 1);"
      "INSERT INTO services (mesh, name, owner, spec_json, env, wanted, state, reason, artefact, built_json,"
      " session_id, server_json, created_ms, updated_ms) VALUES ('acme', 'ev', 'uid:0', '{}', x'', "
      "'running', 'running', '', 'h', '{}', "
      "'', '', 1, 1);"
      // One that does not read keeps nothing else from coming back.
      "INSERT INTO services (mesh, name, owner, spec_json, env, wanted, state, reason, artefact, built_json,"
      " session_id, server_json, created_ms, updated_ms) VALUES ('acme', 'odd', 'uid:0', '{half', x'', "
      "'running', 'running', '', 'h', '{}', '', '', 1, 1);"
      "INSERT INTO volumes (name, owner, mesh, provider, identity, created_ms, attached_by) VALUES"
      " ('brig-x-1', 'uid:0', '', '', '', 1, '')"));
  auto open = ledger();  // as by a brigd that runs
  auto manifest = back_up(places, file(), kPassphrase);
  open.reset();
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_TRUE(manifest->key);
  struct stat st {};
  ASSERT_EQ(::stat(file().c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  EXPECT_FALSE(fs::exists(state() / "backup.new"));
  EXPECT_EQ(contents(file()).find(kOldKey), std::string::npos);

  put("new");
  session("0011223344556602", "later", kLater);
  fs::create_directories(places.state.layer(LayerId(kLater)));
  auto refused = restore(places, file(), kPassphrase, false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_THAT(refused.error().message, HasSubstr("--replace"));
  EXPECT_EQ(marked(), "new");

  auto done = restore(places, file(), kPassphrase, true);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(done->key);
  EXPECT_EQ(done->manifest.version, "1.2.3");
  EXPECT_THAT(done->unfit.sessions, ElementsAre("elsewhere"));
  EXPECT_THAT(done->unfit.volumes, ElementsAre("brig-x-1"));
  EXPECT_THAT(done->unfit.services, ElementsAre("acme/ev", "acme/odd"));
  EXPECT_EQ(marked(), "old");
  EXPECT_EQ(contents(state() / "vault.key"), kOldKey);
  EXPECT_EQ(contents(state() / "tls" / "cert.pem"), "old");
  EXPECT_EQ(text("SELECT group_concat(name) FROM sessions"), "here");
  EXPECT_EQ(text("SELECT group_concat(artefact) FROM services"), ",");
  // What was there is still to be had: the ledger, and the layer that nobody knows any more.
  EXPECT_EQ(contents(done->aside / "vault.key"), kNewKey);
  EXPECT_TRUE(fs::exists(done->aside / "brig.db"));
  EXPECT_TRUE(fs::exists(done->aside / "layers" / kLater));
  EXPECT_TRUE(fs::exists(places.state.layer(LayerId(kLayer))));
  EXPECT_EQ(contents(done->aside / "etc" / "brig.toml"), "# mine\n");
  EXPECT_FALSE(fs::exists(state() / "restore"));
  EXPECT_FALSE(fs::exists(state() / "restore.new"));
}

// A prune that came after the backup, and one that was taken back: what the backup says of it is not so any
// more.
TEST_F(Backup, FindsVolumesWhereTheyAreNow) {
  put("old");
  ASSERT_TRUE(ledger()->execute(
      "INSERT INTO volumes (name, owner, mesh, provider, identity, created_ms, attached_by, label, bytes,"
      " removing, stage, stage_ms) VALUES ('brig-pruned', 'uid:0', '', '', '', 1, '', 'a', 9, 0, '', NULL),"
      " ('brig-back', 'uid:0', '', '', '', 1, '', 'b', 9, 1, 'quarantined', 1),"
      " ('brig-plain', 'uid:0', '', '', '', 1, '', 'c', 0, 1, '', NULL),"
      " ('brig-half', 'uid:0', '', '', '', 1, '', 'd', 9, 0, '', NULL)"));
  ASSERT_TRUE(back_up(places, file(), Secret()));
  auto lay = [](const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  };
  for (const char* name : {"brig-pruned", "brig-back"}) {
    lay(places.state.quarantine(name) / "volume.zst", "archive");
    lay(places.state.quarantine(name) / "volume.json", "{}");
  }
  lay(places.state.volume("brig-back") / "disk.img", "image");
  fs::create_directories(places.state.volume("brig-plain") / "data");
  fs::create_directories(places.state.volume("brig-half") / "data");
  lay(places.state.quarantine("brig-half") / "volume.zst", "half of an archive");

  auto done = restore(places, file(), Secret(), true);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_THAT(done->unfit.volumes, ElementsAre("brig-half"));
  EXPECT_EQ(
      text("SELECT group_concat(name || ' ' || stage || ' ' || removing || ' ' || archive_bytes || ' ' ||"
           " (ifnull(stage_ms, 0) > 1), ', ') FROM (SELECT * FROM volumes ORDER BY name)"),
      "brig-back  0 0 0, brig-plain  0 0 0, brig-pruned quarantined 1 7 1");
}

TEST_F(Backup, IsNotMadeOfHalfARestore) {
  put("old");
  fs::create_directories(state() / "restore");
  auto refused = back_up(places, file(), Secret());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("a restore is under way"));
  EXPECT_FALSE(fs::exists(file()));
}

TEST_F(Backup, IsNobodyElsesThoughAFileLiesThere) {
  put("old");
  auto half = file();
  half += ".partial";
  std::ofstream(half) << "mine";
  fs::create_hard_link(half, dir / "another name");
  ASSERT_TRUE(back_up(places, file(), Secret()));
  EXPECT_EQ(contents(dir / "another name"), "mine");
}

TEST_F(Backup, NeedsNoLeaveWhereNothingIsInUse) {
  back_up_and_go_on();
  fs::remove_all(state());
  fs::create_directories(state());
  ASSERT_TRUE(store::Database::open(places.state.database()));  // of a brigd that was just installed
  auto done = restore(places, file(), Secret(), false);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_FALSE(done->key);
  EXPECT_EQ(marked(), "old");
  EXPECT_FALSE(fs::exists(state() / "vault.key"));
  EXPECT_THAT(done->unfit.sessions, ElementsAre("here"));
}

TEST_F(Backup, ThatIsDamagedChangesNothing) {
  back_up_and_go_on();
  auto whole = contents(file());
  auto before = picture(state());
  auto try_it = [&](const std::string& bytes) {
    std::ofstream(file(), std::ios::trunc | std::ios::binary) << bytes;
    auto done = restore(places, file(), Secret(), true);
    EXPECT_FALSE(done);
    return done ? std::string() : done.error().message;
  };
  for (std::size_t at = 0; at < whole.size(); at += 1 + whole.size() / 60) {
    auto flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    EXPECT_THAT(try_it(flipped), HasSubstr("damaged at byte")) << at;
    try_it(whole.substr(0, at));
  }
  EXPECT_THAT(try_it(whole + "x"), HasSubstr("damaged at byte"));
  EXPECT_EQ(picture(state()), before);
}

TEST_F(Backup, OfAnotherKindIsRefused) {
  back_up_and_go_on();
  auto before = picture(state());
  auto archive = [&](const char* first, const char* text, const char* name) {
    std::ofstream out(file(), std::ios::trunc | std::ios::binary);
    volume::FrameWriter writer([&](std::string_view bytes) { return static_cast<bool>(out << bytes); });
    for (auto [path, content] : {std::pair{first, text}, std::pair{name, "x"}}) {
      tar::Entry entry;
      entry.name = path;
      entry.size = std::string_view(content).size();
      EXPECT_TRUE(write_entry(writer, entry) && writer.write(content, entry.size) &&
                  tar::write_padding(writer, entry.size));
    }
    EXPECT_TRUE(tar::write_end(writer) && writer.finish());
  };
  auto says = [&] {
    auto done = restore(places, file(), Secret(), true);
    EXPECT_FALSE(done);
    return done ? std::string() : done.error().message;
  };
  auto good = text_of({"1", "2", "3", 1, false});
  archive(".brig-volume.json", "{}", "volume/x");
  EXPECT_THAT(says(), HasSubstr("is no backup of Brig"));
  archive(kManifest, "{\"brig_backup\":2}", "backup/x");
  EXPECT_THAT(says(), HasSubstr("newer Brig"));
  archive(kManifest, good.c_str(), "backup/../../x");
  EXPECT_THAT(says(), HasSubstr("no part of a backup"));
  archive(kManifest, good.c_str(), "elsewhere");
  EXPECT_THAT(says(), HasSubstr("no part of a backup"));
  // Neither a key in the clear nor a list of ours comes from outside.
  for (const char* name : {"backup/vault.key", "backup/aside", "backup/brig.db-wal"}) {
    archive(kManifest, good.c_str(), name);
    EXPECT_THAT(says(), HasSubstr("no part of one")) << name;
  }
  archive(kManifest, good.c_str(), "backup/brig.db");
  says();
  EXPECT_EQ(picture(state()), before);
}

TEST_F(Backup, OfANewerSchemaOrUnderAnotherPassphraseIsRefused) {
  back_up_and_go_on();
  auto before = picture(state());
  auto wrong = restore(places, file(), Secret(std::string_view("some other words")), true);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::denied);
  EXPECT_EQ(picture(state()), before);
  ASSERT_TRUE(ledger()->execute("PRAGMA user_version=999"));
  before = picture(state());
  fs::remove(file());
  ASSERT_TRUE(back_up(places, file(), Secret()));
  Places other{StatePaths(dir / "other"), {}, "1"};
  fs::create_directories(other.state.root());
  auto newer = restore(other, file(), Secret(), false);
  ASSERT_FALSE(newer);
  EXPECT_THAT(newer.error().message, HasSubstr("newer Brig"));
  EXPECT_FALSE(fs::exists(other.state.database()));
  EXPECT_EQ(picture(state()), before);
}

TEST_F(Backup, IsNotRestoredBesideABrigdThatRuns) {
  back_up_and_go_on();
  auto running = store::Database::open(places.state.database());
  ASSERT_TRUE(running) << running.error().message;
  auto refused = restore(places, file(), Secret(), true);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("in use by another brigd"));
}

// Killed in front of each rename in turn: what the next start of brigd finds is one state or the other.
TEST_F(Backup, IsOldOrNewWhereverARestoreIsKilled) {
  back_up_and_go_on();
  auto kept = dir / "kept";
  fs::copy(state(), kept, fs::copy_options::recursive);
  std::set<std::string> seen;
  int step = 0;
  for (bool whole = false; !whole; ++step) {
    ASSERT_LT(step, 100);
    fs::remove_all(state());
    fs::copy(kept, state(), fs::copy_options::recursive);
    pid_t child = ::fork();
    if (child == 0) {
      renames_left = step;
      auto done = restore(places, file(), kPassphrase, true);
      ::_exit(done ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    whole = WEXITSTATUS(status) == 0;
    ASSERT_TRUE(whole || WEXITSTATUS(status) == 9) << step;
    auto finished = finish_restore(places.state);
    ASSERT_TRUE(finished) << finished.error().message;
    auto is = marked();
    seen.insert(is);
    EXPECT_EQ(contents(state() / "vault.key"), is == "old" ? kOldKey : kNewKey) << step;
    EXPECT_EQ(contents(state() / "tls" / "cert.pem"), is) << step;
    EXPECT_EQ(fs::exists(places.state.layer(LayerId(kLater))), is == "new") << step;
    EXPECT_EQ(text("SELECT count(*) FROM sessions WHERE name = 'later'"), is == "new" ? "1" : "0") << step;
    EXPECT_EQ(text("PRAGMA integrity_check"), "ok") << step;
    EXPECT_FALSE(fs::exists(state() / "restore")) << step;
  }
  EXPECT_GT(step, 8);
  EXPECT_EQ(seen.size(), 2u);
}

TEST(Key, OpensUnderItsPassphraseAlone) {
  Secret key(std::string_view("\0key\n with anything in it", 25));
  auto sealed = seal_key(key, kPassphrase);
  ASSERT_TRUE(sealed);
  auto opened = open_key(*sealed, kPassphrase);
  ASSERT_TRUE(opened);
  EXPECT_TRUE(opened->equals(key.reveal()));
  auto flipped = *sealed;
  flipped.back() ^= 1;
  EXPECT_EQ(open_key(flipped, kPassphrase).error().code, Code::denied);
  EXPECT_EQ(open_key("BRIGKEY1", kPassphrase).error().code, Code::corrupt);
}

}  // namespace
}  // namespace brig::backup
