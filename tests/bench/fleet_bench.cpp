// Many MCP servers at once: what they cost brigd while nobody calls them, and how soon they are back when
// everything has been killed, beside the engine's own time for containers of the same configuration.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "brigd.hpp"
#include "core/random.hpp"
#include "docker/engine.hpp"
#include "measure.hpp"
#include "net/loop.hpp"
#include "node_kit.hpp"
#include "programs.hpp"

namespace brig::bench {
namespace {

using harness::Engine;
using nlohmann::json;
using test::Brigd;

const test::Images kImages{BRIG_SOURCE_DIR "/images", "brig-real", "auto"};
constexpr int kAtOnce = 4;  // deployments

// Services s1 … sN of one mesh, all of one artefact, and one more that stays up: `model`.
class Fleet : public testing::Test {
 protected:
  Fleet() : brigd("[limits]\nrequests_per_minute = 10000000\n[volumes]\nper_owner = 1000\n", "", kImages) {
    test::done(brigd, {"image", "build", "node"});
    project = brigd.project("server");
    for (const char* file : {"index.mjs", "package.json"})
      std::filesystem::copy_file(std::filesystem::path(SERVER_DIR) / file, project / file);
    deploy("model");
  }
  ~Fleet() override {
    std::vector<std::string> remove = {"service", "rm", "--mesh", "acme", "model"};
    for (int i = 1; i <= deployed; ++i) remove.push_back("s" + std::to_string(i));
    test::done(brigd, remove);
    brigd.remove_volumes();
  }

  void deploy(const std::string& name) {
    test::done(brigd,
               {"service", "deploy", name, "--mesh", "acme", "--memory", "128M", "--dir", project.string()});
  }
  void deploy_many(int count) {
    std::vector<std::thread> threads;
    for (int first = 1; first <= kAtOnce; ++first)
      threads.emplace_back([this, first, count] {
        for (int i = first; i <= count; i += kAtOnce) deploy("s" + std::to_string(i));
      });
    for (auto& thread : threads) thread.join();
    deployed = count;
  }
  json services() {
    auto listed = brigd.brig({"service", "ls", "--mesh", "acme", "--json"});
    auto read = json::parse(listed.out, nullptr, false);
    return read.is_array() ? read : json::array();
  }
  // Containers by the names of their services.
  std::map<std::string, std::string> containers() {
    std::map<std::string, std::string> of_session;
    for (const auto& session : brigd.sessions())
      of_session[session["id"].get<std::string>()] = session.value("container", "");
    std::map<std::string, std::string> out;
    for (const auto& service : services())
      out[service["name"].get<std::string>()] = of_session[service.value("session", "")];
    return out;
  }

  Brigd brigd;
  std::filesystem::path project;
  int deployed = 0;
};

// Seconds of processor time so far, of all its threads.
double cpu_of(pid_t pid) {
  double out = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    std::ifstream in(task.path() / "schedstat");
    double nanoseconds = 0;
    in >> nanoseconds;
    out += nanoseconds / 1e9;
  }
  return out;
}

TEST_F(Fleet, AtRestCostsLittle) {
  constexpr int kCount = 100;
  auto before = kilobytes(brigd.pid(), "status", "VmRSS:");
  deploy_many(kCount);
  auto after = kilobytes(brigd.pid(), "status", "VmRSS:");
  report("brigd, for each of 100 services at rest", (after - before) / kCount, "KB", "under 200");
  auto begin = now();
  auto cpu = cpu_of(brigd.pid());
  std::this_thread::sleep_for(std::chrono::seconds(60));  // so that each is pinged twice
  report("brigd, with 100 services at rest, of a processor",
         (cpu_of(brigd.pid()) - cpu) / (now() - begin) * 1000, "thousandths", "next to nothing");
}

// The container of a server as brigd made it, without brig-init, until the server has answered.
net::Task<Result<void>> serve(docker::Engine& engine, const std::string& body, std::string& id) {
  docker::CreateOptions options{"bench-" + random_hex(4), body, ""};
  BRIG_CO_TRY(auto created, co_await engine.containers().create(std::move(options)));
  id = created.id.str();
  docker::AttachOptions attach;
  attach.in = true;
  BRIG_CO_TRY(auto stream, co_await engine.containers().attach(id, attach));
  BRIG_CO_CHECK(co_await engine.containers().start(id));
  static const std::string hello =
      R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",)"
      R"("capabilities":{},"clientInfo":{"name":"bench","version":"1"}}})"
      "\n";
  BRIG_CO_CHECK(co_await stream->write(std::as_bytes(std::span(hello))));
  BRIG_CO_TRY(auto said, co_await stream->next());
  if (!said) co_return Error{Code::protocol, "the server said nothing", "bench", false};
  co_return Result<void>();
}

net::Task<Result<void>> serve_on(std::string host, std::string body, std::string& id) {
  BRIG_CO_TRY(auto endpoint, docker::parse_endpoint(host));
  BRIG_CO_TRY(auto engine, docker::connect(std::move(endpoint), co_await net::asio::this_coro::executor));
  co_return co_await serve(*engine, body, id);
}

// What `inspect` says of a service's container, as a request for another that runs the server itself.
std::string server_alone(const std::string& container) {
  auto text = Engine::shared().request("GET", "/containers/" + container + "/json");
  if (!text) return {};
  auto seen = json::parse(*text);
  json body = seen["Config"];
  body["HostConfig"] = seen["HostConfig"];
  body.erase("Labels");  // it is none of brigd's
  body["Entrypoint"] = {"node", "index.mjs"};
  body["Cmd"] = json::array();
  for (const char* stream : {"AttachStdin", "AttachStdout", "AttachStderr", "OpenStdin"}) body[stream] = true;
  return body.dump();
}

TEST_F(Fleet, ComesBack) {
  constexpr int kCount = 50;
  deploy_many(kCount);
  auto body = server_alone(containers()["model"]);
  ASSERT_FALSE(body.empty());
  auto each = [](const std::vector<std::string>& ids, const std::string& method, const std::string& rest) {
    std::vector<std::future<void>> all;
    for (const auto& id : ids)
      all.push_back(std::async(std::launch::async, [target = "/containers/" + id + rest, method] {
        (void)Engine::shared().request(method, target);
      }));
  };
  Way ours{"brigd, from its start until all 50 answered", [&]() -> std::optional<double> {
             std::vector<std::string> ids;
             for (const auto& [name, id] : containers())
               if (name != "model") ids.push_back(id);
             brigd.kill_hard();
             each(ids, "POST", "/kill?signal=KILL");
             auto begin = now();
             brigd.start();
             auto back = test::eventually(
                 [&] {
                   for (const auto& service : services())
                     if (service["state"] != "running") return false;
                   return true;
                 },
                 "all services are back", std::chrono::minutes(5));
             return back ? std::optional(now() - begin) : std::nullopt;
           }};
  Way theirs{"Engine API: create, attach, start, 50 at once", [&]() -> std::optional<double> {
               std::vector<std::string> ids(kCount);
               std::vector<std::future<bool>> all;
               auto begin = now();
               for (auto& id : ids)
                 all.push_back(std::async(std::launch::async, [&] {
                   auto up = net::run_task(serve_on(Engine::shared().docker_host(), body, id));
                   if (!up) std::printf("%s\n", up.error().message.c_str());
                   return up.ok();
                 }));
               bool good = true;
               for (auto& one : all) good &= one.get();
               auto took = now() - begin;
               each(ids, "DELETE", "?force=true");
               return good ? std::optional(took) : std::nullopt;
             }};
  compare("50 services killed with brigd, until each has answered initialize", "s", 1, 5, ours, theirs,
          "at most 1.30");
}

}  // namespace
}  // namespace brig::bench
