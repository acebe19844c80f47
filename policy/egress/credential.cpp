#include "policy/egress/credential.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/names.hpp"
#include "core/text.hpp"

namespace brig::egress {
namespace {

using Place = Credential::Place;

constexpr std::string_view kReference = "$vault:";
constexpr std::size_t kMaxText = 256;

bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= kMaxText &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) ||
                  std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
         });
}

bool is_plain(std::string_view text) {
  return text.size() <= kMaxText &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= 0x20 && c < 0x7f; });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// Headers that say where a message goes and where it ends; a value there would be no credential.
bool is_framing(std::string_view name) {
  constexpr std::string_view kNames[] = {
      "host", "content-length", "transfer-encoding", "connection", "keep-alive",
      "te",   "trailer",        "upgrade",           "expect",     "content-encoding"};
  auto plain = lower(name);
  return std::find(std::begin(kNames), std::end(kNames), plain) != std::end(kNames) ||
         plain.starts_with("proxy-") || plain.starts_with("sec-websocket-");
}

bool is_key(std::string_view text) {
  auto letter = [](unsigned char c) { return std::isalpha(c) || c == '_'; };
  return !text.empty() && text.size() <= 128 && letter(static_cast<unsigned char>(text[0])) &&
         std::all_of(text.begin(), text.end(),
                     [&](unsigned char c) { return letter(c) || std::isdigit(c) || c == '-' || c == '.'; });
}

CredentialFault fault(const char* field, std::string why) {
  return {field, std::move(why)};
}

std::optional<CredentialFault> read_host_of(const std::string& text, Credential& out) {
  if (text.empty()) return fault("host", "is missing; write the name of a host, as in \"api.example.com\"");
  auto target = read_target(text);
  if (!target) {
    auto host = read_host(text);
    if (!host)
      return fault("host",
                   "is " + quoted(text, 260) + "; write the name of a host, as in \"api.example.com\"");
    target = Target{*host, 443};
  }
  if (target->host.address)
    return fault("host", "is the address " + quoted(text, 260) + "; write the name that its certificate has");
  if (target->port == 80)
    return fault("host",
                 "is " + quoted(text, 260) + "; port 80 is without TLS, and a secret never goes that way");
  out.host = std::move(*target);
  return std::nullopt;
}

std::optional<CredentialFault> read_place(const CredentialText& text, Credential& out) {
  int places = text.header.has_value() + text.query.has_value() + text.basic.has_value();
  if (places != 1)
    return fault("header", places == 0 ? "is missing, and so are query and basic; write one of them"
                                       : "is given beside query or basic; write one of them");
  if (text.header) {
    out.place = Place::header;
    out.name = *text.header;
    if (!is_token(out.name)) return fault("header", "is " + quoted(out.name) + ", which is no header's name");
    if (is_framing(out.name))
      return fault("header",
                   "is " + quoted(out.name) + ", which says where a message goes; no secret belongs there");
  } else if (text.query) {
    out.place = Place::query;
    out.name = *text.query;
    if (!is_token(out.name) || out.name.find_first_of("#%&+") != std::string::npos)
      return fault("query", "is " + quoted(out.name) + ", which is no plain name of a parameter");
  } else {
    out.place = Place::basic;
    out.name = *text.basic;
    if (!is_plain(out.name) || out.name.find(':') != std::string::npos)
      return fault("basic",
                   "is " + quoted(out.name) + "; write the user's name, without ':' (it may be empty)");
  }
  return std::nullopt;
}

}  // namespace

bool Credential::collides(const Credential& other) const {
  if (host != other.host) return false;
  auto header_of = [](const Credential& c) {
    return c.place == Place::basic ? "authorization" : lower(c.name);
  };
  bool query_here = place == Place::query, query_there = other.place == Place::query;
  if (query_here != query_there) return false;
  return query_here ? name == other.name : header_of(*this) == header_of(other);
}

std::string Credential::base_url() const {
  return "http://" + (host.port == 443 ? to_string(host.host) : to_string(host.host, host.port)) +
         base_url_path;
}

std::optional<CredentialFault> read_credential(const CredentialText& text, Credential& out) {
  out = {};
  if (auto bad = read_host_of(text.host, out)) return bad;
  if (auto bad = read_place(text, out)) return bad;
  // Never shown: who writes a value where its name belongs should not find it in a log.
  if (!text.value.starts_with(kReference))
    return fault("value",
                 "is no reference; write \"$vault:KEY\", and put the value there with 'brig vault set KEY'");
  out.key = text.value.substr(kReference.size());
  if (!is_key(out.key))
    return fault("value",
                 "is no reference to a key; write \"$vault:KEY\", where KEY has letters, digits and '_'");
  if (text.shape) {
    out.shape = *text.shape;
    auto at = out.shape.find("{}");
    if (out.place != Place::header)
      return fault("template", "is given without header; it shapes a header alone");
    if (!is_plain(out.shape) || at == std::string::npos || out.shape.find("{}", at + 2) != std::string::npos)
      return fault("template",
                   "is " + quoted(out.shape) + "; write {} once, where the value goes, as in \"Bearer {}\"");
  }
  if (text.env) {
    out.env = *text.env;
    if (!out.env.empty() && !check_env_name("env", out.env))
      return fault("env",
                   "is " + quoted(out.env) + "; write the name of an environment variable, or \"\" for none");
  } else if (check_env_name("env", out.key)) {
    out.env = out.key;
  }
  if (text.base_url_env) {
    out.base_url_env = *text.base_url_env;
    if (!check_env_name("base_url_env", out.base_url_env))
      return fault("base_url_env",
                   "is " + quoted(out.base_url_env) + "; write the name of an environment variable");
    if (out.base_url_env == out.env)
      return fault("base_url_env", "is the variable of env too; they hold different things");
  }
  if (text.base_url_path) {
    out.base_url_path = *text.base_url_path;
    bool good = is_plain(out.base_url_path) && out.base_url_path.starts_with('/') &&
                out.base_url_path.find_first_of(" ?#\"\\") == std::string::npos;
    if (!good || out.base_url_env.empty())
      return fault("base_url_path",
                   "is " + quoted(out.base_url_path) + "; write a path as \"/v1\", beside base_url_env");
  }
  out.optional = text.optional;
  return std::nullopt;
}

std::optional<CredentialFault> check_together(const std::vector<Credential>& all) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (all[i].collides(all[j]))
        return fault("header", "is set twice: " + describe(all[i]) + " has a credential already");
      for (const auto* mine : {&all[i].env, &all[i].base_url_env})
        for (const auto* theirs : {&all[j].env, &all[j].base_url_env})
          // One key may go to many hosts, and then one variable holds its placeholder.
          if (!mine->empty() && *mine == *theirs &&
              !(mine == &all[i].env && theirs == &all[j].env && all[i].key == all[j].key))
            return fault("env", "is " + quoted(*mine) +
                                    ", which another credential sets already; write env = \"NAME\"");
    }
  }
  return std::nullopt;
}

nlohmann::json to_json(const Credential& c) {
  nlohmann::json out{{"host", to_string(c.host.host, c.host.port)},
                     {"value", std::string(kReference) + c.key},
                     {"env", c.env}};
  out[c.place == Place::header ? "header" : c.place == Place::query ? "query" : "basic"] = c.name;
  if (c.place == Place::header) out["template"] = c.shape;
  if (!c.base_url_env.empty()) out["base_url_env"] = c.base_url_env;
  if (!c.base_url_path.empty()) out["base_url_path"] = c.base_url_path;
  if (c.optional) out["optional"] = true;
  return out;
}

Result<Credential> credential_from(const nlohmann::json& json) {
  auto broken = [](const std::string& why) {
    return Error{Code::corrupt, "the ledger holds a credential that cannot be read: " + why, "egress", false};
  };
  if (!json.is_object()) return broken("it is no object");
  CredentialText text;
  for (const auto& [key, value] : json.items()) {
    if (key == "optional" && value.is_boolean()) {
      text.optional = value.get<bool>();
      continue;
    }
    if (!value.is_string()) return broken("its " + printable(key) + " is no text");
    auto word = value.get<std::string>();
    if (key == "host")
      text.host = word;
    else if (key == "value")
      text.value = word;
    else if (key == "header")
      text.header = word;
    else if (key == "query")
      text.query = word;
    else if (key == "basic")
      text.basic = word;
    else if (key == "template")
      text.shape = word;
    else if (key == "env")
      text.env = word;
    else if (key == "base_url_env")
      text.base_url_env = word;
    else if (key == "base_url_path")
      text.base_url_path = word;
    else
      return broken("it has a " + printable(key));
  }
  Credential out;
  if (auto bad = read_credential(text, out)) return broken("its " + bad->field + " " + bad->why);
  return out;
}

std::string describe(const Credential& c) {
  std::string what = c.place == Place::header  ? "header " + c.name
                     : c.place == Place::query ? "parameter " + c.name
                                               : "the password of user " + quoted(c.name);
  return what + " of " + to_string(c.host.host, c.host.port);
}

}  // namespace brig::egress
