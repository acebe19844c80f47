#include "supervisor/listener.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "core/random.hpp"
#include "core/text.hpp"

namespace brig::supervisor {
namespace {

constexpr int kBacklog = 128;

}  // namespace

Result<void> Listener::open(const std::filesystem::path& directory, std::optional<uid_t> owner) {
  auto fail = [&](const char* what) {
    int error = errno;
    return errno_error(error, std::string(what) + " " + quoted(directory.native(), 200), "listen");
  };
  directory_.reset(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory_) return fail("cannot open the link directory");
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail("cannot make a socket for");
  std::string temporary = ".sock-" + random_hex(4);
  std::string path = "/proc/self/fd/" + std::to_string(directory_.get()) + "/" + temporary;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);  // at most 40 characters
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return fail("cannot bind a socket in");
  }
  auto undo = [&](const char* what) {
    auto error = fail(what);
    ::unlinkat(directory_.get(), temporary.c_str(), 0);
    return error;
  };
  if (::fchmodat(directory_.get(), temporary.c_str(), 0600, 0) != 0)
    return undo("cannot set the socket's mode in");
  if (owner && ::fchownat(directory_.get(), temporary.c_str(), *owner, static_cast<gid_t>(-1), 0) != 0) {
    return undo("cannot set the socket's owner in");
  }
  if (::fstatat(directory_.get(), temporary.c_str(), &file_, AT_SYMLINK_NOFOLLOW) != 0 ||
      ::listen(fd.get(), kBacklog) != 0) {
    return undo("cannot listen in");
  }
  // Who connects finds the old socket or this one, never none.
  if (::renameat(directory_.get(), temporary.c_str(), directory_.get(), name_) != 0) {
    return undo("cannot put the socket in its place in");
  }
  boost::system::error_code ec;
  acceptor_.assign(net::asio::local::stream_protocol(), fd.get(), ec);
  if (ec) return errno_error(ec.value(), "cannot watch the link's socket", "listen");
  fd.release();
  return {};
}

void Listener::close() {
  if (!acceptor_.is_open()) return;
  boost::system::error_code ec;
  acceptor_.close(ec);
  struct stat now {};
  bool ours = ::fstatat(directory_.get(), name_, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
              now.st_ino == file_.st_ino && now.st_dev == file_.st_dev;
  if (ours) ::unlinkat(directory_.get(), name_, 0);
  directory_.reset();
}

}  // namespace brig::supervisor
