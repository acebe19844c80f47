#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <list>
#include <thread>

#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/forward/relay.hpp"
#include "cli/signals.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

struct Mapping {
  std::uint16_t local = 0;
  std::uint16_t remote = 0;
  UniqueFd listener;
};

Error bad_mapping(const std::string& text) {
  return Error{
      Code::invalid,
      quoted(text) + " is no port; write PORT, or LOCAL:REMOTE such as 8080:3000 (LOCAL 0: any that is free)",
      "usage", false};
}

bool parse_port(std::string_view text, std::uint16_t& out) {
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  return ec == std::errc() && end == text.data() + text.size() && !text.empty();
}

Result<Mapping> parse_mapping(const std::string& text) {
  Mapping out;
  auto colon = text.find(':');
  std::string_view all = text;
  bool fine = parse_port(colon == std::string::npos ? all : all.substr(colon + 1), out.remote);
  out.local = out.remote;
  if (colon != std::string::npos) fine = fine && parse_port(all.substr(0, colon), out.local);
  if (!fine || out.remote == 0) return bad_mapping(text);
  return out;
}

Result<void> listen_on(Mapping& mapping) {
  mapping.listener = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(mapping.local);
  int on = 1;
  int fd = mapping.listener.get();
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, 64) != 0) {
    std::string port = std::to_string(mapping.local);
    auto error = errno_error(errno, "cannot listen on 127.0.0.1:" + port, "cli");
    if (errno == EADDRINUSE || errno == EACCES)
      error.message += "; choose another with LOCAL:REMOTE, as in 0:" + std::to_string(mapping.remote) +
                       " for any that is free";
    return error;
  }
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0)
    mapping.local = ntohs(address.sin_port);
  return {};
}

struct Connection {
  std::thread thread;
  std::shared_ptr<std::atomic<bool>> over = std::make_shared<std::atomic<bool>>(false);
};

void accept_one(const Endpoint& endpoint, const std::string& session, const Mapping& mapping, int stop,
                std::list<Connection>& connections) {
  UniqueFd socket(::accept4(mapping.listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket) return;
  Connection connection;
  auto serve = [endpoint, session, port = mapping.remote, stop, over = connection.over,
                fd = socket.release()]() {
    auto done = relay(endpoint, session, port, UniqueFd(fd), stop);
    if (!done) say_error("a connection to port " + std::to_string(port) + ": " + done.error().message);
    *over = true;
  };
  connection.thread = std::thread(std::move(serve));
  connections.push_back(std::move(connection));
}

Result<int> forward(Context& context, const Arguments& arguments) {
  const auto& words = arguments.positionals();
  std::vector<Mapping> mappings;
  for (std::size_t i = 1; i < words.size(); ++i) {
    BRIG_TRY(Mapping mapping, parse_mapping(words[i]));
    mappings.push_back(std::move(mapping));
  }
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto session, client->call("GET", session_path(words[0])));
  if (text_of(session, "state") != "running") {
    return Error{Code::conflict,
                 "session " + quoted(words[0]) + " is not running (it is " +
                     printable(text_of(session, "state")) + ")",
                 "cli", false};
  }
  for (auto& mapping : mappings) BRIG_CHECK(listen_on(mapping));
  Signals signals({SIGINT, SIGTERM, SIGHUP});
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
  std::string name = text_of(session, "name");
  for (const auto& mapping : mappings) {
    print("127.0.0.1:" + std::to_string(mapping.local) + " -> " + printable(name) + ":" +
          std::to_string(mapping.remote) + "\n");
  }
  BRIG_CHECK(flush_output());

  std::vector<pollfd> polls;
  for (const auto& mapping : mappings) polls.push_back({mapping.listener.get(), POLLIN, 0});
  polls.push_back({signals.fd(), POLLIN, 0});
  std::list<Connection> connections;
  while (polls.back().revents == 0) {
    if (::poll(polls.data(), polls.size(), -1) < 0) continue;
    connections.remove_if([](Connection& connection) {
      if (*connection.over) connection.thread.join();
      return !connection.thread.joinable();
    });
    for (std::size_t i = 0; i < mappings.size(); ++i) {
      if (polls[i].revents != 0)
        accept_one(client->endpoint(), words[0], mappings[i], stop.get(), connections);
    }
  }
  while (signals.take() != 0) {
  }
  std::uint64_t one = 1;
  if (::write(stop.get(), &one, sizeof one) < 0) return errno_error(errno, "cannot stop", "cli");
  for (auto& connection : connections) connection.thread.join();
  return 0;
}

constexpr PositionalSpec kPositionals[] = {
    {.name = "SESSION", .help = "name or id of a session", .complete = "session"},
    {.name = "PORT",
     .help = "a port inside, or LOCAL:REMOTE if ours shall be another (LOCAL 0: any that is free)",
     .arity = Arity::some},
};

constexpr Example kExamples[] = {
    {"brig forward fix 3000", "http://127.0.0.1:3000 here is port 3000 inside"},
    {"brig forward fix 8080:80 0:5432", "several, under other ports"},
};

}  // namespace

constexpr CommandSpec kForward = {
    .name = "forward",
    .summary = "Reach ports inside a session from this machine, until ctrl-c.",
    .description =
        "Listens on 127.0.0.1 and passes each connection on to the port on the sandbox's own loopback. "
        "Prints what it "
        "listens on, one line each. Whoever may use this machine's loopback may connect.",
    .positionals = kPositionals,
    .examples = kExamples,
    .run = forward,
};

}  // namespace brig::cli
