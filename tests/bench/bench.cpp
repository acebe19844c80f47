// How Brig compares with the engine it stands on. README.md quotes what this prints.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

#include "brigd.hpp"
#include "core/files.hpp"
#include "core/random.hpp"
#include "core/text.hpp"
#include "docker/engine.hpp"
#include "measure.hpp"
#include "net/loop.hpp"
#include "programs.hpp"

namespace brig::bench {
namespace {

using harness::Engine;
using test::Brigd;
using Seconds = std::chrono::duration<double>;

constexpr const char* kImage = "brig-test/box:latest";

// Spawns, reads stdout: when the first byte came, how many came, and how long from the first to the last.
struct Flow {
  double first = 0;
  double bytes = 0;
  double seconds = 0;
};

std::optional<Flow> watch(const std::vector<std::string>& argv, harness::SpawnOptions options) {
  options.pipe_out = true;
  auto begin = now();
  auto child = harness::Child::spawn(argv, options);
  if (!child) return std::nullopt;
  Flow flow;
  std::vector<char> buffer(1 << 20);
  double first = 0;
  ssize_t n = 0;
  while ((n = ::read(child->out.get(), buffer.data(), buffer.size())) > 0) {
    if (first == 0) first = now();
    flow.bytes += static_cast<double>(n);
  }
  flow.first = first - begin;
  flow.seconds = now() - first;
  auto code = child->wait();
  if (first == 0 || !code || *code != 0) return std::nullopt;
  return flow;
}

// The body that brigd sent for a session, made to run `argv` itself.
net::Task<Result<double>> raw_start(docker::Engine& engine, std::string body, std::string name) {
  auto begin = now();
  docker::CreateOptions options{name, std::move(body), ""};
  BRIG_CO_TRY(auto created, co_await engine.containers().create(std::move(options)));
  docker::AttachOptions attach;
  BRIG_CO_TRY(auto stream, co_await engine.containers().attach(created.id.str(), attach));
  BRIG_CO_CHECK(co_await engine.containers().start(created.id.str()));
  BRIG_CO_TRY(auto chunk, co_await stream->next());
  auto took = now() - begin;
  docker::Containers::RemoveOptions remove;
  remove.force = true;
  stream.reset();
  BRIG_CO_CHECK(co_await engine.containers().remove(created.id.str(), remove));
  if (!chunk) co_return Error{Code::protocol, "no output", "bench", false};
  co_return took;
}

net::Task<Result<double>> raw_start_once(std::string host, std::string body) {
  BRIG_CO_TRY(auto endpoint, docker::parse_endpoint(host));
  BRIG_CO_TRY(auto engine, docker::connect(std::move(endpoint), co_await net::asio::this_coro::executor));
  BRIG_CO_CHECK(co_await engine->system().ping());
  co_return co_await raw_start(*engine, std::move(body), "bench-" + random_hex(4));
}

// What `inspect` says of a session's container, as a request for another that runs `echo` without brig-init.
std::string same_config(const std::string& container) {
  auto text = Engine::shared().request("GET", "/containers/" + container + "/json");
  EXPECT_TRUE(text);
  auto seen = nlohmann::json::parse(*text);
  nlohmann::json body = seen["Config"];
  body["HostConfig"] = seen["HostConfig"];
  body["Entrypoint"] = {"/bin/echo", "x"};
  body["Cmd"] = nlohmann::json::array();
  body["AttachStdout"] = true;
  body["AttachStderr"] = true;
  return body.dump();
}

TEST(ColdStart, AgainstTheRawEngineApi) {
  Brigd brigd;
  auto project = brigd.project("app");
  ASSERT_EQ(
      brigd.brig({"run", "box", "--name", "model", "--project", project, "-d", "--", "sleep", "1000"}).code,
      0);
  auto body = same_config(brigd.sessions()[0]["container"].get<std::string>());
  auto host = Engine::shared().docker_host();
  Way ours{"brig run box -- echo x (the whole program)", [&]() -> std::optional<double> {
             auto flow = watch(brigd.command({"run", "box", "--rm", "--project", project, "--", "echo", "x"}),
                               brigd.options());
             return flow ? std::optional<double>(flow->first) : std::nullopt;
           }};
  Way theirs{"Engine API: create, attach, start", [&]() -> std::optional<double> {
               auto took = net::run_task(raw_start_once(host, body));
               if (!took) std::printf("%s\n", took.error().message.c_str());
               return took ? std::optional<double>(*took) : std::nullopt;
             }};
  compare("Cold start, request to first byte of output", "ms", 1000, 15, ours, theirs, "at most 1.10");
}

TEST(ColdStart, AgainstDockerRunOnABridge) {
  Brigd brigd;
  auto project = brigd.project("app");
  Way ours{"brig run box -- echo x", [&]() -> std::optional<double> {
             auto flow = watch(brigd.command({"run", "box", "--rm", "--project", project, "--", "echo", "x"}),
                               brigd.options());
             return flow ? std::optional<double>(flow->first) : std::nullopt;
           }};
  auto command =
      docker({"run", "--rm", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--read-only",
              "--tmpfs=/tmp", "--user=1000:1000", "--memory=1g", "--pids-limit=256", "--log-driver=none",
              "--volume=" + project.string() + ":/workspace", "--network=bridge", kImage, "/bin/echo", "x"});
  Way theirs{"docker run, equivalent flags, bridge", [&]() -> std::optional<double> {
               auto flow = watch(command, {});
               return flow ? std::optional<double>(flow->first) : std::nullopt;
             }};
  compare("Cold start, command to first byte of output", "ms", 1000, 15, ours, theirs, "at most 0.75");
}

TEST(ColdStart, OfALargeProjectAgainstAnEmptyOne) {
  Brigd brigd;
  auto large = brigd.project("large");
  for (int i = 0; i < 500; ++i) {
    auto directory = large / ("d" + std::to_string(i));
    std::filesystem::create_directory(directory);
    for (int k = 0; k < 100; ++k) std::ofstream(directory / ("f" + std::to_string(k))) << "x";
  }
  auto empty = brigd.project("empty");
  auto start = [&](const std::filesystem::path& project) -> std::optional<double> {
    auto flow = watch(brigd.command({"run", "box", "--rm", "--project", project, "--", "echo", "x"}),
                      brigd.options());
    return flow ? std::optional<double>(flow->first) : std::nullopt;
  };
  Way ours{"a project of 50,000 files", [&] { return start(large); }};
  Way theirs{"an empty project", [&] { return start(empty); }};
  compare("Cold start, command to first byte of output", "ms", 1000, 15, ours, theirs, "at most 1.10");
}

std::optional<double> rate(const std::optional<Flow>& flow) {
  if (!flow || flow->seconds <= 0) return std::nullopt;
  return flow->bytes / flow->seconds;
}

// dd, because it costs next to nothing: busybox's head writes byte by byte and is slower than any of this.
std::vector<std::string> writing(const std::string& mebibytes) {
  return {"sh", "-c", "exec dd if=/dev/zero bs=256k count=$((" + mebibytes + " * 4)) 2> /dev/null"};
}

void throughput(const std::string& driver, const std::string& mebibytes, const std::string& bound) {
  Brigd brigd;
  std::vector<std::string> brig_run = {"run", "box", "--rm", "--empty", "--"};
  auto docker_run = docker({"run", "--rm", "--network=none", "--log-driver=" + driver, kImage});
  for (auto* command : {&brig_run, &docker_run}) {
    auto argv = writing(mebibytes);
    command->insert(command->end(), argv.begin(), argv.end());
  }
  Way ours{"brig run", [&] { return rate(watch(brigd.command(brig_run), brigd.options())); }};
  Way theirs{"docker run, log driver " + driver, [&] { return rate(watch(docker_run, {})); }};
  compare("Attached output, first byte to last", "MB/s", 1e-6, 7, ours, theirs, bound);
}

TEST(Throughput, AgainstDockerWithoutALogDriver) {
  throughput("none", "1024", "at least 1");
}
TEST(Throughput, AgainstDockerWithJsonFile) {
  throughput("json-file", "64", "at least 10");
}

class Copy : public testing::Test {
 protected:
  Copy() {
    EXPECT_EQ(brigd.brig({"run", "box", "--name", "copy", "--empty", "-d", "--", "sleep", "100000"}).code, 0);
    auto begun = harness::run(
        docker({"run", "-d", "--name", "bench-copy", "--network=none", kImage, "sleep", "100000"}));
    EXPECT_TRUE(begun && begun->code == 0) << (begun ? begun->err : "");
  }
  ~Copy() override { (void)harness::run(docker({"rm", "-f", "bench-copy"})); }

  void both_ways(const std::string& what, const std::filesystem::path& tree) {
    auto place = [this](const char* kind) { return std::string(kind) + std::to_string(number_++); };
    Way in{"brig cp", [&] {
             return took(brigd.command({"cp", tree, "copy:" + place("b")}), brigd.options());
           }};
    Way in_docker{"docker cp", [&] {
                    return took(docker({"cp", tree, "bench-copy:/tmp/" + place("d")}), {});
                  }};
    compare("Copying " + what + " into a sandbox", "ms", 1000, 7, in, in_docker, "at most 1.10");
    ASSERT_EQ(brigd.brig({"cp", tree, "copy:out"}).code, 0);
    ASSERT_TRUE(took(docker({"cp", tree, "bench-copy:/tmp/out"}), {}));
    Way out{"brig cp", [&] {
              return took(brigd.command({"cp", "copy:out", brigd.dir() / place("b")}), brigd.options());
            }};
    Way out_docker{"docker cp", [&] {
                     return took(docker({"cp", "bench-copy:/tmp/out", brigd.dir() / place("d")}), {});
                   }};
    compare("Copying " + what + " out of it", "ms", 1000, 7, out, out_docker, "at most 1.10");
  }

  Brigd brigd;
  int number_ = 0;
};

TEST_F(Copy, OfManyFilesAgainstDockerCp) {
  auto tree = brigd.project("many");
  for (int i = 0; i < 50; ++i) {
    auto directory = tree / ("d" + std::to_string(i));
    std::filesystem::create_directory(directory);
    for (int k = 0; k < 100; ++k) std::ofstream(directory / ("f" + std::to_string(k))) << "file " << k;
  }
  both_ways("5,000 small files", tree);
}

TEST_F(Copy, OfOneLargeFileAgainstDockerCp) {
  auto file = brigd.dir() / "large";
  auto made = harness::run({"dd", "if=/dev/urandom", "of=" + file.string(), "bs=1M", "count=256"});
  ASSERT_TRUE(made && made->code == 0);
  both_ways("256 MiB", file);
}

TEST(Memory, OfTheServiceAndOfSandboxes) {
  Brigd brigd;
  ASSERT_EQ(brigd.brig({"run", "box", "--rm", "--empty", "--", "true"}).code, 0);
  auto idle = kilobytes(brigd.pid(), "status", "VmRSS:");
  report("brigd at rest, resident", idle / 1024, "MB", "under 20");
  constexpr int kCount = 100;
  for (int i = 0; i < kCount; ++i) {
    ASSERT_EQ(brigd.brig({"run", "box", "--empty", "-d", "--", "sleep", "100000"}).code, 0);
  }
  auto full = kilobytes(brigd.pid(), "status", "VmRSS:");
  report("brigd, for each of 100 idle sandboxes", (full - idle) / kCount, "KB", "under 100");
  std::vector<double> private_memory;
  for (const auto& session : brigd.sessions()) {
    auto text =
        Engine::shared().request("GET", "/containers/" + session["container"].get<std::string>() + "/json");
    ASSERT_TRUE(text);
    auto pid = nlohmann::json::parse(*text)["State"]["Pid"].get<pid_t>();
    private_memory.push_back(kilobytes(pid, "status", "VmRSS:"));
  }
  report("brig-init, resident", median(private_memory), "KB", "under 1024");
}

}  // namespace
}  // namespace brig::bench
