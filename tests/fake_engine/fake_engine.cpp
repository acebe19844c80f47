#include "fake_engine/fake_engine.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace brig::fake {
namespace {

void must(bool ok) {
  if (ok) return;
  std::perror("fake engine");
  std::abort();
}

std::string make_dir() {
  std::string path = (std::filesystem::temp_directory_path() / "fake-engine-XXXXXX").string();
  must(::mkdtemp(path.data()) != nullptr);
  return path;
}

UniqueFd listen_unix(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  must(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size());
  must(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  must(::listen(fd.get(), 64) == 0);
  return fd;
}

UniqueFd listen_loopback(std::uint16_t& port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  must(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  must(::listen(fd.get(), 64) == 0);
  must(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port = ntohs(address.sin_port);
  return fd;
}

struct Tls {
  explicit Tls(const Certificates& certificates) : context(SSL_CTX_new(TLS_server_method())) {
    must(SSL_CTX_use_certificate_file(context, certificates.server_cert().c_str(), SSL_FILETYPE_PEM) == 1);
    must(SSL_CTX_use_PrivateKey_file(context, certificates.server_key().c_str(), SSL_FILETYPE_PEM) == 1);
    must(SSL_CTX_load_verify_locations(context, certificates.ca().c_str(), nullptr) == 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  ~Tls() { SSL_CTX_free(context); }
  SSL_CTX* context;
};

}  // namespace

struct FakeEngine::Connection {
  UniqueFd fd;
  std::thread thread;
  std::atomic<bool> over = false;
};

FakeEngine::FakeEngine(FakeOptions options) : options_(std::move(options)), dir_(make_dir()) {
  if (options_.tls) {
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
    certificates_ = std::make_unique<Certificates>(dir_);
    std::uint16_t port = 0;
    listener_ = listen_loopback(port);
    host_ = "tcp://127.0.0.1:" + std::to_string(port);
  } else {
    listener_ = listen_unix(dir_ + "/sock");
    host_ = "unix://" + dir_ + "/sock";
  }
  on("GET", "/version",
     [version = options_.version](Peer& peer, const Request&) { peer.reply(200, version); });
  acceptor_ = std::thread([this] { accept_all(); });
}

FakeEngine::~FakeEngine() {
  stopping_ = true;
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  drop_connections();
  for (auto& connection : open_) connection.thread.join();
  std::error_code ec;
  std::filesystem::remove_all(dir_, ec);
}

void FakeEngine::on(std::string method, std::string prefix, Script script) {
  std::lock_guard lock(mutex_);
  scripts_[{std::move(method), std::move(prefix)}] = std::move(script);
}

std::vector<Request> FakeEngine::seen() const {
  std::lock_guard lock(mutex_);
  return seen_;
}

void FakeEngine::drop_connections() {
  std::lock_guard lock(mutex_);
  for (auto& connection : open_) {
    if (!connection.over) ::shutdown(connection.fd.get(), SHUT_RDWR);
  }
}

void FakeEngine::accept_all() {
  while (!stopping_) {
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) continue;
    ++connections_;
    std::lock_guard lock(mutex_);
    auto& connection = open_.emplace_back();
    connection.fd = std::move(fd);
    connection.thread = std::thread([this, &connection] { serve(connection); });
  }
}

Script FakeEngine::script_for(const Request& request) const {
  std::lock_guard lock(mutex_);
  const Script* best = nullptr;
  std::size_t length = 0;
  for (const auto& [key, script] : scripts_) {
    if (key.first != request.method || !request.path.starts_with(key.second)) continue;
    if (best && key.second.size() < length) continue;
    best = &script;
    length = key.second.size();
  }
  if (best) return *best;
  return [](Peer& peer, const Request&) { peer.reply(404, R"({"message":"no script for this"})"); };
}

void FakeEngine::serve(Connection& connection) {
  std::unique_ptr<Tls> tls;
  SSL* ssl = nullptr;
  bool ready = true;
  if (certificates_) {
    tls = std::make_unique<Tls>(*certificates_);
    ssl = SSL_new(tls->context);
    SSL_set_fd(ssl, connection.fd.get());
    ready = SSL_accept(ssl) == 1;
  }
  Peer peer(connection.fd.get(), ssl);
  Request request;
  while (ready && !stopping_ && !peer.closed() && peer.read_request(request)) {
    {
      std::lock_guard lock(mutex_);
      seen_.push_back(request);
    }
    script_for(request)(peer, request);
  }
  if (ssl) SSL_free(ssl);
  // The descriptor stays until the end, so that its number is not used anew while someone may shut it down.
  std::lock_guard lock(mutex_);
  ::shutdown(connection.fd.get(), SHUT_RDWR);
  connection.over = true;
}

}  // namespace brig::fake
