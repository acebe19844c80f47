#include "fake_brigd.hpp"

#include <dirent.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "attach_server.hpp"

namespace brig::cli::test {
namespace {

constexpr auto kGenerous = std::chrono::seconds(60);

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::abort();
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::string header_value(const std::string& head, const std::string& name) {
  auto at = head.find("\r\n" + name + ": ");
  if (at == std::string::npos) return {};
  at += name.size() + 4;
  return head.substr(at, head.find("\r\n", at) - at);
}

std::string render(const FakeAnswer& answer) {
  std::string out = "HTTP/1.1 " + std::to_string(answer.status) + " X\r\nContent-Type: " + answer.type +
                    "\r\n" + answer.headers;
  if (answer.status == 204) return out + "\r\n";
  if (!answer.chunked)
    return out + "Content-Length: " + std::to_string(answer.body.size()) + "\r\n\r\n" + answer.body;
  out += "Transfer-Encoding: chunked\r\n\r\n";
  for (std::size_t at = 0; at < answer.body.size(); at += 10) {
    std::string part = answer.body.substr(at, 10);
    char size[16];
    std::snprintf(size, sizeof size, "%zx\r\n", part.size());
    out += size + part + "\r\n";
  }
  return out + "0\r\n\r\n";
}

}  // namespace

void FakeProcess::write(int stream, std::string_view bytes) {
  std::lock_guard lock(mutex_);
  output_.push_back({stream, std::string(bytes), output_end_});
  output_end_ += bytes.size();
  changed_.notify_all();
}

void FakeProcess::end(nlohmann::json outcome) {
  std::lock_guard lock(mutex_);
  outcome_ = std::move(outcome);
  changed_.notify_all();
}

std::string FakeProcess::wait_stdin(std::size_t bytes) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kGenerous, [&] { return stdin_.size() >= bytes; });
  return stdin_;
}

bool FakeProcess::wait_eof() {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kGenerous, [&] { return eof_ && stdin_.size() == *eof_; });
}

std::string FakeProcess::wait_signal() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kGenerous, [&] { return !signals_.empty(); });
  return signals_.empty() ? "none" : signals_.back();
}

void FakeProcess::forget_signals() {
  std::lock_guard lock(mutex_);
  signals_.clear();
}

nlohmann::json FakeProcess::wait_size(std::size_t count) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kGenerous, [&] { return sizes_.size() >= count; });
  return sizes_.empty() ? nlohmann::json() : sizes_.back();
}

std::string FakeProcess::stdin_now() {
  std::lock_guard lock(mutex_);
  return stdin_;
}

FakeBrigd::FakeBrigd() {
  char name[] = "/tmp/brig-cli-test-XXXXXX";
  if (!::mkdtemp(name)) die("mkdtemp");
  directory_ = name;
  listen();
}

FakeBrigd::~FakeBrigd() {
  kill();
  std::vector<std::thread> threads;
  {
    std::lock_guard lock(mutex_);
    threads.swap(threads_);
  }
  for (auto& thread : threads) thread.join();
  std::filesystem::remove_all(directory_);
}

void FakeBrigd::listen() {
  listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s/brig.sock", directory_.c_str());
  ::unlink(address.sun_path);
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) die("bind");
  if (::listen(listener_.get(), 64) != 0) die("listen");
  stopping_ = false;
  acceptor_ = std::thread(&FakeBrigd::accept_loop, this, listener_.get());
}

void FakeBrigd::kill() {
  stopping_ = true;
  if (listener_) ::shutdown(listener_.get(), SHUT_RDWR);
  if (acceptor_.joinable()) acceptor_.join();
  listener_.reset();
  std::lock_guard lock(mutex_);
  for (auto& weak : open_) {
    if (auto socket = weak.lock()) ::shutdown(socket->get(), SHUT_RDWR);
  }
  open_.clear();
}

void FakeBrigd::restart() {
  listen();
}

void FakeBrigd::accept_loop(int listener) {
  while (!stopping_) {
    int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    auto socket = std::make_shared<UniqueFd>(fd);
    std::lock_guard lock(mutex_);
    open_.push_back(socket);
    threads_.emplace_back([this, socket] { serve(socket); });
  }
}

void FakeBrigd::make_mortal(unsigned seed, std::size_t most) {
  std::lock_guard lock(mutex_);
  random_.seed(seed);
  most_ = most;
}

void FakeBrigd::make_immortal() {
  std::lock_guard lock(mutex_);
  most_ = 0;
}

std::size_t FakeBrigd::next_life() {
  std::lock_guard lock(mutex_);
  if (most_ == 0) return SIZE_MAX;
  return std::uniform_int_distribution<std::size_t>(1, most_)(random_);
}

void FakeBrigd::on(const std::string& what, std::function<FakeAnswer(const FakeRequest&)> handler) {
  std::lock_guard lock(mutex_);
  handlers_[what] = std::move(handler);
}

std::vector<FakeRequest> FakeBrigd::requests() {
  std::lock_guard lock(mutex_);
  return requests_;
}

FakeRequest FakeBrigd::wait_request(const std::string& what) {
  std::unique_lock lock(mutex_);
  FakeRequest found;
  asked_.wait_for(lock, kGenerous, [&] {
    for (const auto& request : requests_) {
      if (request.method + " " + request.path != what) continue;
      found = request;
      return true;
    }
    return false;
  });
  return found;
}

void FakeBrigd::serve(std::shared_ptr<UniqueFd> socket) {
  int fd = socket->get();
  std::string received;
  while (true) {
    std::size_t end = 0;
    while ((end = received.find("\r\n\r\n")) == std::string::npos) {
      char buffer[4096];
      ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
      if (n <= 0) return;
      received.append(buffer, static_cast<std::size_t>(n));
    }
    std::string head = received.substr(0, end + 2);
    received.erase(0, end + 4);
    FakeRequest request;
    request.head = head;
    request.method = head.substr(0, head.find(' '));
    std::string target =
        head.substr(request.method.size() + 1, head.find(" HTTP/") - request.method.size() - 1);
    request.path = target.substr(0, target.find('?'));
    if (target.size() > request.path.size()) request.query = target.substr(request.path.size() + 1);
    std::size_t length = std::strtoul(header_value(head, "Content-Length").c_str(), nullptr, 10);
    // As it comes, with the sizes of its chunks.
    bool chunked = header_value(head, "Transfer-Encoding") == "chunked";
    constexpr std::string_view kEnd = "0\r\n\r\n";
    auto is_whole = [&] {
      if (!chunked) return received.size() >= length;
      auto last = received.find(kEnd);
      if (last != received.npos) length = last + kEnd.size();
      return last != received.npos;
    };
    while (!is_whole()) {
      char buffer[4096];
      ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
      if (n <= 0) return;
      received.append(buffer, static_cast<std::size_t>(n));
    }
    request.body = received.substr(0, length);
    received.erase(0, length);
    {
      std::lock_guard lock(mutex_);
      requests_.push_back(request);
      asked_.notify_all();
    }
    std::string key = header_value(head, "Sec-WebSocket-Key");
    if (!key.empty()) {
      ++attachments_;
      AttachServer(*this, fd, received).run(request.query, key);
      ::shutdown(fd, SHUT_RDWR);
      return;
    }
    auto given = answer(request);
    if (given.status == 0 || !send_all(fd, render(given))) {
      ::shutdown(fd, SHUT_RDWR);
      return;
    }
  }
}

nlohmann::json FakeBrigd::session() {
  nlohmann::json process = {{"number", 1},
                            {"argv", {"sh"}},
                            {"terminal", process_.terminal},
                            {"started", "2026-01-01T00:00:00.000Z"},
                            {"output_begin", 0},
                            {"output_end", process_.output_end_}};
  return {{"id", "0123456789abcdef"},
          {"name", "brave-otter"},
          {"owner", "uid:0"},
          {"state", "running"},
          {"reason", "it runs"},
          {"provider", "shell"},
          {"image", "i"},
          {"profile", "default"},
          {"runtime", "runc"},
          {"policy_hash", "h"},
          {"labels", nlohmann::json::object()},
          {"created", "2026-01-01T00:00:00.000Z"},
          {"processes", nlohmann::json::array({process})}};
}

FakeAnswer problem(int status, const std::string& code, const std::string& detail) {
  return {status,
          nlohmann::json{{"type", "urn:brig:problem:" + code},
                         {"title", code},
                         {"status", status},
                         {"code", code},
                         {"detail", detail},
                         {"request_id", "r"}}
              .dump(),
          "application/problem+json"};
}

FakeAnswer FakeBrigd::answer(const FakeRequest& request) {
  std::function<FakeAnswer(const FakeRequest&)> handler;
  {
    std::lock_guard lock(mutex_);
    auto at = handlers_.find(request.method + " " + request.path);
    if (at != handlers_.end()) handler = at->second;
  }
  if (handler) return handler(request);
  std::lock_guard lock(process_.mutex_);
  if (request.method == "POST" && request.path == "/v1/sessions") {
    process_.terminal = nlohmann::json::parse(request.body, nullptr, false).contains("terminal");
    return {201, session().dump()};
  }
  if (request.method == "GET" && request.path == "/v1/sessions") {
    return {200, nlohmann::json{{"sessions", {session()}}}.dump()};
  }
  if (request.method == "GET" && request.path.starts_with("/v1/sessions/")) return {200, session().dump()};
  if (request.path.ends_with("/signal")) {
    process_.signals_.push_back(nlohmann::json::parse(request.body)["signal"]);
    process_.changed_.notify_all();
    return {204, ""};
  }
  return problem(404, "not_found", "there is no " + request.path);
}

}  // namespace brig::cli::test
