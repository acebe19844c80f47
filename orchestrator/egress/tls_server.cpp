// TLS towards the sandbox. OpenSSL sees memory alone: what it wants to say is carried to the stream below,
// and what comes from there to it.
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>

#include "core/text.hpp"
#include "egress/authority.hpp"
#include "egress/stream.hpp"
#include "net/event.hpp"

namespace brig::egress {
namespace {

constexpr std::size_t kPiece = 16 * 1024;

class TlsServer final : public Stream {
 public:
  TlsServer(std::unique_ptr<Stream> below, std::shared_ptr<Leaf> leaf,
            const net::asio::any_io_executor& executor)
      : below_(std::move(below)), leaf_(std::move(leaf)), flushed_(executor) {
    tls_ = SSL_new(leaf_->context());
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    if (!tls_ || !in_ || !out_) std::abort();
    BIO_set_mem_eof_return(in_, -1);
    SSL_set_bio(tls_, in_, out_);
    SSL_set_accept_state(tls_);
  }
  ~TlsServer() override { SSL_free(tls_); }

  net::Task<Result<void>> shake() {
    while (true) {
      ERR_clear_error();
      int done = SSL_do_handshake(tls_);
      int error = SSL_get_error(tls_, done);
      BRIG_CO_CHECK(co_await flush());
      if (done == 1) co_return Result<void>();
      if (error != SSL_ERROR_WANT_READ) co_return broken();
      BRIG_CO_TRY(bool more, co_await fill());
      if (!more)
        co_return Error{Code::unavailable, "the client left during its TLS handshake", "egress", false};
    }
  }

  net::Task<Result<std::size_t>> read(std::span<char> into) override {
    if (!SSL_is_init_finished(tls_)) BRIG_CO_CHECK(co_await shake());
    while (true) {
      ERR_clear_error();
      int n = SSL_read(tls_, into.data(), static_cast<int>(std::min<std::size_t>(into.size(), 1 << 30)));
      if (n > 0) co_return static_cast<std::size_t>(n);
      int error = SSL_get_error(tls_, n);
      if (error == SSL_ERROR_ZERO_RETURN) co_return std::size_t{0};
      if (error != SSL_ERROR_WANT_READ) co_return broken();
      if (!flushing_) BRIG_CO_CHECK(co_await flush());
      BRIG_CO_TRY(bool more, co_await fill());
      if (!more) co_return std::size_t{0};
    }
  }

  net::Task<Result<void>> write(std::string_view bytes) override {
    if (!SSL_is_init_finished(tls_)) BRIG_CO_CHECK(co_await shake());
    while (!bytes.empty()) {
      ERR_clear_error();
      auto piece = bytes.substr(0, kPiece);
      if (SSL_write(tls_, piece.data(), static_cast<int>(piece.size())) != static_cast<int>(piece.size()))
        co_return broken();
      bytes.remove_prefix(piece.size());
      BRIG_CO_CHECK(co_await flush());
    }
    co_return Result<void>();
  }

  net::Task<void> finish() override {
    if (SSL_is_init_finished(tls_)) SSL_shutdown(tls_);
    ERR_clear_error();
    auto flushed = co_await flush();
    if (flushed) co_await below_->finish();
  }

 private:
  static Error broken() {
    char reason[200] = "";
    ::ERR_error_string_n(::ERR_get_error(), reason, sizeof reason);
    ::ERR_clear_error();
    return Error{Code::protocol, "the client's TLS is broken: " + printable(reason), "egress", false};
  }

  // From below to OpenSSL. False at the end.
  net::Task<Result<bool>> fill() {
    std::array<char, 8 * 1024> piece;
    BRIG_CO_TRY(auto n, co_await below_->read(piece));
    if (n == 0) co_return false;
    BIO_write(in_, piece.data(), static_cast<int>(n));
    co_return true;
  }

  // From OpenSSL to below, one at a time so that records stay whole. What comes meanwhile is taken along.
  net::Task<Result<void>> flush() {
    while (flushing_) co_await flushed_.wait();
    if (torn_) co_return Error{Code::cancelled, "it is over", "egress", false};
    Turn turn(*this);
    while (BIO_ctrl_pending(out_) > 0) {
      std::string piece(std::min<std::size_t>(BIO_ctrl_pending(out_), 4 * kPiece), '\0');
      auto n = BIO_read(out_, piece.data(), static_cast<int>(piece.size()));
      if (n <= 0) break;
      BRIG_CO_CHECK(co_await below_->write(std::string_view(piece).substr(0, static_cast<std::size_t>(n))));
    }
    turn.whole = true;
    co_return Result<void>();
  }
  // Whoever is cancelled in the middle may have left half a record.
  struct Turn {
    explicit Turn(TlsServer& s) : server(s) { server.flushing_ = true; }
    ~Turn() {
      server.flushing_ = false;
      server.torn_ = server.torn_ || !whole;
      server.flushed_.notify_all();
    }
    TlsServer& server;
    bool whole = false;
  };

  std::unique_ptr<Stream> below_;
  std::shared_ptr<Leaf> leaf_;
  SSL* tls_ = nullptr;
  BIO* in_ = nullptr;  // the SSL's
  BIO* out_ = nullptr;
  bool flushing_ = false;
  bool torn_ = false;
  net::Event flushed_;
};

}  // namespace

std::unique_ptr<Stream> tls_server(std::unique_ptr<Stream> below, std::shared_ptr<Leaf> leaf,
                                   const net::asio::any_io_executor& executor) {
  return std::make_unique<TlsServer>(std::move(below), std::move(leaf), executor);
}

}  // namespace brig::egress
