#include "store/database.hpp"

#include "core/random.hpp"
#include "core/text.hpp"
#include "store/copy.hpp"
#include "store/ledger_lock.hpp"
#include "store/schema.hpp"

namespace brig::store {
namespace {

Result<void> check(Connection& connection, const std::filesystem::path& file) {
  BRIG_TRY(Statement statement, connection.prepare("PRAGMA quick_check(1)"));
  BRIG_TRY(bool row, statement.step());
  if (row && statement.text(0) == "ok") return {};
  return Error{Code::corrupt,
               "The ledger " + brig::quoted(file.native(), 200) + " is damaged (" +
                   (row ? printable(statement.text(0)) : std::string("no verdict")) +
                   "): move it away together with its -wal and -shm and start again, or restore a backup",
               "store: open", false};
}

Result<void> bring_up_to_date(Connection& connection, const std::filesystem::path& file) {
  auto known = static_cast<std::int64_t>(migrations().size());
  BRIG_CHECK(keep_copy(connection, file, known));
  auto done = migrate(connection, migrations());
  if (done || done.error().code != Code::unsupported) return done;
  Error error = std::move(done).error();
  if (auto copy = find_copy(file, known); !copy.empty()) {
    error.message += "; or go back to what it was before that: move " + brig::quoted(file.native(), 200) +
                     " away together with its -wal and -shm, and put " + brig::quoted(copy.native(), 200) +
                     " in its place";
  }
  return error;
}

Result<std::string> installation_of(Connection& connection) {
  {
    BRIG_TRY(Statement insert,
             connection.prepare(
                 "INSERT INTO meta (key, value) VALUES ('installation', ?1) ON CONFLICT DO NOTHING"));
    insert.bind(1, random_hex(8));
    BRIG_CHECK(insert.done());
  }
  BRIG_TRY(Statement select, connection.prepare("SELECT value FROM meta WHERE key = 'installation'"));
  BRIG_TRY(bool row, select.step());
  auto id = row ? select.text(0) : std::string();
  if (id.size() != 16)
    return Error{Code::corrupt, "The ledger has lost the installation's id", "store: open", false};
  return id;
}

}  // namespace

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& file) {
  BRIG_TRY(UniqueFd held, lock_ledger(file));
  BRIG_TRY(auto connection, Connection::open(file));
  BRIG_CHECK(check(*connection, file));
  BRIG_CHECK(bring_up_to_date(*connection, file));
  BRIG_TRY(std::string installation, installation_of(*connection));
  return std::unique_ptr<Database>(
      new Database(std::move(held), std::move(connection), std::move(installation)));
}

Database::Database(UniqueFd lock, std::unique_ptr<Connection> connection, std::string installation)
    : lock_(std::move(lock)), connection_(std::move(connection)), installation_(std::move(installation)) {}

Database::~Database() = default;

}  // namespace brig::store
