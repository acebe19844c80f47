#include "own_hosts.hpp"

#include <sys/mount.h>

#include "brigd.hpp"

namespace brig::test {

OwnHosts::OwnHosts(const std::string& content) {
  auto dir = harness::Engine::shared().scratch("hosts");
  if (!dir) std::abort();
  file_ = *dir / "hosts";
  put_file(file_, content, 0);
  if (::mount(file_.c_str(), "/etc/hosts", nullptr, MS_BIND, nullptr) != 0) std::abort();
}

OwnHosts::~OwnHosts() {
  ::umount2("/etc/hosts", MNT_DETACH);
  std::error_code ec;
  std::filesystem::remove_all(directory(), ec);
}

}  // namespace brig::test
