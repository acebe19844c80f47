// The door out beside squid and beside nothing: the same transfer over loopback, in turn.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "core/files.hpp"
#include "harness/child.hpp"
#include "house.hpp"
#include "measure.hpp"

namespace brig::bench {
namespace {

using egress::testing::House;
using egress::testing::Listener;
using egress::testing::Socket;

Socket connect_to(std::uint16_t port) {
  Socket out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(out.get(), reinterpret_cast<sockaddr*>(&in), sizeof in) != 0)
    throw std::runtime_error("connect");
  return out;
}

// Sends as many bytes as the number in a line says; a process of its own, so that it shares no lock with us.
class Source {
 public:
  Source() {
    child_ = ::fork();
    if (child_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      serve();
    }
  }
  ~Source() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  std::uint16_t port() const { return listener_.port(); }

 private:
  [[noreturn]] void serve() {
    for (;;) {
      std::thread([client = listener_.accept()] {
        static const std::string block(256 * 1024, 'x');
        std::string line;
        for (char c; ::recv(client.get(), &c, 1, 0) == 1 && c != '\n';) line += c;
        for (auto left = std::strtoull(line.c_str(), nullptr, 10); left > 0;) {
          auto n =
              ::send(client.get(), block.data(), std::min<std::size_t>(left, block.size()), MSG_NOSIGNAL);
          if (n <= 0) break;
          left -= static_cast<unsigned long long>(n);
        }
      }).detach();
    }
  }
  Listener listener_;
  pid_t child_;
};

class Squid {
 public:
  Squid() {
    char pattern[] = "/tmp/brig-squid-XXXXXX";
    dir_ = ::mkdtemp(pattern);
    port_ = Listener().port();
    std::filesystem::permissions(dir_, std::filesystem::perms(0777));
    std::ofstream(dir_ / "squid.conf")
        << "http_port 127.0.0.1:" << port_
        << "\nhttp_access allow all\ncache deny all\naccess_log none\ncache_log "
        << (dir_ / "cache.log").string() << "\npid_filename " << (dir_ / "pid").string() << "\ncoredump_dir "
        << dir_.string() << "\nshutdown_lifetime 0 seconds\n";
    auto child = harness::Child::spawn(
        {"squid", "-N", "-n", "brig" + std::to_string(port_), "-f", (dir_ / "squid.conf").string()});
    if (!child) throw std::runtime_error("squid is missing: deploy/dependencies --test");
    child_.emplace(std::move(*child));
    for (auto until = now() + 30; now() < until;) {
      try {
        connect_to(port_);
        return;
      } catch (const std::runtime_error&) {
        std::this_thread::yield();
      }
    }
    throw std::runtime_error("squid does not answer");
  }
  ~Squid() {
    child_->kill(SIGKILL);
    (void)child_->wait();
    std::filesystem::remove_all(dir_);
  }
  Socket to(std::uint16_t port) const {
    auto socket = connect_to(port_);
    auto where = "127.0.0.1:" + std::to_string(port);
    socket.send("CONNECT " + where + " HTTP/1.1\r\nHost: " + where + "\r\n\r\n");
    std::string head;
    while (!head.ends_with("\r\n\r\n")) {
      auto byte = socket.read(1);
      if (byte.empty()) throw std::runtime_error("squid: " + head);
      head += byte;
    }
    return socket;
  }

 private:
  std::filesystem::path dir_;
  std::uint16_t port_ = 0;
  std::optional<harness::Child> child_;
};

// What brig-init does for a client of its proxy: ask the door, hand the client's socket over.
class Ours {
 public:
  explicit Ours(std::uint16_t port)
      : house_(egress::testing::rules({"tcp://127.0.0.1:" + std::to_string(port)}), limits()) {}
  // The client's end, and the line of control.
  std::pair<Socket, Socket> to(std::uint16_t port) {
    auto client = connect_to(inside_.port());
    auto near = inside_.accept();
    auto [control, said] = house_.ask("127.0.0.1", port, true);
    if (said.status != egress::testing::Status::ok) throw std::runtime_error(said.message);
    char go = 'S';
    iovec piece{&go, 1};
    alignas(cmsghdr) char buffer[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = buffer;
    message.msg_controllen = sizeof buffer;
    auto* c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    int fd = near.get();
    std::memcpy(CMSG_DATA(c), &fd, sizeof fd);
    if (::sendmsg(control.get(), &message, MSG_NOSIGNAL) != 1) throw std::runtime_error("go");
    return {std::move(client), std::move(control)};
  }
  House& house() { return house_; }

 private:
  static egress::Limits limits() {
    egress::Limits out;
    out.per_second = out.burst = 1e6;
    return out;
  }
  House house_;
  Listener inside_;
};

void drain(const Socket& socket, std::size_t bytes) {
  thread_local std::vector<char> buffer(1 << 20);
  socket.send(std::to_string(bytes) + "\n");
  for (std::size_t have = 0; have < bytes;) {
    auto n = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (n <= 0) throw std::runtime_error("it broke off");
    have += static_cast<std::size_t>(n);
  }
}

// Bytes per second over so many streams at once.
template <class Connect>
std::optional<double> throughput(Connect connect, int streams, std::size_t each) {
  auto begin = now();
  std::vector<std::thread> threads;
  std::atomic<bool> failed = false;
  for (int i = 0; i < streams; ++i) {
    auto made = std::make_shared<decltype(connect())>(connect());
    threads.emplace_back([made, each, &failed] {
      try {
        if constexpr (std::is_same_v<decltype(connect()), Socket>)
          drain(*made, each);
        else
          drain(made->first, each);
      } catch (const std::exception&) {
        failed = true;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  if (failed) return std::nullopt;
  return static_cast<double>(each) * streams / (now() - begin);
}

template <class Connect>
std::optional<double> latency(Connect connect) {
  std::vector<double> times;
  for (int i = 0; i < 200; ++i) {
    auto begin = now();
    auto made = connect();
    if constexpr (std::is_same_v<decltype(connect()), Socket>)
      drain(made, 1);
    else
      drain(made.first, 1);
    times.push_back(now() - begin);
  }
  return median(times);
}

struct Three {
  Source source;
  Squid squid;
  Ours ours{source.port()};
  std::function<std::pair<Socket, Socket>()> brig = [this] { return ours.to(source.port()); };
  std::function<Socket()> theirs = [this] { return squid.to(source.port()); };
  std::function<Socket()> direct = [this] { return connect_to(source.port()); };
};

TEST(Egress, LatencyOfANewConnection) {
  Three t;
  Way ours{"through Brig's door", [&] { return latency(t.brig); }};
  compare("A new connection, to its first byte (median of 200)", "µs", 1e6, 5, ours,
          {"straight", [&] { return latency(t.direct); }}, "at most 1000 µs more");
  compare("The same", "µs", 1e6, 5, ours, {"through squid", [&] { return latency(t.theirs); }}, "");
}

TEST(Egress, ThroughputAgainstSquid) {
  Three t;
  for (auto [streams, each, bound] : {std::tuple{1, std::size_t{1} << 30, "at least 0.60"},
                                      std::tuple{64, std::size_t{16} << 20, "at least 0.80"}}) {
    auto name = std::to_string(streams) + (streams == 1 ? " stream" : " streams");
    int n = streams;
    std::size_t size = each;
    compare("Egress, " + name, "MB/s", 1e-6, 5,
            {"through Brig's door", [&] { return throughput(t.brig, n, size); }},
            {"through squid", [&] { return throughput(t.theirs, n, size); }}, bound);
  }
}

std::size_t resident() {
  auto text = read_file("/proc/self/statm", 200);
  return std::strtoull(text->c_str() + text->find(' '), nullptr, 10) *
         static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

TEST(Egress, IdleConnections) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  Source source;
  Ours ours(source.port());
  std::vector<std::pair<Socket, Socket>> open;
  auto more = [&](int n) {
    for (int i = 0; i < n; ++i) open.push_back(ours.to(source.port()));
    ours.house().eventually([&] { return ours.house().door->connections().size() == open.size(); });
  };
  more(100);
  auto before = resident();
  more(1000);
  report("An idle connection, of 1000", static_cast<double>(resident() - before) / 1000 / 1024, "KB",
         "under 20");
}

}  // namespace
}  // namespace brig::bench
