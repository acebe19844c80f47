#include "docker/raw_socket.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/ip/tcp.hpp>
#include <cstring>
#include <system_error>

#include "core/unique_fd.hpp"
#include "docker/errors.hpp"

namespace brig::docker {
namespace {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;
using http::Failure;

std::string ssl_words() {
  char text[256] = "unknown";
  if (auto code = ERR_peek_last_error()) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

// The address in the form connect() wants.
struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

Address unix_address(const std::string& path) {
  Address out;
  auto* un = reinterpret_cast<sockaddr_un*>(&out.storage);
  un->sun_family = AF_UNIX;
  std::memcpy(un->sun_path, path.data(), std::min(path.size(), sizeof un->sun_path - 1));
  out.size = sizeof(sockaddr_un);
  return out;
}

}  // namespace

Error RawSocket::broken(std::string_view detail, int os_error) const {
  std::string text(detail);
  if (os_error != 0) text = std::generic_category().message(os_error);
  return unreachable(Failure{Failure::Kind::closed, os_error, text}, endpoint_);
}

RawSocket::~RawSocket() {
  if (ssl_) SSL_free(ssl_);
  if (context_) SSL_CTX_free(context_);
}

net::Task<Result<std::unique_ptr<RawSocket>>> RawSocket::connect(Endpoint endpoint) {
  auto executor = co_await asio::this_coro::executor;
  std::unique_ptr<RawSocket> socket(new RawSocket(std::move(endpoint), executor));
  auto opened = co_await socket->open();
  if (!opened) co_return std::move(opened).error();
  if (socket->endpoint_.tls) {
    auto shaken = co_await socket->handshake();
    if (!shaken) co_return std::move(shaken).error();
  }
  co_return std::move(socket);
}

net::Task<Result<void>> RawSocket::open() {
  std::vector<Address> addresses;
  if (endpoint_.is_unix()) {
    addresses.push_back(unix_address(endpoint_.socket));
  } else {
    asio::ip::tcp::resolver resolver(descriptor_.get_executor());
    auto [ec, found] =
        co_await resolver.async_resolve(endpoint_.host, std::to_string(endpoint_.port), net::use_result);
    if (ec) co_return unreachable(Failure{Failure::Kind::resolve, 0, ec.message()}, endpoint_);
    for (const auto& entry : found) {
      Address a;
      std::memcpy(&a.storage, entry.endpoint().data(), entry.endpoint().size());
      a.size = static_cast<socklen_t>(entry.endpoint().size());
      addresses.push_back(a);
    }
  }
  int error = ECONNREFUSED;
  for (const auto& address : addresses) {
    UniqueFd fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) {
      error = errno;
      continue;
    }
    int got = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size);
    error = got == 0 ? 0 : errno;
    if (error != 0 && error != EINPROGRESS) continue;
    boost::system::error_code assigned;
    descriptor_.assign(fd.get(), assigned);
    if (assigned) co_return broken(assigned.message());
    int raw = fd.release();
    if (error == 0) co_return Result<void>{};
    co_await descriptor_.async_wait(Descriptor::wait_write, net::use_result);
    socklen_t size = sizeof error;
    if (::getsockopt(raw, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error == 0) co_return Result<void>{};
    descriptor_.close(assigned);
  }
  co_return unreachable(Failure{Failure::Kind::connect, error, {}}, endpoint_);
}

net::Task<Result<void>> RawSocket::handshake() {
  const auto& tls = *endpoint_.tls;
  context_ = SSL_CTX_new(TLS_client_method());
  if (!context_) co_return broken(ssl_words());
  SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
  bool ok = tls.ca.empty() ? SSL_CTX_set_default_verify_paths(context_) == 1
                           : SSL_CTX_load_verify_locations(context_, tls.ca.c_str(), nullptr) == 1;
  if (ok && !tls.cert.empty()) {
    ok = SSL_CTX_use_certificate_chain_file(context_, tls.cert.c_str()) == 1 &&
         SSL_CTX_use_PrivateKey_file(context_, tls.key.c_str(), SSL_FILETYPE_PEM) == 1;
  }
  if (!ok) co_return unreachable(Failure{Failure::Kind::tls, 0, ssl_words()}, endpoint_);
  SSL_CTX_set_verify(context_, tls.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);

  ssl_ = SSL_new(context_);
  if (!ssl_) co_return broken(ssl_words());
  SSL_set_mode(ssl_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_set_fd(ssl_, descriptor_.native_handle());
  const char* host = endpoint_.host.c_str();
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), host) != 1) {
    SSL_set1_host(ssl_, host);
    SSL_set_tlsext_host_name(ssl_, host);
  }
  while (true) {
    ERR_clear_error();
    int got = SSL_connect(ssl_);
    if (got == 1) co_return Result<void>{};
    bool again = co_await wait_for_ssl(got);
    if (!again) co_return unreachable(Failure{Failure::Kind::tls, 0, ssl_words()}, endpoint_);
  }
}

net::Task<bool> RawSocket::wait_for_ssl(int result) {
  int why = SSL_get_error(ssl_, result);
  if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) co_return false;
  auto what = why == SSL_ERROR_WANT_READ ? Descriptor::wait_read : Descriptor::wait_write;
  co_await descriptor_.async_wait(what, net::use_result);
  co_return true;
}

net::Task<Result<std::size_t>> RawSocket::read(std::span<std::byte> into) {
  while (ssl_) {
    ERR_clear_error();
    int got = SSL_read(ssl_, into.data(), static_cast<int>(std::min<std::size_t>(into.size(), 1 << 20)));
    if (got > 0) co_return static_cast<std::size_t>(got);
    if (SSL_get_error(ssl_, got) == SSL_ERROR_ZERO_RETURN) co_return std::size_t{0};
    bool again = co_await wait_for_ssl(got);
    if (!again) co_return broken(ssl_words());
  }
  while (true) {
    auto got = ::recv(descriptor_.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
    if (got >= 0) co_return static_cast<std::size_t>(got);
    if (errno == EINTR) continue;
    if (errno != EAGAIN) co_return broken("", errno);
    co_await descriptor_.async_wait(Descriptor::wait_read, net::use_result);
  }
}

net::Task<Result<void>> RawSocket::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (ssl_) {
      ERR_clear_error();
      int got = SSL_write(ssl_, bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), 1 << 20)));
      if (got > 0) {
        bytes = bytes.subspan(static_cast<std::size_t>(got));
        continue;
      }
      bool again = co_await wait_for_ssl(got);
      if (!again) co_return broken(ssl_words());
      continue;
    }
    auto got = ::send(descriptor_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (got >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(got));
    } else if (errno == EAGAIN) {
      co_await descriptor_.async_wait(Descriptor::wait_write, net::use_result);
    } else if (errno != EINTR) {
      co_return broken("", errno);
    }
  }
  co_return Result<void>{};
}

net::Task<Result<void>> RawSocket::close_write() {
  if (!ssl_) {
    if (::shutdown(descriptor_.native_handle(), SHUT_WR) != 0 && errno != ENOTCONN)
      co_return broken("", errno);
    co_return Result<void>{};
  }
  while (true) {
    ERR_clear_error();
    // Sends our close_notify only: the peer's comes when its output ends.
    int got = SSL_shutdown(ssl_);
    if (got >= 0) co_return Result<void>{};
    bool again = co_await wait_for_ssl(got);
    if (!again) co_return broken(ssl_words());
  }
}

}  // namespace brig::docker
