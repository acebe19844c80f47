// TLS for tests, blocking: an authority, hosts that it vouches for, and clients that check them.
//
// Ownership: each owns what it makes. Threads: one each. Failure: throws.
#pragma once

#include <openssl/ssl.h>

#include <filesystem>

#include "house.hpp"

namespace brig::egress::testing {

class TlsAuthority {
 public:
  explicit TlsAuthority(const std::filesystem::path& directory);
  ~TlsAuthority();
  std::string file() const { return file_; }
  // A server's context with a certificate for `name`.
  SSL_CTX* server(const std::string& name, long valid_for = 3600) const;

 private:
  EVP_PKEY* key_ = nullptr;
  X509* certificate_ = nullptr;
  std::string file_;
};

// One end of a TLS connection.
class TlsPeer {
 public:
  // As the server: takes the context.
  TlsPeer(Socket socket, SSL_CTX* context);
  // As a client of `name` that trusts `authorities` (a PEM file).
  TlsPeer(Socket socket, const std::string& name, const std::string& authorities,
          const char* protocol = nullptr);
  ~TlsPeer();
  TlsPeer(const TlsPeer&) = delete;

  bool shaken() const { return shaken_; }
  std::string protocol() const;
  void send(std::string_view bytes);
  std::string read(std::size_t size);
  // Up to and with this text.
  std::string until(std::string_view text);
  std::string rest() { return read(64 << 20); }
  X509* certificate() const { return SSL_get_peer_certificate(tls_); }

 private:
  Socket socket_;
  SSL_CTX* context_;
  SSL* tls_;
  bool shaken_ = false;
};

}  // namespace brig::egress::testing
