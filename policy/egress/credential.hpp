// Which secret of the vault goes to which host, and where in a request it stands.
//
// The sandbox has a placeholder instead; brigd puts the value into requests to that host and into no others.
// A credential allows nothing: whether the host may be reached is the rules' to say.
//
//   host = "api.example.com"        a name; ":8443" for another port than 443
//   header = "x-api-key"            or query = "key", or basic = "user"
//   value = "$vault:API_KEY"        always a reference, never a value
//   template = "Bearer {}"          with a header: what is around the value
//   env = "API_KEY"                 the variable that holds the placeholder inside
//   base_url_env = "API_BASE_URL"   the variable that sends programs to it over plain HTTP, which brigd makes
//   TLS base_url_path = "/v1"           what follows the host there
//
// Threads: plain values. Failure: a CredentialFault, which names the field and says why.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "policy/egress/host.hpp"

namespace brig::egress {

inline constexpr std::size_t kMaxCredentials = 32;

struct Credential {
  enum class Place { header, query, basic };
  Target host;
  Place place = Place::header;
  std::string name;          // of the header, the parameter, the user
  std::string shape = "{}";  // the template
  std::string key;           // in the vault
  std::string env;           // empty: none
  std::string base_url_env;  // empty: none
  std::string base_url_path;
  bool optional = false;  // of a provider's: done without where the vault lacks the key

  bool operator==(const Credential&) const = default;
  // Both would write the same place of the same requests.
  bool collides(const Credential& other) const;
  bool is_for(const Target& target) const { return target == host; }
  // What programs are given as the base of its URLs.
  std::string base_url() const;
};

// As it was written; absent and empty differ only for `env`.
struct CredentialText {
  std::string host, value;
  std::optional<std::string> header, query, basic, shape, env, base_url_env, base_url_path;
  bool optional = false;
};
struct CredentialFault {
  std::string field;
  std::string why;  // a sentence without its subject: "is 'x'; write …"
};
std::optional<CredentialFault> read_credential(const CredentialText& text, Credential& out);
// The first of them that collides with an earlier one, or takes its variable.
std::optional<CredentialFault> check_together(const std::vector<Credential>& all);

// For the ledger.
nlohmann::json to_json(const Credential& credential);
Result<Credential> credential_from(const nlohmann::json& json);

// "header x-api-key of api.example.com:443"
std::string describe(const Credential& credential);

}  // namespace brig::egress
