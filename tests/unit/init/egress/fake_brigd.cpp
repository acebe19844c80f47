#include "fake_brigd.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

namespace brig::init::egress {
namespace {

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
  // By way of its directory: a path may be longer than an address.
  auto slash = path_.rfind('/');
  UniqueFd directory(::open(path_.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  auto address = unix_address("/proc/self/fd/" + std::to_string(directory.get()) + path_.substr(slash));
  ::unlink(path_.c_str());
  EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::chmod(path_.c_str(), 0666), 0);  // sandboxes have a uid of their own
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

}  // namespace brig::init::egress
