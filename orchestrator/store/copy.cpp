#include "store/copy.hpp"

#include <fcntl.h>

#include "core/log.hpp"
#include "core/text.hpp"
#include "core/unique_fd.hpp"
#include "store/schema.hpp"

namespace brig::store {
namespace {

Error failed(const std::string& doing, const std::filesystem::path& path) {
  return errno_error(errno, doing + " " + brig::quoted(path.native(), 200), "store: copy");
}

Result<void> sync(const std::filesystem::path& path, int flags) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return failed("Cannot sync", path);
  return {};
}

}  // namespace

Result<void> copy_ledger(Connection& connection, const std::filesystem::path& to) {
  auto half = to;
  half += ".new";
  // Made by us, so that it is never readable by others; SQLite fills an empty file.
  UniqueFd made(::open(half.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!made) return failed("Cannot make", half);
  made.reset();
  {
    BRIG_TRY(Statement statement, connection.prepare("VACUUM INTO ?1"));
    statement.bind(1, half.native());
    BRIG_CHECK(statement.done());
  }
  BRIG_CHECK(sync(half, O_RDONLY));
  if (::rename(half.c_str(), to.c_str()) != 0) return failed("Cannot make", to);
  return sync(to.parent_path(), O_RDONLY | O_DIRECTORY);
}

std::filesystem::path kept_copy(const std::filesystem::path& ledger, std::int64_t schema) {
  auto path = ledger;
  path += ".schema-" + std::to_string(schema);
  return path;
}

std::filesystem::path find_copy(const std::filesystem::path& ledger, std::int64_t known) {
  std::error_code ec;
  for (auto schema = known; schema > 0; --schema) {
    if (auto path = kept_copy(ledger, schema); std::filesystem::exists(path, ec)) return path;
  }
  return {};
}

Result<void> keep_copy(Connection& connection, const std::filesystem::path& ledger, std::int64_t known) {
  BRIG_TRY(std::int64_t schema, schema_of(connection));
  if (schema <= 0 || schema >= known) return {};
  auto path = kept_copy(ledger, schema);
  BRIG_CHECK(copy_ledger(connection, path));
  log::info("the ledger gets a newer schema; as it was it is kept",
            {{"from", schema}, {"to", known}, {"copy", path.native()}});
  for (auto older = schema - 1; older > 0; --older) {
    std::error_code ec;
    std::filesystem::remove(kept_copy(ledger, older), ec);
  }
  return {};
}

}  // namespace brig::store
