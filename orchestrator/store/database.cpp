#include "store/database.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <thread>

#include "core/random.hpp"
#include "core/text.hpp"
#include "store/copy.hpp"
#include "store/schema.hpp"

namespace brig::store {

namespace {

// A child that a killed brigd was just making has a share in its lock, and ends within moments.
constexpr std::chrono::seconds kPatienceWithHeirs(10);

// Whether the process that the lock file names has ended, buried or not.
bool has_ended(std::string_view pid_text) {
  pid_t pid = 0;
  std::from_chars(pid_text.data(), pid_text.data() + pid_text.size(), pid);
  if (pid <= 0) return false;
  UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return errno == ESRCH;
  pollfd ended{process.get(), POLLIN, 0};
  return ::poll(&ended, 1, 0) == 1;
}

Result<UniqueFd> lock(const std::filesystem::path& file) {
  auto path = file;
  path += ".lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return errno_error(errno, "Cannot open " + brig::quoted(path.native(), 200), "store: lock");
  const auto until = std::chrono::steady_clock::now() + kPatienceWithHeirs;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      return errno_error(errno, "Cannot lock " + brig::quoted(path.native(), 200), "store: lock");
    char text[16] = {};
    auto n = ::pread(fd.get(), text, sizeof text - 1, 0);
    std::string_view pid(text, n > 0 ? static_cast<std::size_t>(n) : 0);
    if (has_ended(pid) && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      continue;
    }
    std::string who = pid.empty() ? "another process" : "process " + printable(pid);
    return Error{Code::conflict,
                 "The state directory " + brig::quoted(file.parent_path().native(), 200) +
                     " is in use by another brigd (" + who +
                     "): stop that one, or give this one a state directory of its own",
                 "store: lock", false};
  }
  // Only for the sentence above; the lock itself is the kernel's and goes with the process.
  auto pid = std::to_string(::getpid());
  if (::ftruncate(fd.get(), 0) != 0 || ::pwrite(fd.get(), pid.data(), pid.size(), 0) < 0) {
    return errno_error(errno, "Cannot write " + brig::quoted(path.native(), 200), "store: lock");
  }
  return fd;
}

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
  BRIG_TRY(UniqueFd held, lock(file));
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
