// The certificate authorities that builds and sandboxes trust because this host does ([trust] in brig.toml).
//
// Threads: any; reads files. Failure: as Result, naming key, file and remedy.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace brig::image {

struct TrustPlaces {
  // Where hosts keep their bundle: the first that exists is it.
  std::vector<std::filesystem::path> bundles = {"/etc/ssl/certs/ca-certificates.crt",
                                                "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
                                                "/etc/ssl/cert.pem"};
  // Where the distribution keeps what it put into the bundle by itself.
  std::filesystem::path stock = "/usr/share/ca-certificates";
};

// PEM of `setting`: "none" → empty. "auto" → the host's bundle if it holds authorities that did not come with
// the distribution, or if there is no telling; else empty. A path → the host's bundle with that file's
// certificates added. Certificates only: a private key in a file never gets in.
Result<std::string> load_trust(const std::string& setting, const TrustPlaces& places = {});

// Writes it to `file`, for the use of sandboxes and builds, and gives its path; empty (and no file) if it is
// empty.
Result<std::filesystem::path> prepare_trust(const std::string& setting, const std::filesystem::path& file,
                                            const TrustPlaces& places = {});

// PEM of the distribution's own authorities that this host trusts; all of the host's where it does not keep
// them apart. For sandboxes that get a bundle for another reason than the host's additions.
Result<std::string> load_stock(const TrustPlaces& places = {});
// The host's own bundle: SSL_CERT_FILE, else the first of the usual places; empty if there is none.
std::filesystem::path host_bundle(const TrustPlaces& places = {});

// The variables by which programs are told of a bundle at `path` (as they see it).
std::map<std::string, std::string> trust_environment(const std::string& path);

}  // namespace brig::image
