#include "egress/authority.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sodium/utils.h>

#include "core/files.hpp"
#include "core/text.hpp"

namespace brig::egress {
namespace {

template <auto free>
struct Freer {
  template <class T>
  void operator()(T* what) const {
    free(what);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Bio = std::unique_ptr<BIO, Freer<BIO_free_all>>;

constexpr long kHour = 3600;
constexpr long kAuthorityHolds = 825 * 24 * kHour;
constexpr long kLeafHolds = 24 * kHour;
constexpr Millis kLeafServes = std::chrono::hours(12);
constexpr std::size_t kMaxFile = 64 * 1024;

Error failed(const char* what) {
  char reason[200] = "";
  ::ERR_error_string_n(::ERR_get_error(), reason, sizeof reason);
  ::ERR_clear_error();
  return Error{Code::internal, std::string("cannot make ") + what + ": " + printable(reason), "egress",
               false};
}

bool extend(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  auto* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  bool added = extension && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

// Version, number, times and key; what all of ours have.
Result<Certificate> begin(EVP_PKEY* key, const std::string& name, long holds) {
  Certificate out(X509_new());
  unsigned char serial[16];
  if (!out || ::RAND_bytes(serial, sizeof serial) != 1) return failed("a certificate");
  serial[0] &= 0x7f;
  auto* number = BN_bin2bn(serial, sizeof serial, nullptr);
  bool good = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(out.get()));
  BN_free(number);
  good = good && X509_set_version(out.get(), 2) == 1 &&
         X509_gmtime_adj(X509_getm_notBefore(out.get()), -kHour) &&
         X509_gmtime_adj(X509_getm_notAfter(out.get()), holds) && X509_set_pubkey(out.get(), key) == 1;
  // A common name holds 64 characters; what counts is the alternative name.
  if (good && name.size() <= 64)
    good = X509_NAME_add_entry_by_txt(X509_get_subject_name(out.get()), "CN", MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0) == 1;
  if (!good) return failed("a certificate");
  return out;
}

int choose_http11(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in,
                  unsigned length, void*) {
  static constexpr unsigned char kOurs[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, size, kOurs, sizeof kOurs - 1, in, length) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  auto size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

}  // namespace

struct Authority::Keys {
  Key key;
  Certificate certificate;
};

Authority::Authority(std::unique_ptr<Keys> keys) : keys_(std::move(keys)) {}
Authority::~Authority() = default;

Leaf::~Leaf() {
  SSL_CTX_free(context_);
}

Result<std::string> Authority::make(const std::filesystem::path& file,
                                    const std::vector<std::string>& names) {
  Key key(EVP_EC_gen("P-256"));
  if (!key) return failed("a key");
  BRIG_TRY(auto certificate, begin(key.get(), "Brig, for one sandbox", kAuthorityHolds));
  auto* c = certificate.get();
  std::string constraints = "critical";
  for (const auto& name : names) constraints += ",permitted;DNS:" + name;
  constraints += ",excluded;IP:0.0.0.0/0.0.0.0,excluded;IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0";
  bool good = X509_set_issuer_name(c, X509_get_subject_name(c)) == 1 &&
              extend(c, c, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
              extend(c, c, NID_key_usage, "critical,keyCertSign") &&
              extend(c, c, NID_subject_key_identifier, "hash") &&
              extend(c, c, NID_name_constraints, constraints) && X509_sign(c, key.get(), EVP_sha256()) > 0;
  Bio secret(BIO_new(BIO_s_secmem())), open(BIO_new(BIO_s_mem()));
  good = good &&
         PEM_write_bio_PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1 &&
         PEM_write_bio_X509(open.get(), c) == 1;
  if (!good) return failed("a certificate authority");
  auto pem = text_of(open.get());
  auto both = text_of(secret.get()) + pem;
  auto written = write_file(file, both, 0600, Sync::no);
  ::sodium_memzero(both.data(), both.size());
  BRIG_CHECK(std::move(written));
  return pem;
}

Result<std::unique_ptr<Authority>> Authority::load(const std::filesystem::path& file) {
  BRIG_TRY(auto text, read_file(file, kMaxFile));
  auto keys = std::make_unique<Keys>();
  Bio one(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  keys->key.reset(PEM_read_bio_PrivateKey(one.get(), nullptr, nullptr, nullptr));
  Bio two(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  keys->certificate.reset(PEM_read_bio_X509(two.get(), nullptr, nullptr, nullptr));
  ::sodium_memzero(text.data(), text.size());
  if (!keys->key || !keys->certificate) return failed("sense of a session's certificate authority");
  return std::unique_ptr<Authority>(new Authority(std::move(keys)));
}

Result<std::shared_ptr<Leaf>> Authority::leaf(const std::string& name, WallTime now) {
  auto& made = leaves_[name];
  if (made.leaf && now < made.until) return made.leaf;
  Key key(EVP_EC_gen("P-256"));
  if (!key) return failed("a key");
  BRIG_TRY(auto certificate, begin(key.get(), name, kLeafHolds));
  auto* c = certificate.get();
  auto* issuer = keys_->certificate.get();
  bool good = X509_set_issuer_name(c, X509_get_subject_name(issuer)) == 1 &&
              extend(c, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
              extend(c, issuer, NID_key_usage, "critical,digitalSignature") &&
              extend(c, issuer, NID_ext_key_usage, "serverAuth") &&
              extend(c, issuer, NID_subject_key_identifier, "hash") &&
              extend(c, issuer, NID_authority_key_identifier, "keyid:always") &&
              extend(c, issuer, NID_subject_alt_name, (name.size() > 64 ? "critical,DNS:" : "DNS:") + name) &&
              X509_sign(c, keys_->key.get(), EVP_sha256()) > 0;
  auto leaf = std::make_shared<Leaf>(good ? SSL_CTX_new(TLS_server_method()) : nullptr);
  auto* context = leaf->context();
  good = good && context && SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_use_certificate(context, c) == 1 && SSL_CTX_use_PrivateKey(context, key.get()) == 1;
  if (!good) return failed("a certificate for a host");
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_select_cb(context, choose_http11, nullptr);
  made = {leaf, now + kLeafServes};
  return leaf;
}

}  // namespace brig::egress
