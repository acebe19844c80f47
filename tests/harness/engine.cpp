#include "harness/engine.hpp"

#include <curl/curl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "core/files.hpp"
#include "core/random.hpp"
#include "harness/child.hpp"
#include "harness/ping.hpp"

namespace brig::harness {
namespace fs = std::filesystem;
namespace {

std::size_t append(char* data, std::size_t size, std::size_t count, void* out) {
  static_cast<std::string*>(out)->append(data, size * count);
  return size * count;
}

std::size_t read_from(char* buffer, std::size_t size, std::size_t count, void* in) {
  return std::fread(buffer, 1, size * count, static_cast<std::FILE*>(in));
}

// `upload`: a file sent as the body. With an answer of 200 an error may still follow in it (image import).
Result<std::string> perform(const fs::path& socket, const std::string& method, const std::string& target,
                            const std::string& json_body, std::FILE* upload) {
  CURL* curl = ::curl_easy_init();
  std::string answer;
  curl_slist* headers = ::curl_slist_append(
      nullptr, upload ? "Content-Type: application/x-tar" : "Content-Type: application/json");
  headers = ::curl_slist_append(headers, "Expect:");
  ::curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
  ::curl_easy_setopt(curl, CURLOPT_URL, ("http://engine" + target).c_str());
  ::curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  ::curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(curl, CURLOPT_TIMEOUT, 300L);
  ::curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
  ::curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
  if (upload) {
    ::curl_easy_setopt(curl, CURLOPT_POST, 1L);
    ::curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_from);
    ::curl_easy_setopt(curl, CURLOPT_READDATA, upload);
    headers = ::curl_slist_append(headers, "Transfer-Encoding: chunked");
    ::curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  } else {
    if (!json_body.empty()) ::curl_easy_setopt(curl, CURLOPT_POSTFIELDS, json_body.c_str());
    if (method == "POST" && json_body.empty()) ::curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
    ::curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method.c_str());
    if (method == "HEAD") ::curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  }
  const CURLcode code = ::curl_easy_perform(curl);
  long status = 0;
  ::curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  ::curl_slist_free_all(headers);
  ::curl_easy_cleanup(curl);
  if (code != CURLE_OK) {
    return Error{Code::unavailable, method + " " + target + ": " + ::curl_easy_strerror(code), "harness",
                 false};
  }
  if (status < 200 || status > 299) {
    return Error{status == 404 ? Code::not_found : Code::internal,
                 method + " " + target + " was answered " + std::to_string(status) + ": " + answer, "harness",
                 false};
  }
  return answer;
}

Result<Finished> succeed(const std::vector<std::string>& argv, std::chrono::seconds limit) {
  BRIG_TRY(Finished done, run(argv, {}, {}, limit));
  if (done.code != 0) {
    return Error{Code::internal, argv[0] + " exited " + std::to_string(done.code) + ": " + done.err,
                 "harness", false};
  }
  return done;
}

}  // namespace

Result<Engine> Engine::start(EngineOptions options) {
  std::vector<std::string> argv{BRIG_TEST_ENGINE_PROGRAM, "up",      "--root",
                                options.root.string(),    "--owner", std::to_string(::getpid())};
  if (!options.network) argv.push_back("--no-network");
  BRIG_TRY(Finished done, succeed(argv, std::chrono::seconds(120)));
  while (done.out.ends_with('\n')) done.out.pop_back();
  return Engine(done.out, true);
}

Result<Engine> Engine::attach(fs::path dir) {
  Engine engine(std::move(dir), false);
  BRIG_CHECK(engine.wait_ready());
  return engine;
}

Engine& Engine::shared() {
  static Engine engine = [] {
    const char* dir = std::getenv("BRIG_TEST_ENGINE");
    auto attached =
        dir ? attach(dir) : Result<Engine>(Error{Code::invalid, "BRIG_TEST_ENGINE is not set", {}, false});
    if (!attached) {
      std::fprintf(stderr, "harness: no engine: %s\n", attached.error().message.c_str());
      std::abort();
    }
    return std::move(attached).value();
  }();
  return engine;
}

Engine::Engine(Engine&& other) noexcept
    : dir_(std::move(other.dir_)), owned_(std::exchange(other.owned_, false)) {}

Engine& Engine::operator=(Engine&& other) noexcept {
  if (this != &other) {
    stop();
    dir_ = std::move(other.dir_);
    owned_ = std::exchange(other.owned_, false);
  }
  return *this;
}

Engine::~Engine() {
  stop();
}

void Engine::stop() {
  if (!std::exchange(owned_, false)) return;
  if (auto stopped = succeed({BRIG_TEST_ENGINE_PROGRAM, "down", dir_.string()}, std::chrono::minutes(6));
      !stopped) {
    std::fprintf(stderr, "harness: %s\n", stopped.error().message.c_str());
  }
}

Result<fs::path> Engine::scratch(const std::string& name) const {
  const fs::path path = dir_ / ("t-" + name + "-" + random_hex(3));
  if (::mkdir(path.c_str(), 0755) != 0) return errno_error(errno, "cannot make " + path.string(), "harness");
  return path;
}

std::vector<std::string> Engine::inside(std::vector<std::string> argv) const {
  std::vector<std::string> words{BRIG_TEST_ENGINE_PROGRAM, "exec", dir_.string(), "--"};
  words.insert(words.end(), argv.begin(), argv.end());
  return words;
}

Result<pid_t> Engine::daemon_pid() const {
  BRIG_TRY(std::string text, read_file(dir_ / "docker.pid", 64));
  return static_cast<pid_t>(std::strtol(text.c_str(), nullptr, 10));
}

Result<void> Engine::hold(bool on) const {
  if (on) return write_file(dir_ / "hold", "", 0644);
  std::error_code ec;
  fs::remove(dir_ / "hold", ec);
  return {};
}

Result<void> Engine::wait_ready() const {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!engine_answers(socket())) {
    if (std::chrono::steady_clock::now() > end) {
      return Error{Code::timeout, "the engine in " + dir_.string() + " does not answer", "harness", false};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return {};
}

Result<std::string> Engine::request(const std::string& method, const std::string& target,
                                    const std::string& json_body) const {
  return perform(socket(), method, target, json_body, nullptr);
}

Result<void> Engine::import_image(const std::string& tag, const fs::path& tar) const {
  std::FILE* file = std::fopen(tar.c_str(), "rbe");
  if (!file) return errno_error(errno, "cannot open " + tar.string(), "harness");
  auto answer = perform(socket(), "POST", "/v1.41/images/create?fromSrc=-&repo=" + tag, {}, file);
  std::fclose(file);
  if (!answer) return std::move(answer).error();
  if (answer->find("\"error\"") != std::string::npos) {
    return Error{Code::internal, "the engine refused the image " + tag + ": " + *answer, "harness", false};
  }
  return {};
}

Result<void> Engine::ensure_image(const std::string& tag) const {
  if (request("GET", "/v1.41/images/" + tag + "/json")) return {};
  BRIG_TRY(Finished done, succeed({BRIG_SOURCE_DIR "/tests/harness/make-image", tag, BRIG_IMAGE_CACHE},
                                  std::chrono::seconds(600)));
  while (done.out.ends_with('\n')) done.out.pop_back();
  return import_image(tag, done.out);
}

}  // namespace brig::harness
