#include "api/http/tls.hpp"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <boost/asio/ssl/context.hpp>

#include "core/files.hpp"
#include "core/log.hpp"
#include "core/random.hpp"
#include "core/text.hpp"

namespace brig::api {
namespace {

namespace fs = std::filesystem;

constexpr long kTenYears = 3650L * 24 * 3600;
constexpr std::size_t kMaxPem = 256 * 1024;

template <class T, void (*Free)(T*)>
struct Freed {
  void operator()(T* p) const { Free(p); }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION, X509_EXTENSION_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO, BIO_free_all>>;

Error openssl_error(std::string what) {
  std::array<char, 160> text{};
  auto code = ERR_get_error();
  if (code != 0) ERR_error_string_n(code, text.data(), text.size());
  ERR_clear_error();
  return Error{Code::invalid, what + (code != 0 ? ": " + printable(text.data()) : ""), "api: tls", false};
}

bool add_extension(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

std::string alternative_names(const std::string& name) {
  std::string out = "DNS:localhost,IP:127.0.0.1,IP:::1";
  std::array<unsigned char, 16> address{};
  bool is_address = ::inet_pton(AF_INET, name.c_str(), address.data()) == 1 ||
                    ::inet_pton(AF_INET6, name.c_str(), address.data()) == 1;
  bool plain = name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-*") ==
               name.npos;
  if (is_address) {
    out += ",IP:" + name;
  } else if (!name.empty() && plain) {
    out += ",DNS:" + name;
  }
  return out;
}

template <class F>
std::string pem(F write) {
  Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || write(bio.get()) != 1) return {};
  char* data = nullptr;
  long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

Result<void> make_own(const fs::path& certificate_file, const fs::path& key_file, const std::string& name) {
  Key key(EVP_EC_gen("P-256"));
  Certificate certificate(X509_new());
  if (!key || !certificate) return openssl_error("cannot make a key for the API");
  std::array<unsigned char, 16> serial{};
  fill_random(serial);
  serial[0] &= 0x7F;
  std::unique_ptr<BIGNUM, Freed<BIGNUM, BN_free>> number(
      BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr));
  auto* subject = X509_get_subject_name(certificate.get());
  bool ok = number && X509_set_version(certificate.get(), 2) == 1 &&
            BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get())) &&
            X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600) &&
            X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kTenYears) &&
            X509_set_pubkey(certificate.get(), key.get()) == 1 &&
            X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                       reinterpret_cast<const unsigned char*>("brigd"), -1, -1, 0) == 1 &&
            X509_set_issuer_name(certificate.get(), subject) == 1 &&
            add_extension(certificate.get(), NID_subject_alt_name, alternative_names(name)) &&
            add_extension(certificate.get(), NID_basic_constraints, "critical,CA:FALSE") &&
            add_extension(certificate.get(), NID_ext_key_usage, "serverAuth") &&
            X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0;
  if (!ok) return openssl_error("cannot make a certificate for the API");
  auto certificate_pem = pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); });
  auto key_pem = pem([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  if (certificate_pem.empty() || key_pem.empty())
    return openssl_error("cannot write out the API's certificate");
  std::error_code ec;
  fs::create_directories(key_file.parent_path(), ec);
  // The key first: a certificate that stands has its key.
  BRIG_CHECK(write_file(key_file, key_pem, 0600));
  return write_file(certificate_file, certificate_pem, 0644);
}

// Callers that offer protocols and not this one would misread every answer.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in,
                    unsigned in_size, void*) {
  static constexpr std::array<unsigned char, 9> kOurs{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* chosen = nullptr;
  int rc = SSL_select_next_proto(&chosen, size, kOurs.data(), kOurs.size(), in, in_size);
  *out = chosen;
  return rc == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

std::string fingerprint_of(X509* certificate) {
  std::array<unsigned char, 32> digest{};
  unsigned size = 0;
  X509_digest(certificate, EVP_sha256(), digest.data(), &size);
  auto plain = hex(digest);
  std::string out;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    if (i > 0 && i % 2 == 0) out += ':';
    out += static_cast<char>(std::toupper(plain[i]));
  }
  return out;
}

}  // namespace

struct TlsContext::Impl {
  boost::asio::ssl::context context{boost::asio::ssl::context::tls_server};
};

TlsContext::TlsContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsContext::~TlsContext() = default;
void* TlsContext::native() const {
  return &impl_->context;
}

Result<std::unique_ptr<TlsContext>> TlsContext::load(const Files& files) {
  auto certificate_file = files.certificate, key_file = files.key;
  if (certificate_file.empty() != key_file.empty())
    return Error{Code::invalid,
                 "the API's TLS needs both a certificate and a key, or neither for one of its own making",
                 "api: tls", false};
  if (certificate_file.empty()) {
    certificate_file = files.own_dir / "api.crt";
    key_file = files.own_dir / "api.key";
    std::error_code ec;
    if (!fs::exists(certificate_file, ec) || !fs::exists(key_file, ec))
      BRIG_CHECK(make_own(certificate_file, key_file, files.name));
  }
  BRIG_TRY(auto certificate_pem, read_file(certificate_file, kMaxPem));
  BRIG_TRY(auto key_pem, read_file(key_file, kMaxPem));

  auto impl = std::make_unique<Impl>();
  auto* native = impl->context.native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);  // an idle connection keeps none
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_select_cb(native, choose_protocol, nullptr);
  boost::system::error_code ec;
  impl->context.use_certificate_chain(boost::asio::buffer(certificate_pem), ec);
  if (ec)
    return openssl_error("the API's certificate " + quoted(certificate_file.string()) +
                         " cannot be used: " + ec.message());
  impl->context.use_private_key(boost::asio::buffer(key_pem), boost::asio::ssl::context::pem, ec);
  if (ec)
    return openssl_error("the API's key " + quoted(key_file.string()) + " cannot be used: " + ec.message());
  if (SSL_CTX_check_private_key(native) != 1)
    return openssl_error("the API's key " + quoted(key_file.string()) + " is not the one of its certificate");
  auto out = std::unique_ptr<TlsContext>(new TlsContext(std::move(impl)));
  out->fingerprint_ = fingerprint_of(SSL_CTX_get0_certificate(native));
  return out;
}

}  // namespace brig::api
