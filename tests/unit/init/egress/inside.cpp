#include "inside.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
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

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  return address;
}

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

void shuttle(int a, int b, int stop) {
  bool over[2] = {false, false};
  int ends[2] = {a, b};
  std::vector<char> piece(65536);
  while (!over[0] || !over[1]) {
    pollfd fds[3] = {{over[0] ? -1 : a, POLLIN, 0}, {over[1] ? -1 : b, POLLIN, 0}, {stop, POLLIN, 0}};
    if (::poll(fds, 3, -1) < 0 || fds[2].revents != 0) return;
    for (int i = 0; i < 2; ++i) {
      if (over[i] || fds[i].revents == 0) continue;
      ssize_t n = ::recv(ends[i], piece.data(), piece.size(), 0);
      if (n < 0) return;
      if (n == 0) {
        over[i] = true;
        ::shutdown(ends[1 - i], SHUT_WR);
      } else if (!send_all(ends[1 - i], piece.data(), static_cast<std::size_t>(n))) {
        return;
      }
    }
  }
}

FakeBrigd::FakeBrigd(std::string path, std::function<Verdict(const Heard&)> decide)
    : path_(std::move(path)), decide_(std::move(decide)) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) == 0) {
    stop_read_.reset(fds[0]);
    stop_write_.reset(fds[1]);
  }
  listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto address = unix_address(path_);
  ::unlink(path_.c_str());
  EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(listener_.get(), 1024), 0);
  accepting_ = std::thread([this] {
    while (true) {
      pollfd fds[2] = {{listener_.get(), POLLIN, 0}, {stop_read_.get(), POLLIN, 0}};
      ::poll(fds, 2, -1);
      if (fds[1].revents != 0) return;
      UniqueFd line(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!line) continue;
      threads_.emplace_back([this, fd = line.release()] { serve(UniqueFd(fd)); });
    }
  });
}

FakeBrigd::~FakeBrigd() {
  stopping_ = true;
  stop_write_.reset();
  accepting_.join();
  listener_.reset();
  for (auto& thread : threads_) thread.join();
}

std::vector<Heard> FakeBrigd::heard() {
  std::lock_guard lock(mutex_);
  return heard_;
}

void FakeBrigd::serve(UniqueFd line) {
  if (raw) return raw(line.get());
  std::byte bytes[egress_wire::kMaxRequest];
  std::size_t have = 0;
  Heard heard;
  egress_wire::Fault fault{};
  while (true) {
    pollfd fds[2] = {{line.get(), POLLIN, 0}, {stop_read_.get(), POLLIN, 0}};
    ::poll(fds, 2, -1);
    if (fds[1].revents != 0) return;
    ssize_t n = ::recv(line.get(), bytes + have, sizeof bytes - have, 0);
    if (n <= 0) return;
    have += static_cast<std::size_t>(n);
    std::span<const std::byte> in(bytes, have);
    auto read = egress_wire::read_request(in, heard.request, fault);
    if (read == egress_wire::Read::more) continue;
    EXPECT_EQ(read, egress_wire::Read::frame) << egress_wire::to_string(fault);
    EXPECT_TRUE(in.empty());
    break;
  }
  heard.host = heard.request.host;
  heard.process = heard.request.process;
  {
    std::lock_guard lock(mutex_);
    heard_.push_back(heard);
  }
  Verdict verdict = decide_(heard);
  auto reply_with = [&](const egress_wire::Reply& reply) {
    std::byte out[egress_wire::kMaxReply];
    std::size_t size = egress_wire::write_reply(reply, out);
    EXPECT_GT(size, 0u);
    send_all(line.get(), out, size);
  };
  if (verdict.ask_first) {
    egress_wire::Reply asking;
    asking.status = Status::asking;
    reply_with(asking);
    while (!go_on && !stopping_) std::this_thread::yield();
  }
  egress_wire::Reply reply;
  reply.status = verdict.status;
  reply.message = verdict.message;
  for (auto port : verdict.ports) reply.ports[reply.port_count++] = port;
  bool connect = heard.request.kind == Kind::connect;
  reply.hand_over = connect && verdict.status == Status::ok && heard.request.offers_socket && wants_sockets;
  reply_with(reply);
  if (connect && verdict.status == Status::ok) transfer(line.get(), reply.hand_over);
}

void FakeBrigd::transfer(int line, bool hand_over) {
  UniqueFd client;
  if (hand_over) {
    char go = 0;
    iovec part{&go, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    if (::recvmsg(line, &message, MSG_CMSG_CLOEXEC) != 1) return;
    if (auto* rights = CMSG_FIRSTHDR(&message)) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
      client.reset(fd);
      ++handed_over;
    }
    EXPECT_EQ(go, client ? 'S' : 'P');
    // Its owner left it non-blocking; this brigd is simple.
    if (client) ::fcntl(client.get(), F_SETFL, ::fcntl(client.get(), F_GETFL) & ~O_NONBLOCK);
  }
  UniqueFd far(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(upstream);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(far.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) return;
  shuttle(client ? client.get() : line, far.get(), stop_read_.get());
  if (!client) return;
  std::byte done[egress_wire::kDoneSize];
  egress_wire::write_done({}, done);
  send_all(line, done, sizeof done);
}

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
  // It has opened its doors when the proxy's can be knocked at.
  while (!dial("127.0.0.1", 3128)) std::this_thread::yield();
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
