// Calling an MCP server through brigd, beside the same server (server-everything, its tool `echo`) on a pipe
// of our own, and beside supergateway.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <future>
#include <nlohmann/json.hpp>

#include "brigd.hpp"
#include "core/text.hpp"
#include "core/unique_fd.hpp"
#include "measure.hpp"
#include "node_kit.hpp"

namespace brig::bench {
namespace {

using nlohmann::json;
using test::Brigd;
using test::NodeKit;

const test::Images kImages{BRIG_SOURCE_DIR "/images", "brig-real", "auto"};
constexpr const char* kServer = "@modelcontextprotocol/server-everything/dist/index.js";
constexpr int kInFlight = 16;
constexpr int kCallsOfOne = 100;

json request(int id, const std::string& method, json params) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", std::move(params)}};
}
json hello() {
  return request(0, "initialize",
                 {{"protocolVersion", "2025-06-18"},
                  {"capabilities", json::object()},
                  {"clientInfo", {{"name", "bench"}, {"version", "1"}}}});
}
json echo(int id, const std::string& tool) {
  return request(id, "tools/call", {{"name", tool}, {"arguments", {{"message", "hi"}}}});
}
constexpr const char* kInitialized = R"({"jsonrpc":"2.0","method":"notifications/initialized"})";
constexpr const char* kEchoed = "Echo: hi";

// A server on a pipe of ours.
class Direct {
 public:
  explicit Direct(const NodeKit& kit) {
    harness::SpawnOptions options;
    options.pipe_in = options.pipe_out = options.pipe_err = true;
    auto child = harness::Child::spawn(kit.command(kServer, {"stdio"}), options);
    if (!child) return;
    child_.emplace(std::move(*child));
    (void)exchange(hello().dump());
    send(kInitialized);
  }
  std::optional<double> call() {
    auto line = echo(++id_, "echo").dump();
    auto begin = now();
    auto answer = exchange(line);
    auto took = now() - begin;
    return answer.find(kEchoed) == std::string::npos ? std::nullopt : std::optional(took);
  }

 private:
  void send(const std::string& line) {
    auto text = line + "\n";
    (void)!::write(child_->in.get(), text.data(), text.size());
  }
  // The next answer; what the server says beside it is passed over.
  std::string exchange(const std::string& line) {
    send(line);
    while (true) {
      for (std::size_t end; (end = pending_.find('\n')) != std::string::npos;) {
        auto heard = pending_.substr(0, end);
        pending_.erase(0, end + 1);
        if (heard.find("\"result\"") != std::string::npos) return heard;
      }
      char piece[4096];
      auto n = ::read(child_->out.get(), piece, sizeof piece);
      if (n <= 0) return {};
      pending_.append(piece, static_cast<std::size_t>(n));
    }
  }

  std::optional<harness::Child> child_;
  std::string pending_;
  int id_ = 0;
};

struct Target {
  std::string socket;  // empty: TCP
  std::string url;
  std::string session = {};
};

// One connection, kept. Not libcurl's: that takes half as much of a processor for each call as brigd does, on
// a machine that has just two for all.
class Http {
 public:
  explicit Http(const Target& target) : target_(target) {
    auto rest = target.url.substr(std::string_view("http://").size());
    auto slash = rest.find('/');
    address_ = rest.substr(0, slash);
    head_ = "POST " + rest.substr(slash) + " HTTP/1.1\r\nHost: " + address_ +
            "\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
            "MCP-Protocol-Version: 2025-06-18\r\n";
    if (!target.session.empty()) head_ += "Mcp-Session-Id: " + target.session + "\r\n";
  }

  std::optional<double> post(const std::string& text, const char* expected = kEchoed) {
    auto request = head_ + "Content-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text;
    auto begin = now();
    bool kept = static_cast<bool>(connection_);
    bool answered = exchange(request);
    if (!answered && kept) {  // the other end had closed it
      connection_.reset();
      answered = exchange(request);
    }
    auto took = now() - begin;
    if (field("connection") == "close") connection_.reset();
    if (answered && body.find(expected) != std::string::npos) return took;
    connection_.reset();
    return std::nullopt;
  }
  // Of the last answer.
  std::string session() const { return field("mcp-session-id"); }
  std::string body;

 private:
  bool connect() {
    sockaddr_un local{AF_UNIX, {}};
    sockaddr_in remote{};
    bool is_local = !target_.socket.empty();
    if (is_local) {
      target_.socket.copy(local.sun_path, sizeof local.sun_path - 1);
    } else {
      auto colon = address_.find(':');
      remote.sin_family = AF_INET;
      remote.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address_.substr(colon + 1))));
      ::inet_pton(AF_INET, address_.substr(0, colon).c_str(), &remote.sin_addr);
    }
    connection_.reset(::socket(is_local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    int on = 1;
    if (!is_local) ::setsockopt(connection_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    timeval limit{60, 0};
    ::setsockopt(connection_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    const auto* at = is_local ? reinterpret_cast<sockaddr*>(&local) : reinterpret_cast<sockaddr*>(&remote);
    return ::connect(connection_.get(), at, is_local ? sizeof local : sizeof remote) == 0;
  }

  bool exchange(const std::string& request) {
    head_of_answer_.clear();
    body.clear();
    received_.clear();
    if (!connection_ && !connect()) return false;
    auto sent = ::send(connection_.get(), request.data(), request.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(request.size())) return false;
    std::size_t end;
    while ((end = received_.find("\r\n\r\n")) == std::string::npos)
      if (!receive()) return false;
    head_of_answer_ = received_.substr(0, end + 2);
    received_.erase(0, end + 4);
    if (field("transfer-encoding") == "chunked") return take_chunks();
    auto length = field("content-length");
    return length.empty() || take(body, std::stoul(length));
  }
  bool take_chunks() {
    while (true) {
      std::size_t end;
      while ((end = received_.find("\r\n")) == std::string::npos)
        if (!receive()) return false;
      auto size = std::stoul(received_.substr(0, end), nullptr, 16);
      received_.erase(0, end + 2);
      std::string line_end;
      if (!take(body, size) || !take(line_end, 2)) return false;
      if (size == 0) return true;
    }
  }
  bool take(std::string& into, std::size_t size) {
    while (received_.size() < size)
      if (!receive()) return false;
    into.append(received_, 0, size);
    received_.erase(0, size);
    return true;
  }
  bool receive() {
    char piece[16 * 1024];
    auto n = ::recv(connection_.get(), piece, sizeof piece, 0);
    if (n > 0) received_.append(piece, static_cast<std::size_t>(n));
    return n > 0;
  }
  // Of the last answer's head.
  std::string field(std::string_view name) const {
    for (auto line : split(head_of_answer_, '\n')) {
      bool is_it = line.size() > name.size() + 2 && line[name.size()] == ':' &&
                   ::strncasecmp(line.data(), name.data(), name.size()) == 0;
      if (is_it) return std::string(line.substr(name.size() + 2, line.size() - name.size() - 3));
    }
    return {};
  }

  Target target_;
  std::string address_, head_;
  UniqueFd connection_;
  std::string received_, head_of_answer_;
};

// With a session begun there.
Target greeted(Target target) {
  Http first(target);
  (void)first.post(hello().dump(), "protocolVersion");
  target.session = first.session();
  Http second(target);
  (void)second.post(kInitialized, "");
  EXPECT_FALSE(target.session.empty()) << target.url << ": " << first.body;
  return target;
}

// Calls a second, with so many in flight.
std::optional<double> calls_a_second(const Target& target, const std::string& tool) {
  std::vector<std::future<bool>> all;
  auto begin = now();
  for (int one = 0; one < kInFlight; ++one) {
    all.push_back(std::async(std::launch::async, [&target, &tool, one] {
      Http http(target);
      bool good = true;
      for (int i = 0; i < kCallsOfOne; ++i)
        good &= http.post(echo(1'000'000 + one * kCallsOfOne + i, tool).dump()).has_value();
      return good;
    }));
  }
  bool good = true;
  for (auto& one : all) good &= one.get();
  if (!good) return std::nullopt;
  return kInFlight * kCallsOfOne / (now() - begin);
}

class Calls : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    brigd.emplace("[limits]\nrequests_per_minute = 10000000\n", "", kImages);
    test::done(*brigd, {"image", "build", "node"});
    kit.emplace(*brigd, std::vector<std::string>{"@modelcontextprotocol/server-everything", "supergateway"});
    test::done(*brigd, {"service", "deploy", "ev", "--mesh", "acme", "--npm",
                        "@modelcontextprotocol/server-everything"});
  }
  static void TearDownTestSuite() {
    kit.reset();
    brigd->brig({"service", "rm", "ev", "--mesh", "acme"});
    brigd->remove_volumes();
    brigd.reset();
  }
  static Target at(const std::string& path) {
    return {brigd->socket().string(), "http://localhost/v1/meshes/acme" + path};
  }

  inline static std::optional<Brigd> brigd;
  inline static std::optional<NodeKit> kit;
};

TEST_F(Calls, CostBesideAPipe) {
  Direct direct(*kit);
  Way theirs{"the same server on a pipe", [&] { return direct.call(); }};
  Http api(at("/services/ev/call"));
  Way by_api{"POST …/call", [&] { return api.post(R"({"tool":"echo","arguments":{"message":"hi"}})"); }};
  compare("A call of a tool", "µs", 1e6, 1000, by_api, theirs, "at most 500 µs more");
  Http gateway(greeted(at("/mcp")));
  int id = 0;
  Way by_gateway{"the mesh's MCP endpoint", [&] { return gateway.post(echo(++id, "ev__echo").dump()); }};
  compare("A call of a tool by the gateway", "µs", 1e6, 1000, by_gateway, theirs, "at most 1000 µs more");
}

// brigd logs every call, as an installed one does (its level here, debug, adds nothing to that) and writes it
// into its audit; supergateway does neither.
TEST_F(Calls, ASecondBesideSupergateway) {
  auto address = test::free_address();
  auto command = kit->command(kServer, {"stdio"});
  auto other = harness::Child::spawn(
      kit->command("supergateway/dist/index.js",
                   {"--stdio", join(command, " "), "--outputTransport", "streamableHttp", "--stateful",
                    "--logLevel", "none", "--port", address.substr(address.find(':') + 1)}));
  ASSERT_TRUE(other);
  Target theirs_at{"", "http://" + address + "/mcp"};
  ASSERT_TRUE(test::eventually(
      [&] {
        Http probe(theirs_at);
        return probe.post(hello().dump(), "protocolVersion").has_value();
      },
      "supergateway answers"));
  theirs_at = greeted(theirs_at);
  auto ours_at = greeted(at("/services/ev/mcp"));
  Way ours{"Brig, one service's MCP endpoint", [&] { return calls_a_second(ours_at, "echo"); }};
  Way theirs{"supergateway, streamable HTTP, one session", [&] { return calls_a_second(theirs_at, "echo"); }};
  compare("Calls a second, 16 in flight", "calls/s", 1, 5, ours, theirs, "at least 5");
  other->kill(SIGTERM);
}

}  // namespace
}  // namespace brig::bench
