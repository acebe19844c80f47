// `brig` over TLS: whom it trusts, and what it shows to whom.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "brig_process.hpp"
#include "core/unique_fd.hpp"

namespace brig::cli::test {
namespace {

using testing::HasSubstr;

// Answers every request of every connection with the same JSON.
class TlsServer {
 public:
  explicit TlsServer(const char* address_in_certificate) {
    char name[] = "/tmp/brig-cli-tls-XXXXXX";
    directory_ = ::mkdtemp(name);
    ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to whoever has left
    context_ = SSL_CTX_new(TLS_server_method());
    make_certificate(address_in_certificate);
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_.get(), 8) != 0 ||
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      std::abort();
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~TlsServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
    SSL_CTX_free(context_);
    std::filesystem::remove_all(directory_);
  }

  std::string host() const { return "https://127.0.0.1:" + std::to_string(port_); }
  std::string ca() const { return directory_ + "/ca.pem"; }
  const std::string& directory() const { return directory_; }
  std::string received() {
    std::lock_guard lock(mutex_);
    return received_;
  }

 private:
  void make_certificate(const char* address) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("brigd"),
                               -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    std::string names = std::string("IP:") + address;
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(certificate, key, EVP_sha256());
    SSL_CTX_use_certificate(context_, certificate);
    SSL_CTX_use_PrivateKey(context_, key);
    FILE* file = std::fopen(ca().c_str(), "w");
    PEM_write_X509(file, certificate);
    std::fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }

  void serve() {
    while (true) {
      UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!fd) return;
      SSL* ssl = SSL_new(context_);
      SSL_set_fd(ssl, fd.get());
      if (SSL_accept(ssl) == 1) answer(ssl);
      SSL_free(ssl);
    }
  }

  void answer(SSL* ssl) {
    std::string request;
    char buffer[4096];
    for (int n = 1; n > 0 && request.find("\r\n\r\n") == std::string::npos;) {
      n = SSL_read(ssl, buffer, sizeof buffer);
      if (n > 0) request.append(buffer, static_cast<std::size_t>(n));
    }
    {
      std::lock_guard lock(mutex_);
      received_ += request;
    }
    // Larger than a TLS record, so that some of it is decrypted before it is asked for.
    std::string body = R"({"sessions":[]})" + std::string(50'000, ' ');
    std::string text =
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n\r\n" + body;
    SSL_write(ssl, text.data(), static_cast<int>(text.size()));
    SSL_shutdown(ssl);
  }

  std::string directory_;
  SSL_CTX* context_ = nullptr;
  UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
  std::mutex mutex_;
  std::string received_;
};

BrigOptions with(std::map<std::string, std::string> environment) {
  BrigOptions options;
  options.environment = std::move(environment);
  return options;
}

TEST(Tls, ShowsItsTokenToWhomItTrusts) {
  TlsServer server("127.0.0.1");
  BrigProcess brig(server.host(), {"ps", "--json"},
                   with({{"BRIG_TOKEN", "brig_ab_cd"}, {"BRIG_CA", server.ca()}}));
  EXPECT_EQ(brig.output(), "[]\n");
  EXPECT_EQ(brig.errors(), "");
  EXPECT_EQ(brig.wait(), 0);
  EXPECT_THAT(server.received(), HasSubstr("\r\nAuthorization: Bearer brig_ab_cd\r\n"));
}

TEST(Tls, ShowsNothingToOthers) {
  TlsServer server("127.0.0.1");
  TlsServer other("127.0.0.1");
  TlsServer misnamed("192.0.2.1");
  for (auto [host, ca] : {std::pair{server.host(), other.ca()}, std::pair{misnamed.host(), misnamed.ca()}}) {
    BrigProcess brig(host, {"ps"}, with({{"BRIG_TOKEN", "brig_ab_cd"}, {"BRIG_CA", ca}}));
    EXPECT_THAT(brig.errors(), HasSubstr("not to be trusted"));
    EXPECT_EQ(brig.wait(), 77);
  }
  EXPECT_EQ(server.received() + misnamed.received(), "");
}

TEST(Tls, ReadsItsTokenOnlyFromAFileOfItsOwn) {
  TlsServer server("127.0.0.1");
  std::string config = server.directory() + "/brig";
  std::filesystem::create_directory(config);
  std::ofstream(config + "/token") << "brig_12_34\n";
  auto options = with({{"XDG_CONFIG_HOME", server.directory()}, {"BRIG_CA", server.ca()}});
  std::filesystem::permissions(config + "/token", std::filesystem::perms(0644));
  {
    BrigProcess brig(server.host(), {"ps"}, options);
    EXPECT_THAT(brig.errors(), HasSubstr("chmod 600"));
    EXPECT_EQ(brig.wait(), 77);
  }
  std::filesystem::permissions(config + "/token", std::filesystem::perms(0600));
  BrigProcess brig(server.host(), {"ps"}, options);
  EXPECT_EQ(brig.errors(), "");
  EXPECT_EQ(brig.wait(), 0);
  EXPECT_THAT(server.received(), HasSubstr("Bearer brig_12_34\r\n"));
}

}  // namespace
}  // namespace brig::cli::test
