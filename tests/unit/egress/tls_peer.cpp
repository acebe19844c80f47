#include "tls_peer.hpp"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace brig::egress::testing {
namespace {

void must(bool good, const char* what) {
  if (!good) throw std::runtime_error(what);
}

X509* make(EVP_PKEY* key, const std::string& name, long valid_for, bool authority) {
  auto* out = X509_new();
  X509_set_version(out, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(out), authority ? 1 : 2);
  X509_gmtime_adj(X509_getm_notBefore(out), valid_for < 0 ? 2 * valid_for : -3600);
  X509_gmtime_adj(X509_getm_notAfter(out), valid_for);
  X509_set_pubkey(out, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(out), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return out;
}

void extend(X509* certificate, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  auto* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  must(extension && X509_add_ext(certificate, extension, -1) == 1, "extension");
  X509_EXTENSION_free(extension);
}

}  // namespace

TlsAuthority::TlsAuthority(const std::filesystem::path& directory)
    : key_(EVP_EC_gen("P-256")),
      certificate_(make(key_, "A test's authority", 3600, true)),
      file_(directory / "authority.crt") {
  X509_set_issuer_name(certificate_, X509_get_subject_name(certificate_));
  extend(certificate_, NID_basic_constraints, "critical,CA:TRUE");
  must(X509_sign(certificate_, key_, EVP_sha256()) > 0, "sign");
  auto* file = ::fopen(file_.c_str(), "we");
  must(file && PEM_write_X509(file, certificate_) == 1, "write");
  ::fclose(file);
}

TlsAuthority::~TlsAuthority() {
  X509_free(certificate_);
  EVP_PKEY_free(key_);
}

SSL_CTX* TlsAuthority::server(const std::string& name, long valid_for) const {
  auto* key = EVP_EC_gen("P-256");
  auto* certificate = make(key, name, valid_for, false);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate_));
  extend(certificate, NID_subject_alt_name, "DNS:" + name);
  must(X509_sign(certificate, key_, EVP_sha256()) > 0, "sign");
  auto* out = SSL_CTX_new(TLS_server_method());
  must(SSL_CTX_use_certificate(out, certificate) == 1 && SSL_CTX_use_PrivateKey(out, key) == 1, "use");
  X509_free(certificate);
  EVP_PKEY_free(key);
  return out;
}

TlsPeer::TlsPeer(Socket socket, SSL_CTX* context)
    : socket_(std::move(socket)), context_(context), tls_(SSL_new(context)) {
  SSL_set_fd(tls_, socket_.get());
  shaken_ = SSL_accept(tls_) == 1;
}

TlsPeer::TlsPeer(Socket socket, const std::string& name, const std::string& authorities, const char* protocol)
    : socket_(std::move(socket)), context_(SSL_CTX_new(TLS_client_method())) {
  must(SSL_CTX_load_verify_locations(context_, authorities.c_str(), nullptr) == 1, "authorities");
  tls_ = SSL_new(context_);
  SSL_set_fd(tls_, socket_.get());
  SSL_set_tlsext_host_name(tls_, name.c_str());
  SSL_set1_host(tls_, name.c_str());
  SSL_set_verify(tls_, SSL_VERIFY_PEER, nullptr);
  if (protocol) {
    auto wire = std::string(1, static_cast<char>(std::strlen(protocol))) + protocol;
    SSL_set_alpn_protos(tls_, reinterpret_cast<const unsigned char*>(wire.data()),
                        static_cast<unsigned>(wire.size()));
  }
  shaken_ = SSL_connect(tls_) == 1;
}

TlsPeer::~TlsPeer() {
  SSL_free(tls_);
  SSL_CTX_free(context_);
}

std::string TlsPeer::protocol() const {
  const unsigned char* data = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(tls_, &data, &size);
  return {reinterpret_cast<const char*>(data), size};
}

void TlsPeer::send(std::string_view bytes) {
  must(SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size())) == static_cast<int>(bytes.size()),
       "send");
}

std::string TlsPeer::read(std::size_t size) {
  std::string out;
  while (out.size() < size) {
    char piece[4096];
    int n = SSL_read(tls_, piece, static_cast<int>(std::min(sizeof piece, size - out.size())));
    if (n <= 0) break;
    out.append(piece, static_cast<std::size_t>(n));
  }
  return out;
}

std::string TlsPeer::until(std::string_view text) {
  std::string out;
  while (!out.ends_with(text)) {
    auto one = read(1);
    if (one.empty()) break;
    out += one;
  }
  return out;
}

}  // namespace brig::egress::testing
