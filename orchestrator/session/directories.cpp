#include "session/directories.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "core/files.hpp"
#include "core/text.hpp"
#include "policy/compile.hpp"

namespace brig::session {
namespace {

// chmod as well: the umask of a service that keeps secrets is tight.
Result<void> make(const std::filesystem::path& path, mode_t mode) {
  if ((::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) || ::chmod(path.c_str(), mode) != 0) {
    return errno_error(errno, "cannot make " + quoted(path.native(), 256), "session");
  }
  return {};
}

Result<void> link(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::link(from.c_str(), to.c_str()) == 0 || errno == EEXIST) return {};
  return errno_error(errno, "cannot link " + quoted(from.native(), 256) + " to " + quoted(to.native(), 256),
                     "session");
}

}  // namespace

Result<void> make_directories(const StatePaths& paths, const SessionId& id, const std::string& hosts,
                              const std::filesystem::path& ca_bundle) {
  BRIG_CHECK(make(paths.session(id), 0711));
  BRIG_CHECK(make(paths.link_dir(id), 0755));
  BRIG_CHECK(make(paths.workspace(id), 0755));
  BRIG_CHECK(make(paths.session(id) / "out", 0700));
  BRIG_CHECK(write_file(paths.hosts(id), hosts, 0644, Sync::no));  // no sandbox outlives the machine
  BRIG_CHECK(write_file(paths.resolv(id), policy::kResolvText, 0644, Sync::no));
  BRIG_CHECK(link(paths.init_binary(), paths.link_init(id)));
  if (!ca_bundle.empty()) BRIG_CHECK(link(ca_bundle, paths.link_dir(id) / "ca.crt"));
  return {};
}

}  // namespace brig::session
