// A mesh of services that do what a test has them do, and a gateway before them.
//
// Ownership: play_gateway() makes the Mesh and closes it. Threads: the loop's. Failure: a test that waits for
// what never comes ends with a timeout, which fails it.
#pragma once

#include <gtest/gtest.h>

#include <map>

#include "core/clock.hpp"
#include "mcp/gateway/gateway.hpp"
#include "mcp/json.hpp"
#include "net/loop.hpp"
#include "net/scope.hpp"

namespace brig::mcp::testing {

struct FakeService {
  std::string capabilities =
      R"({"tools":{},"prompts":{},"resources":{"subscribe":true},"logging":{},"tasks":{}})";
  std::map<Listing, std::vector<Item>> items;
  std::vector<std::string> requests, notes;  // "METHOD PARAMS"
  bool hold = false;                         // answers nothing until it is released
  Answer reply = Answer::result("{}");
  std::function<void(std::string)> on_progress;  // of the last call that wants to be told
  std::size_t cancelled = 0;
};

struct Mesh {
  Mesh(net::asio::any_io_executor executor, Gateway::Options options)
      : changed(executor), scope(executor, "test"), gateway(executor, clock, options) {}

  class View final : public Backends {
   public:
    View(Mesh& mesh, std::string only) : mesh_(mesh), only_(std::move(only)) {}
    std::vector<std::string> names() override {
      std::vector<std::string> out;
      for (const auto& [name, service] : mesh_.services) out.push_back(name);
      return out;
    }
    bool has(const std::string& service) override { return mesh_.services.contains(service); }
    std::optional<Initialized> about(const std::string& service) override {
      if (!has(service)) return std::nullopt;
      Initialized out;
      out.capabilities = mesh_.services[service].capabilities;
      out.server_info = R"({"name":")" + service + R"(","version":"9"})";
      out.instructions = R"("use )" + service + "\"";
      return out;
    }
    net::Task<Result<std::vector<Item>>> list(std::string service, Listing what) override {
      co_return mesh_.services[service].items[what];
    }
    net::Task<Result<Answer>> request(std::string name, Call call) override {
      auto& service = mesh_.services[name];
      struct Gone {
        Mesh& mesh;
        FakeService& service;
        bool answered = false;
        ~Gone() {
          if (!answered) ++service.cancelled;
          mesh.changed.notify_all();
        }
      } gone{mesh_, service};
      service.requests.push_back(call.method + " " + call.params);
      if (call.on_progress) service.on_progress = call.on_progress;
      mesh_.changed.notify_all();
      while (service.hold) co_await mesh_.changed.wait();
      gone.answered = true;
      co_return service.reply;
    }
    net::Task<Result<void>> notify(std::string name, std::string method, std::string params) override {
      mesh_.services[name].notes.push_back(method + " " + params);
      mesh_.changed.notify_all();
      co_return Result<void>();
    }

   private:
    Mesh& mesh_;
    std::string only_;
  };

  Gateway::Credentials from(std::string owner, std::string session, std::string service = {}) {
    auto credential = "token of " + owner;
    return {std::move(owner), std::move(credential), {"acme", std::move(service)}, std::move(session), {}};
  }
  net::Task<Gateway::Outcome> post(Gateway::Credentials credentials, std::string body) {
    auto place = credentials.place;
    Gateway::Open open = [this, place]() -> Result<std::unique_ptr<Backends>> {
      if (place.mesh != "acme") return Error{Code::not_found, "no such mesh", "test", false};
      return std::unique_ptr<Backends>(std::make_unique<View>(*this, place.service));
    };
    return gateway.post(std::move(credentials), std::move(body), std::move(open));
  }
  // A new session's id.
  net::Task<std::string> begin(std::string owner, std::string service = {}, std::string capabilities = "{}") {
    auto credentials = from(std::move(owner), "", std::move(service));
    auto hello =
        R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":)" +
        capabilities + R"(,"clientInfo":{"name":"t","version":"1"}}})";
    auto outcome = co_await post(std::move(credentials), std::move(hello));
    auto* reply = std::get_if<Gateway::Reply>(&outcome);
    EXPECT_TRUE(reply);
    co_return reply ? reply->session : std::string();
  }
  // The answer of what is answered at once.
  net::Task<std::string> ask(Gateway::Credentials credentials, std::string method,
                             std::string params = "{}") {
    auto body = R"({"jsonrpc":"2.0","id":"q","method":")" + method + R"(","params":)" + params + "}";
    auto outcome = co_await post(std::move(credentials), std::move(body));
    auto* reply = std::get_if<Gateway::Reply>(&outcome);
    EXPECT_TRUE(reply) << method;
    co_return reply ? reply->message : std::string();
  }
  // The stream of a call.
  net::Task<std::optional<EventStream::Reader>> call(Gateway::Credentials credentials, std::string id,
                                                     std::string method, std::string params) {
    auto body =
        R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":")" + method + R"(","params":)" + params + "}";
    auto outcome = co_await post(std::move(credentials), std::move(body));
    auto* streamed = std::get_if<Gateway::Streamed>(&outcome);
    EXPECT_TRUE(streamed) << method;
    if (!streamed) co_return std::nullopt;
    co_return std::move(streamed->reader);
  }
  net::Task<void> until(const std::vector<std::string>& list, std::size_t size) {
    while (list.size() < size) co_await changed.wait();
  }

  FakeClock clock;
  std::map<std::string, FakeService> services;
  net::Event changed;
  net::Scope scope;
  Gateway gateway;
};

// The data of the next event; "" at the end.
inline net::Task<std::string> next_of(EventStream::Reader& reader) {
  auto limit = Deadline::in(Millis(60'000));
  auto event = co_await reader.next(limit);
  if (!event) co_return std::string();
  auto data = event->find("\ndata: ");
  EXPECT_NE(data, std::string::npos) << *event;
  if (data == std::string::npos) co_return *event;
  co_return event->substr(data + 7, event->size() - data - 9);
}

using MeshScript = net::Task<void> (*)(Mesh&);

inline net::Task<Result<void>> run_mesh_script(Mesh& mesh, MeshScript script) {
  co_await script(mesh);
  co_return Result<void>();
}

inline net::Task<Result<void>> in_mesh(MeshScript script, Gateway::Options options) {
  Mesh mesh(co_await net::asio::this_coro::executor, options);
  auto running = run_mesh_script(mesh, script);
  auto limit = Deadline::in(Millis(120'000));
  auto done = co_await net::with_deadline(std::move(running), limit, "the script");
  co_await mesh.gateway.close();
  co_await mesh.scope.close();
  co_return done;
}

inline void play_gateway(MeshScript script, Gateway::Options options = {}) {
  auto done = net::run_task(in_mesh(script, options));
  EXPECT_TRUE(done) << done.error().message;
}

inline int status_of(const Gateway::Outcome& outcome) {
  auto* refusal = std::get_if<Gateway::Refusal>(&outcome);
  return refusal ? refusal->status : 200;
}

inline std::string member(const std::string& message, std::string_view name) {
  return std::string(json::find(message, name).value_or("none"));
}

}  // namespace brig::mcp::testing
