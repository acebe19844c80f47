#include "fake_engine/certificates.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

namespace brig::fake {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Cert = std::unique_ptr<X509, decltype(&X509_free)>;

void must(bool ok) {
  if (!ok) std::abort();
}

Key make_key() {
  return {EVP_EC_gen("P-256"), &EVP_PKEY_free};
}

void extend(X509* cert, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, cert, cert, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  must(extension != nullptr);
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

// `issuer` null: signed by itself.
Cert make_cert(const char* name, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key, long serial) {
  Cert cert{X509_new(), &X509_free};
  X509_set_version(cert.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), 24 * 3600);
  X509_set_pubkey(cert.get(), key);
  X509_NAME* subject = X509_get_subject_name(cert.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name), -1,
                             -1, 0);
  X509_set_issuer_name(cert.get(), issuer ? X509_get_subject_name(issuer) : subject);
  if (issuer) {
    extend(cert.get(), NID_subject_alt_name, "IP:127.0.0.1");
  } else {
    extend(cert.get(), NID_basic_constraints, "critical,CA:TRUE");
    extend(cert.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  }
  must(X509_sign(cert.get(), issuer_key, EVP_sha256()) > 0);
  return cert;
}

template <class F>
void write(const std::string& path, F write_to) {
  std::FILE* file = std::fopen(path.c_str(), "wbe");
  must(file != nullptr);
  must(write_to(file) == 1);
  std::fclose(file);
}

void write_pair(const std::string& cert_path, X509* cert, const std::string& key_path, EVP_PKEY* key) {
  write(cert_path, [&](std::FILE* f) { return PEM_write_X509(f, cert); });
  write(key_path,
        [&](std::FILE* f) { return PEM_write_PrivateKey(f, key, nullptr, nullptr, 0, nullptr, nullptr); });
}

}  // namespace

Certificates::Certificates(std::string d) : dir(std::move(d)) {
  Key ca_key = make_key();
  Cert ca = make_cert("fake authority", ca_key.get(), nullptr, ca_key.get(), 1);
  write(dir + "/ca.pem", [&](std::FILE* f) { return PEM_write_X509(f, ca.get()); });
  Key server_key_made = make_key();
  Cert server = make_cert("fake engine", server_key_made.get(), ca.get(), ca_key.get(), 2);
  write_pair(server_cert(), server.get(), server_key(), server_key_made.get());
  Key client_key = make_key();
  Cert client = make_cert("fake client", client_key.get(), ca.get(), ca_key.get(), 3);
  write_pair(dir + "/cert.pem", client.get(), dir + "/key.pem", client_key.get());
}

}  // namespace brig::fake
