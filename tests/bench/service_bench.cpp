// Calling an MCP server through brigd, beside the same server (server-everything, its tool `echo`) on a pipe
// of our own, and beside supergateway.
#include <curl/curl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <future>
#include <nlohmann/json.hpp>

#include "brigd.hpp"
#include "core/text.hpp"
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

// One connection, kept.
class Http {
 public:
  explicit Http(Target target) : curl_(curl_easy_init()), target_(std::move(target)) {
    for (const char* field : {"Content-Type: application/json", "Accept: application/json, text/event-stream",
                              "MCP-Protocol-Version: 2025-06-18", "Expect:"})
      headers_ = curl_slist_append(headers_, field);
    if (!target_.session.empty())
      headers_ = curl_slist_append(headers_, ("Mcp-Session-Id: " + target_.session).c_str());
    if (!target_.socket.empty()) curl_easy_setopt(curl_, CURLOPT_UNIX_SOCKET_PATH, target_.socket.c_str());
    curl_easy_setopt(curl_, CURLOPT_URL, target_.url.c_str());
    curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers_);
    curl_easy_setopt(curl_, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl_, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, &Http::take);
    curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &body);
  }
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;
  ~Http() {
    curl_slist_free_all(headers_);
    curl_easy_cleanup(curl_);
  }

  std::optional<double> post(const std::string& text, const char* expected = kEchoed) {
    body.clear();
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDSIZE, static_cast<long>(text.size()));
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDS, text.c_str());
    auto begin = now();
    auto code = curl_easy_perform(curl_);
    auto took = now() - begin;
    if (code == CURLE_OK && body.find(expected) != std::string::npos) return took;
    return std::nullopt;
  }
  // Of the last answer.
  std::string session() const {
    curl_header* field = nullptr;
    bool has = curl_easy_header(curl_, "Mcp-Session-Id", 0, CURLH_HEADER, -1, &field) == CURLHE_OK;
    return has ? field->value : "";
  }
  std::string body;

 private:
  static std::size_t take(char* data, std::size_t, std::size_t size, void* to) {
    static_cast<std::string*>(to)->append(data, size);
    return size;
  }
  CURL* curl_;
  curl_slist* headers_ = nullptr;
  Target target_;
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
