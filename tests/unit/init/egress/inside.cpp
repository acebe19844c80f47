#include "inside.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "../end_all.hpp"
#include "core/random.hpp"

namespace brig::init::egress {
namespace {

constexpr int kPatienceMs = 60'000;

// A network of this program's own, in which ports 53 and 3128 are free; before any thread is there.
class OwnNetwork : public ::testing::Environment {
 public:
  void SetUp() override {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0) << "needs root: " << std::strerror(errno);
    UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    ASSERT_EQ(::ioctl(fd.get(), SIOCSIFFLAGS, &request), 0);
  }
};
const auto* network = ::testing::AddGlobalTestEnvironment(new OwnNetwork);

bool send_all(int fd, const void* data, std::size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    ssize_t n = ::send(fd, at, size, MSG_NOSIGNAL);
    if (n <= 0) return false;
    at += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

void Inside::SetUp() {
  dir_ = std::filesystem::temp_directory_path() / ("brig-egress-" + random_hex(6));
  std::filesystem::create_directories(dir_);
  adopt_orphans();
}

void Inside::start(unsigned nofile) {
  init_ = ::fork();
  if (init_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    rlimit files{nofile, nofile};
    ::setrlimit(RLIMIT_NOFILE, &files);
    ::execl(BRIG_INIT_BINARY, "brig-init", (dir_ / "sock").c_str(), egress_path().c_str(), nullptr);
    ::_exit(127);
  }
  // It has opened its doors when the last of them can be knocked at, and serves when the proxy answers.
  while (!dial("127.0.0.1", 53)) std::this_thread::yield();
  auto client = proxy();
  say(client, std::string("\5\1\0", 3));
  EXPECT_EQ(hear_exactly(client, 2), std::string("\5\0", 2));
}

void Inside::TearDown() {
  end_all_children();
  std::filesystem::remove_all(dir_);
}

UniqueFd Inside::dial(const std::string& address, std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &to.sin_addr);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) fd.reset();
  return fd;
}

UniqueFd Inside::listen(std::uint16_t& port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  EXPECT_EQ(::listen(fd.get(), 1024), 0);
  socklen_t size = sizeof at;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&at), &size);
  port = ntohs(at.sin_port);
  return fd;
}

UniqueFd Inside::accept(const UniqueFd& listener) {
  EXPECT_TRUE(wait_readable(listener.get()));
  return UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

bool Inside::wait_readable(int fd) {
  pollfd p{fd, POLLIN, 0};
  return ::poll(&p, 1, kPatienceMs) == 1;
}

void Inside::say(const UniqueFd& fd, std::string_view text) {
  EXPECT_TRUE(send_all(fd.get(), text.data(), text.size()));
}

std::string Inside::hear(const UniqueFd& fd, std::string_view end) {
  std::string got;
  char piece[16384];
  while (end.empty() || got.find(end) == got.npos) {
    if (!wait_readable(fd.get())) {
      ADD_FAILURE() << "nothing came after: " << got;
      break;
    }
    ssize_t n = ::recv(fd.get(), piece, sizeof piece, 0);
    if (n <= 0) break;
    got.append(piece, static_cast<std::size_t>(n));
  }
  return got;
}

std::string Inside::hear_exactly(const UniqueFd& fd, std::size_t size) {
  std::string got(size, '\0');
  std::size_t have = 0;
  while (have < size && wait_readable(fd.get())) {
    ssize_t n = ::recv(fd.get(), got.data() + have, size - have, 0);
    if (n <= 0) break;
    have += static_cast<std::size_t>(n);
  }
  got.resize(have);
  return got;
}

pid_t Inside::helper() {
  while (true) {
    std::string list = "/proc/" + std::to_string(init_) + "/task/" + std::to_string(init_) + "/children";
    std::ifstream in(list);
    for (pid_t pid = 0; in >> pid;) {
      std::ifstream comm("/proc/" + std::to_string(pid) + "/comm");
      std::string name;
      if (std::getline(comm, name) && name == "brig-egress") return pid;
    }
    std::this_thread::yield();
  }
}

long Inside::rss_kb(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with("RssAnon:")) return std::stol(line.substr(8));
  }
  return -1;
}

std::string Inside::query(std::string_view name, std::uint16_t type, bool extended) {
  std::string out("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00", 11);
  out += extended ? '\1' : '\0';
  while (!name.empty()) {
    auto label = name.substr(0, name.find('.'));
    out += static_cast<char>(label.size());
    out += label;
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  out += '\0';
  out += static_cast<char>(type >> 8);
  out += static_cast<char>(type & 0xff);
  out += std::string("\0\1", 2);
  if (extended) out += std::string("\0\0\x29\x04\xd0\0\0\0\0\0\0", 11);
  return out;
}

std::string Inside::ask_udp(const std::string& packet) {
  UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(53);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  EXPECT_EQ(::send(fd.get(), packet.data(), packet.size(), 0), static_cast<ssize_t>(packet.size()));
  EXPECT_TRUE(wait_readable(fd.get()));
  char out[4096];
  ssize_t n = ::recv(fd.get(), out, sizeof out, MSG_DONTWAIT);
  return n > 0 ? std::string(out, static_cast<std::size_t>(n)) : std::string();
}

}  // namespace brig::init::egress
