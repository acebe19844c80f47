#include "outside.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <filesystem>

#include "core/files.hpp"
#include "harness/engine.hpp"
#include "names.hpp"
#include "packet.hpp"

namespace brig::escape {
namespace {

constexpr std::uint16_t kPorts[] = {22, 53, 80, 443, 853, 5432, 8443};

[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "the world outside cannot be made: %s: %s\n", what, std::strerror(errno));
  std::abort();
}

UniqueFd listen_on(int family, std::uint16_t port) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  sockaddr_storage any{};
  any.ss_family = static_cast<sa_family_t>(family);
  reinterpret_cast<sockaddr_in&>(any).sin_port = htons(port);
  socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&any), size) != 0 || ::listen(fd.get(), 256) != 0)
    give_up("a listener");
  return fd;
}

UniqueFd listen_abstract(const char* name) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::strcpy(to.sun_path + 1, name);
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + std::strlen(name));
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&to), size) != 0 || ::listen(fd.get(), 16) != 0)
    give_up("an abstract listener");
  return fd;
}

UniqueFd resolver_socket() {
  UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(53);
  ::inet_pton(AF_INET, kResolver, &at.sin_addr);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) give_up("the resolver");
  return fd;
}

}  // namespace

void in_network_of(pid_t process, const std::function<void()>& what) {
  std::thread thread([&] {  // setns() is for this thread alone, which ends with it
    UniqueFd ns(::open(("/proc/" + std::to_string(process) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
    if (!ns || ::setns(ns.get(), CLONE_NEWNET) != 0) give_up("a namespace");
    what();
  });
  thread.join();
}

Outside::Outside() {
  auto holder = harness::Child::spawn({"unshare", "--net", "--", "sh", "-c",
                                       "ip link set lo up && ip route add local 0.0.0.0/0 dev lo && ip -6 "
                                       "route add local ::/0 dev lo table main && "
                                       "echo ready && exec sleep 100000"},
                                      [] {
                                        harness::SpawnOptions options;
                                        options.pipe_out = true;
                                        return options;
                                      }());
  if (!holder) give_up("its namespace");
  holder_ = std::make_unique<harness::Child>(std::move(*holder));
  char word[6];
  if (::read(holder_->out.get(), word, sizeof word) != 6) give_up("its routes");
  in_network_of(holder_->pid(), [this] {
    for (auto port : kPorts)
      for (int family : {AF_INET, AF_INET6}) listeners_.push_back(listen_on(family, port));
    names_ = resolver_socket();
  });
  server_ = std::thread([this] { serve(); });
}

Outside::~Outside() {
  over_ = true;
  server_.join();
  holder_->kill(SIGKILL);
  (void)holder_->wait();
}

std::string Outside::joining() const {
  auto pid = std::to_string(holder_->pid());
  auto there = "nsenter --net=/proc/" + pid + "/ns/net ";
  return "ip link set lo up && ip link add door type veth peer name street netns " + pid +
         " && ip addr add 10.99.0.2/30 dev door && ip -6 addr add fd99::2/64 dev door nodad && ip link set "
         "door up && " +
         "ip addr add " + kHost + "/32 dev door && " + there + "ip addr add 10.99.0.1/30 dev street && " +
         there + "ip -6 addr add fd99::1/64 dev street nodad && " + there + "ip link set street up && " +
         "ip route add default via 10.99.0.1 && ip -6 route add default via fd99::1 && ulimit -c 0";
}

void Outside::watch(pid_t brigd) {
  std::vector<UniqueFd> hosts;
  UniqueFd wire;
  in_network_of(brigd, [&] {
    for (int family : {AF_INET, AF_INET6})
      for (auto port : {kHostPort, std::uint16_t{8443}}) hosts.push_back(listen_on(family, port));
    hosts.push_back(listen_abstract("brig-escape-host"));
    wire = UniqueFd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL)));
    int room = 8 << 20;
    ::setsockopt(wire.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  });
  if (!wire) give_up("the tap on the wire");
  std::lock_guard lock(mutex_);
  host_listeners_ = std::move(hosts);
  wire_ = std::move(wire);
}

void Outside::stray(std::string what) {
  std::lock_guard lock(mutex_);
  strays_.push_back(std::move(what));
}

std::vector<std::string> Outside::strays() {
  // What was sent before this call has passed the tap: it sees packets as they are sent.
  read_wire();
  std::lock_guard lock(mutex_);
  return std::exchange(strays_, {});
}

std::vector<std::string> Outside::lookups() const {
  std::lock_guard lock(mutex_);
  return lookups_;
}

void Outside::read_wire() {
  std::lock_guard lock(mutex_);
  std::byte packet[2048];
  sockaddr_ll from{};
  socklen_t size = sizeof from;
  for (ssize_t n; wire_ && (n = ::recvfrom(wire_.get(), packet, sizeof packet, MSG_DONTWAIT,
                                           reinterpret_cast<sockaddr*>(&from), &size)) > 0;) {
    auto seen = read_packet(ntohs(from.sll_protocol), {packet, static_cast<std::size_t>(n)});
    if (!seen || seen->housekeeping) continue;
    bool resolver = seen->far_end(kResolver) && seen->protocol == "udp" && seen->port_of(kResolver) == 53;
    if (resolver || seen->far_end(kGood)) continue;
    strays_.push_back(seen->text());
  }
}

void Outside::accept_on(int listener, bool host) {
  UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd) return;
  sockaddr_storage here{};
  socklen_t size = sizeof here;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&here), &size);
  char text[INET6_ADDRSTRLEN] = "a unix socket";
  if (here.ss_family == AF_INET)
    ::inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in&>(here).sin_addr, text, sizeof text);
  if (here.ss_family == AF_INET6)
    ::inet_ntop(AF_INET6, &reinterpret_cast<sockaddr_in6&>(here).sin6_addr, text, sizeof text);
  bool good = !host && std::string_view(text) == kGood;
  if (good)
    ++good_;
  else
    stray("a connection to " + std::string(text) + (host ? " of the host itself" : ""));
  clients_.push_back({std::move(fd), text, {}, good});
}

// Says what it has heard so far; a web server would answer so, and nothing else needs more.
bool Outside::serve_client(Client& client) {
  char piece[16384];
  auto n = ::recv(client.fd.get(), piece, sizeof piece, MSG_DONTWAIT);
  if (n <= 0) return n < 0 && errno == EAGAIN;
  client.heard.append(piece, static_cast<std::size_t>(n));
  if (client.heard.find("smuggled") != std::string::npos) stray("'smuggled' arrived at " + client.to);
  auto body = "OUTSIDE HEARD at " + client.to + ": " + client.heard.substr(0, 2000) + "\n";
  auto answer = client.heard.starts_with("GET ") || client.heard.starts_with("POST ")
                    ? "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body
                    : body;
  (void)!::send(client.fd.get(), answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return true;
}

void Outside::answer_names() {
  char question[512];
  sockaddr_storage from{};
  socklen_t size = sizeof from;
  for (ssize_t n; (n = ::recvfrom(names_.get(), question, sizeof question, MSG_DONTWAIT,
                                  reinterpret_cast<sockaddr*>(&from), &size)) > 0;
       size = sizeof from) {
    auto asked = read_question({question, static_cast<std::size_t>(n)});
    if (!asked) continue;
    std::size_t times = 0;
    {
      std::lock_guard lock(mutex_);
      for (const auto& one : lookups_) times += one == asked->name;
      if (asked->type == 1) lookups_.push_back(asked->name);
    }
    auto answer = answer_to({question, static_cast<std::size_t>(n)}, *asked, times);
    ::sendto(names_.get(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
  }
}

void Outside::serve() {
  while (!over_) {
    std::vector<pollfd> fds{{names_.get(), POLLIN, 0}};
    for (auto& listener : listeners_) fds.push_back({listener.get(), POLLIN, 0});
    auto hosts = fds.size();
    {
      std::lock_guard lock(mutex_);
      fds.push_back({wire_ ? wire_.get() : -1, POLLIN, 0});
      for (auto& listener : host_listeners_) fds.push_back({listener.get(), POLLIN, 0});
    }
    auto others = fds.size();
    for (auto& client : clients_) fds.push_back({client.fd.get(), POLLIN, 0});
    if (::poll(fds.data(), fds.size(), 20) <= 0) continue;
    if (fds[0].revents) answer_names();
    for (std::size_t i = fds.size(); i-- > others;)
      if (fds[i].revents && !serve_client(clients_[i - others]))
        clients_.erase(clients_.begin() + static_cast<long>(i - others));
    for (std::size_t i = 1; i < hosts; ++i)
      if (fds[i].revents) accept_on(fds[i].fd, false);
    if (fds[hosts].revents) read_wire();
    for (std::size_t i = hosts + 1; i < others; ++i)
      if (fds[i].revents) accept_on(fds[i].fd, true);
  }
}

OwnFile::OwnFile(std::string place, const std::string& content) : place_(std::move(place)) {
  auto dir = harness::Engine::shared().scratch("own-file");
  if (!dir) give_up("a file");
  file_ = (*dir / "file").string();
  if (!write_file(file_, content, 0644) ||
      ::mount(file_.c_str(), place_.c_str(), nullptr, MS_BIND, nullptr) != 0)
    give_up("a file in the place of another");
}

OwnFile::~OwnFile() {
  ::umount2(place_.c_str(), MNT_DETACH);
  std::error_code ec;
  std::filesystem::remove_all(std::filesystem::path(file_).parent_path(), ec);
}

}  // namespace brig::escape
