#include "cli/client/tls.hpp"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>

#include "core/text.hpp"

namespace brig::cli {
namespace {

// The functions used, typed by OpenSSL's own headers and found by name at run time.
// clang-format off
#define BRIG_SSL_FUNCTIONS(each)         \
  each(TLS_client_method)                \
  each(SSL_CTX_new)                      \
  each(SSL_CTX_free)                     \
  each(SSL_CTX_ctrl)                     \
  each(SSL_CTX_set_verify)               \
  each(SSL_CTX_set_default_verify_paths) \
  each(SSL_CTX_load_verify_file)         \
  each(SSL_new)                          \
  each(SSL_free)                         \
  each(SSL_ctrl)                         \
  each(SSL_set_fd)                       \
  each(SSL_set1_host)                    \
  each(SSL_get0_param)                   \
  each(X509_VERIFY_PARAM_set1_ip_asc)    \
  each(SSL_connect)                      \
  each(SSL_read_ex)                      \
  each(SSL_write_ex)                     \
  each(SSL_pending)                      \
  each(SSL_get_error)                    \
  each(SSL_get_verify_result)            \
  each(X509_verify_cert_error_string)    \
  each(ERR_clear_error)                  \
  each(ERR_peek_error)                   \
  each(ERR_reason_error_string)
// clang-format on

struct OpenSsl {
#define BRIG_SSL(name) decltype(&::name) name = nullptr;
  BRIG_SSL_FUNCTIONS(BRIG_SSL)
#undef BRIG_SSL
};

Result<const OpenSsl*> load() {
  static OpenSsl api;
  static bool loaded = false;
  if (loaded) return &api;
  void* library = ::dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    return Error{Code::unsupported, "https needs OpenSSL 3, which is not on this machine; install libssl3",
                 "cli", false};
  }
  bool all = true;
  // libcrypto comes as a dependency of libssl: one handle finds the symbols of both.
  auto find = [&](auto& slot, const char* name) {
    slot = reinterpret_cast<std::remove_reference_t<decltype(slot)>>(::dlsym(library, name));
    all = all && slot != nullptr;
  };
#define BRIG_SSL(name) find(api.name, #name);
  BRIG_SSL_FUNCTIONS(BRIG_SSL)
#undef BRIG_SSL
  if (!all)
    return Error{Code::unsupported, "this machine's OpenSSL lacks what https needs; update libssl3", "cli",
                 false};
  loaded = true;
  return &api;
}

class TlsStream final : public Stream {
 public:
  TlsStream(const OpenSsl& api, UniqueFd socket) : api_(api), socket_(std::move(socket)) {}
  ~TlsStream() override {
    if (ssl_) api_.SSL_free(ssl_);
    if (context_) api_.SSL_CTX_free(context_);
  }

  Result<void> start(const std::string& host, const std::string& ca, Deadline deadline) {
    // OpenSSL writes with write(2), which knows no MSG_NOSIGNAL.
    ::signal(SIGPIPE, SIG_IGN);
    context_ = api_.SSL_CTX_new(api_.TLS_client_method());
    if (!context_) return fault("cannot be set up");
    api_.SSL_CTX_ctrl(context_, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, nullptr);
    api_.SSL_CTX_ctrl(context_, SSL_CTRL_MODE,
                      SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER, nullptr);
    api_.SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
    if (ca.empty()) {
      api_.SSL_CTX_set_default_verify_paths(context_);
    } else if (api_.SSL_CTX_load_verify_file(context_, ca.c_str()) != 1) {
      return Error{Code::invalid, "BRIG_CA " + quoted(ca) + " is not a readable file of PEM certificates",
                   "cli", false};
    }
    ssl_ = api_.SSL_new(context_);
    if (!ssl_ || api_.SSL_set_fd(ssl_, socket_.get()) != 1) return fault("cannot be set up");
    unsigned char binary[16];
    bool address =
        ::inet_pton(AF_INET, host.c_str(), binary) == 1 || ::inet_pton(AF_INET6, host.c_str(), binary) == 1;
    int set = address ? api_.X509_VERIFY_PARAM_set1_ip_asc(api_.SSL_get0_param(ssl_), host.c_str())
                      : api_.SSL_set1_host(ssl_, host.c_str());
    if (set != 1) return fault("cannot check the host's name");
    if (!address) {
      api_.SSL_ctrl(ssl_, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    const_cast<char*>(host.c_str()));
    }
    return handshake(host, deadline);
  }

  int fd() const override { return socket_.get(); }
  bool pending() const override { return api_.SSL_pending(ssl_) > 0; }
  std::string failure() const override { return failure_; }

  Io read(std::span<char> into) override {
    std::size_t n = 0;
    api_.ERR_clear_error();
    int rc = api_.SSL_read_ex(ssl_, into.data(), into.size(), &n);
    return outcome(rc, n);
  }
  Io write(std::span<const char> bytes) override {
    std::size_t n = 0;
    api_.ERR_clear_error();
    int rc = api_.SSL_write_ex(ssl_, bytes.data(), bytes.size(), &n);
    return outcome(rc, n);
  }

 private:
  Result<void> handshake(const std::string& host, Deadline deadline) {
    while (true) {
      api_.ERR_clear_error();
      int rc = api_.SSL_connect(ssl_);
      if (rc == 1) return {};
      Io io = outcome(rc, 0);
      if (io.state == Io::State::want_read || io.state == Io::State::want_write) {
        pollfd p{fd(), static_cast<short>(io.state == Io::State::want_read ? POLLIN : POLLOUT), 0};
        if (::poll(&p, 1, static_cast<int>(deadline.left().count())) == 0) {
          return Error{Code::timeout, quoted(host) + " did not finish the TLS handshake in time", "cli",
                       true};
        }
        continue;
      }
      long verdict = api_.SSL_get_verify_result(ssl_);
      if (verdict != X509_V_OK) {
        return Error{Code::denied,
                     "the certificate of " + quoted(host) +
                         " is not to be trusted: " + printable(api_.X509_verify_cert_error_string(verdict)) +
                         "; set BRIG_CA to the certificate brigd shows",
                     "cli", false};
      }
      return Error{Code::unavailable, "TLS with " + quoted(host) + " failed: " + printable(failure_), "cli",
                   true};
    }
  }

  Io outcome(int rc, std::size_t n) {
    if (rc == 1) return {Io::State::done, n};
    switch (api_.SSL_get_error(ssl_, rc)) {
      case SSL_ERROR_WANT_READ:
        return {Io::State::want_read, 0};
      case SSL_ERROR_WANT_WRITE:
        return {Io::State::want_write, 0};
      case SSL_ERROR_ZERO_RETURN:
        return {Io::State::closed, 0};
      default:
        break;
    }
    const char* reason = api_.ERR_reason_error_string(api_.ERR_peek_error());
    failure_ = reason ? reason : errno != 0 ? std::strerror(errno) : "the other side closed it";
    return {Io::State::failed, 0};
  }

  Error fault(const char* what) { return Error{Code::internal, std::string("TLS ") + what, "cli", false}; }

  const OpenSsl& api_;
  UniqueFd socket_;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  std::string failure_;
};

}  // namespace

Result<std::unique_ptr<Stream>> tls_stream(UniqueFd socket, const std::string& host, const std::string& ca,
                                           Deadline deadline) {
  BRIG_TRY(const OpenSsl* api, load());
  auto stream = std::make_unique<TlsStream>(*api, std::move(socket));
  BRIG_CHECK(stream->start(host, ca, deadline));
  return std::unique_ptr<Stream>(std::move(stream));
}

}  // namespace brig::cli
