// A door on a loop of its own thread, with a resolver that says what the test wants and listeners on
// loopback.
//
// Ownership: owns all; its end joins the thread. Threads: the test's; on() and wait() cross over to the
// loop's. Failure: aborts by an exception that GoogleTest reports.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "egress/door.hpp"
#include "egress_wire/frames.hpp"

namespace brig::egress::testing {

inline Rule rule(const std::string& text, Verb verb = Verb::allow) {
  return read_rule(text, verb).value();
}

inline Rules rules(std::initializer_list<std::string> allow, std::initializer_list<std::string> deny = {}) {
  Rules out;
  for (const auto& text : allow) out.allow.push_back({rule(text), "the request"});
  for (const auto& text : deny) out.deny.push_back({rule(text, Verb::deny), "profile 'x'"});
  return out;
}

// Each name has a list of answers; the last one stays.
class FakeResolver final : public Resolver {
 public:
  net::Task<Result<std::vector<Address>>> resolve(std::string name) override {
    ++asked[name];
    auto it = answers.find(name);
    if (it == answers.end())
      co_return Error{Code::not_found, "the name '" + name + "' does not exist", "test", false};
    std::vector<Address> out;
    for (const auto& text : it->second.front()) out.push_back(read_address(text).address);
    if (it->second.size() > 1) it->second.erase(it->second.begin());
    co_return out;
  }
  std::map<std::string, std::vector<std::vector<std::string>>> answers;
  std::map<std::string, int> asked;
};

// A blocking socket with patience.
class Socket {
 public:
  explicit Socket(int fd = -1) : fd_(fd) {
    timeval limit{20, 0};
    if (fd >= 0) ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (fd >= 0) ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  int get() const { return fd_.get(); }
  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      auto n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  // Exactly so many bytes, or what came before the end.
  std::string read(std::size_t size) const {
    std::string out(size, '\0');
    std::size_t have = 0;
    while (have < size) {
      auto n = ::recv(fd_.get(), out.data() + have, size - have, 0);
      if (n <= 0) break;
      have += static_cast<std::size_t>(n);
    }
    out.resize(have);
    return out;
  }
  std::string rest() const { return read(64 << 20); }
  void end() const { ::shutdown(fd_.get(), SHUT_WR); }
  void close() { fd_.reset(); }
  UniqueFd take() { return std::move(fd_); }

 private:
  UniqueFd fd_;
};

// A listener on loopback, and whether anybody came.
class Listener {
 public:
  enum class Listens { yes, no };  // no: its port is taken, and whoever comes is refused
  explicit Listener(const char* address = "127.0.0.1", Listens listens = Listens::yes)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    ::inet_pton(AF_INET, address, &in.sin_addr);
    socklen_t size = sizeof in;
    if (::bind(fd_.get(), reinterpret_cast<sockaddr*>(&in), sizeof in) != 0 ||
        (listens == Listens::yes && ::listen(fd_.get(), 128) != 0))
      throw std::runtime_error("no listener");
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&in), &size);
    port_ = ntohs(in.sin_port);
  }
  std::uint16_t port() const { return port_; }
  std::string at(const std::string& host) const { return host + ":" + std::to_string(port_); }
  Socket accept() const {
    pollfd one{fd_.get(), POLLIN, 0};
    if (::poll(&one, 1, 20'000) != 1) throw std::runtime_error("nobody came");
    return Socket(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  int listener() const { return fd_.get(); }
  // As a client of it.
  Socket reach() const {
    Socket out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in in{};
    socklen_t size = sizeof in;
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&in), &size);
    if (::connect(out.get(), reinterpret_cast<sockaddr*>(&in), size) != 0)
      throw std::runtime_error("connect");
    return out;
  }
  bool was_hit() const {
    pollfd one{fd_.get(), POLLIN, 0};
    return ::poll(&one, 1, 0) == 1;
  }

 private:
  UniqueFd fd_;
  std::uint16_t port_ = 0;
};

struct Reply {
  egress_wire::Status status{};
  std::string message;
  std::vector<std::uint16_t> ports;
  bool hand_over = false;
};

class House {
 public:
  explicit House(Rules first, Limits limits = {}, std::optional<Upstream> upstream = {},
                 std::function<void(Shared&, Door::About&)> furnish = {})
      : shared_{context_.get_executor(),
                clock_,
                resolver,
                worker_,
                metrics,
                [this](events::Event event) { events.push_back(std::move(event)); },
                std::move(upstream),
                limits,
                nullptr,
                nullptr,
                {}} {
    char pattern[] = "/tmp/brig-egress-XXXXXX";
    directory_ = ::mkdtemp(pattern);
    thread_ = std::thread([this] {
      auto guard = net::asio::make_work_guard(context_);
      context_.run();
    });
    on([&] {
      Door::About about;
      about.id = SessionId("0123456789abcdef");
      about.name = "fix";
      about.owner = "uid:1000";
      about.directory = directory_;
      about.account = directory_ / "egress.log";
      about.insider = {std::make_shared<ContainerId>("none"), std::make_shared<pid_t>(::getpid()), true};
      if (furnish) furnish(shared_, about);
      door = std::make_unique<Door>(shared_, std::move(about), std::move(first));
      if (auto opened = door->open(); !opened) throw std::runtime_error(opened.error().message);
    });
  }
  ~House() {
    close();
    on([&] { door.reset(); });
    context_.stop();
    thread_.join();
    std::filesystem::remove_all(directory_);
  }
  void close() { wait(door->close()); }

  template <class F>
  std::invoke_result_t<F> on(F function) {
    std::packaged_task<std::invoke_result_t<F>()> task(std::move(function));
    auto done = task.get_future();
    net::asio::post(context_, [&task] { task(); });
    return done.get();
  }
  template <class T>
  T wait(net::Task<T> task) {
    return net::asio::co_spawn(context_, std::move(task), net::asio::use_future).get();
  }
  // Until it holds.
  template <class F>
  bool eventually(F condition) {
    auto deadline = Deadline::in(Millis{20'000});
    while (!deadline.passed()) {
      if (on(condition)) return true;
      std::this_thread::yield();
    }
    return false;
  }

  Socket knock() {
    Socket out(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    auto path = (directory_ / "egress").string();
    std::memcpy(to.sun_path, path.c_str(), path.size() + 1);
    if (::connect(out.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
      throw std::runtime_error("the door is not there");
    return out;
  }
  void request(const Socket& socket, const std::string& host, std::uint16_t port, bool offer = false) {
    egress_wire::Request r;
    r.kind = port ? egress_wire::Kind::connect : egress_wire::Kind::resolve;
    r.port = port;
    r.offers_socket = offer;
    r.pid = 17;
    r.host = host;
    r.process = "curl";
    std::byte frame[egress_wire::kMaxRequest];
    auto size = egress_wire::write_request(r, frame);
    socket.send({reinterpret_cast<char*>(frame), size});
  }
  Reply reply(const Socket& socket) {
    auto bytes = socket.read(egress_wire::kReplyHead);
    if (bytes.size() == egress_wire::kReplyHead)
      bytes += socket.read(static_cast<unsigned char>(bytes[7]) * 2u +
                           egress_wire::load<std::uint16_t>(reinterpret_cast<std::byte*>(bytes.data()) + 8));
    egress_wire::Reply r;
    egress_wire::Fault fault;
    auto in = std::as_bytes(std::span(bytes));
    if (egress_wire::read_reply(in, r, fault) != egress_wire::Read::frame)
      throw std::runtime_error("no reply");
    return {r.status, std::string(r.message), {r.ports, r.ports + r.port_count}, r.hand_over};
  }
  // A connection that got a reply.
  std::pair<Socket, Reply> ask(const std::string& host, std::uint16_t port, bool offer = false) {
    auto socket = knock();
    request(socket, host, port, offer);
    auto said = reply(socket);
    return {std::move(socket), std::move(said)};
  }
  std::vector<nlohmann::json> account() {
    std::vector<nlohmann::json> out;
    for (const auto& line : Audit::last(directory_ / "egress.log", 1000))
      out.push_back(nlohmann::json::parse(line));
    return out;
  }
  std::string outcomes() {
    std::string out;
    for (const auto& line : account()) out += (out.empty() ? "" : " ") + line["outcome"].get<std::string>();
    return out;
  }
  bool comes_to(const std::string& expected) {
    return eventually([&] { return outcomes() == expected; });
  }
  const Clock& clock() const { return clock_; }
  const std::filesystem::path& directory() const { return directory_; }

  FakeResolver resolver;
  metrics::Registry metrics;
  std::vector<events::Event> events;
  std::unique_ptr<Door> door;

 private:
  net::asio::io_context context_{1};
  SystemClock clock_;
  net::Worker worker_{1};
  Shared shared_;
  std::filesystem::path directory_;
  std::thread thread_;
};

using Status = egress_wire::Status;

// A ClientHello with these extensions, in one record.
inline std::string client_hello(const std::string& extensions) {
  auto sized = [](const std::string& body, int bytes) {
    std::string out;
    for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(body.size() >> (8 * i));
    return out + body;
  };
  std::string hello = std::string("\x03\x03", 2) + std::string(32, 'r') + sized("", 1) +
                      sized("\x13\x01", 2) + sized(std::string(1, '\0'), 1) + sized(extensions, 2);
  return std::string("\x16\x03\x01", 3) + sized(std::string("\x01", 1) + sized(hello, 3), 2);
}
inline std::string sni(const std::string& name) {
  auto two = [](std::size_t n) { return std::string{static_cast<char>(n >> 8), static_cast<char>(n)}; };
  auto entry = std::string(1, '\0') + two(name.size()) + name;
  return std::string(2, '\0') + two(entry.size() + 2) + two(entry.size()) + entry;
}

}  // namespace brig::egress::testing
