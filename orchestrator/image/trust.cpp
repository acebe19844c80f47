#include "image/trust.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "core/files.hpp"
#include "core/text.hpp"

namespace brig::image {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxBundle = 8 << 20;
constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";

// The base64 of each certificate, without white space. What is not a certificate is passed over.
std::vector<std::string> certificates(std::string_view pem) {
  std::vector<std::string> out;
  while (true) {
    auto begin = pem.find(kBegin);
    if (begin == std::string_view::npos) return out;
    pem.remove_prefix(begin + kBegin.size());
    auto end = pem.find(kEnd);
    if (end == std::string_view::npos) return out;
    std::string body;
    bool good = true;
    for (unsigned char c : pem.substr(0, end)) {
      if (std::isspace(c)) continue;
      good = good && (std::isalnum(c) || c == '+' || c == '/' || c == '=');
      body.push_back(static_cast<char>(c));
    }
    if (good && !body.empty()) out.push_back(std::move(body));
    pem.remove_prefix(end);
  }
}

std::string to_pem(const std::vector<std::string>& bodies) {
  std::string out;
  for (const auto& body : bodies) {
    out += std::string(kBegin) + "\n";
    for (std::size_t at = 0; at < body.size(); at += 64) out += body.substr(at, 64) + "\n";
    out += std::string(kEnd) + "\n";
  }
  return out;
}

Result<std::vector<std::string>> read_certificates(const fs::path& path) {
  BRIG_TRY(auto text, read_file(path, kMaxBundle));
  return certificates(text);
}

Result<std::vector<std::string>> host_certificates(const TrustPlaces& places) {
  std::error_code ignored;
  for (const auto& bundle : places.bundles)
    if (fs::is_regular_file(bundle, ignored)) return read_certificates(bundle);
  return std::vector<std::string>{};
}

// Those that came with the distribution; nothing if it does not keep them apart.
std::set<std::string> stock_certificates(const TrustPlaces& places) {
  std::set<std::string> out;
  std::error_code error;
  fs::recursive_directory_iterator it(places.stock, error), end;
  for (std::size_t n = 0; !error && it != end && n < 10'000; it.increment(error), ++n) {
    std::error_code ignored;
    if (!it->is_regular_file(ignored)) continue;
    if (auto found = read_certificates(it->path())) out.insert(found->begin(), found->end());
  }
  return out;
}

}  // namespace

Result<std::string> load_trust(const std::string& setting, const TrustPlaces& places) {
  if (setting == "none") return std::string();
  BRIG_TRY(auto host, host_certificates(places));
  if (setting == "auto") {
    auto stock = stock_certificates(places);
    bool added = std::any_of(host.begin(), host.end(), [&](const auto& c) { return !stock.contains(c); });
    return added ? to_pem(host) : std::string();
  }
  auto named = read_certificates(setting);
  if (!named)
    return Error{named.error().code,
                 "trust.ca_bundle: " + named.error().message + "; name a PEM file, \"auto\" or \"none\"",
                 "image", false};
  if (named->empty())
    return Error{Code::invalid,
                 "trust.ca_bundle is " + quoted(setting, 256) +
                     ", which holds no certificate in PEM; name another file",
                 "image", false};
  for (auto& certificate : *named)
    if (std::find(host.begin(), host.end(), certificate) == host.end())
      host.push_back(std::move(certificate));
  return to_pem(host);
}

Result<fs::path> prepare_trust(const std::string& setting, const fs::path& file, const TrustPlaces& places) {
  BRIG_TRY(auto pem, load_trust(setting, places));
  if (pem.empty()) {
    std::error_code ignored;
    fs::remove(file, ignored);
    return fs::path();
  }
  BRIG_CHECK(write_file(file, pem, 0644));
  return file;
}

Result<std::string> load_stock(const TrustPlaces& places) {
  BRIG_TRY(auto host, host_certificates(places));
  auto stock = stock_certificates(places);
  if (!stock.empty()) std::erase_if(host, [&](const auto& c) { return !stock.contains(c); });
  return to_pem(host);
}

fs::path host_bundle(const TrustPlaces& places) {
  std::error_code ignored;
  if (const char* named = ::getenv("SSL_CERT_FILE"); named && fs::is_regular_file(named, ignored))
    return named;
  for (const auto& bundle : places.bundles)
    if (fs::is_regular_file(bundle, ignored)) return bundle;
  return {};
}

std::map<std::string, std::string> trust_environment(const std::string& path) {
  std::map<std::string, std::string> out;
  // OpenSSL and what is built on it, Node, Python's requests and pip, curl, git, npm, Rust's cargo, AWS,
  // Deno.
  for (auto name :
       {"SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE",
        "GIT_SSL_CAINFO", "NPM_CONFIG_CAFILE", "CARGO_HTTP_CAINFO", "AWS_CA_BUNDLE", "DENO_CERT"})
    out.emplace(name, path);
  return out;
}

}  // namespace brig::image
