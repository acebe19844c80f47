#include "service/scope.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/text.hpp"
#include "session/member.hpp"

namespace brig::service {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxNames = 256;
constexpr const char* kForms =
    R"("peer", "mesh", {"peers": [...]}, {"group": "a/b"}, {"groups": [...]} or {"role": "admin"})";

Error refuse(const std::string& field, std::string why) {
  return {Code::invalid, field + " " + std::move(why), "scope", false};
}

template <class T>
bool contains(const std::vector<T>& all, const T& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

using Check = Result<void> (*)(std::string_view field, std::string_view value);

Result<void> read_one(const std::string& field, const json& value, Check check,
                      std::vector<std::string>& out) {
  if (!value.is_string()) return refuse(field, "must be text");
  auto text = value.get<std::string>();
  BRIG_CHECK(check(field, text));
  if (contains(out, text)) return refuse(field, "names " + quoted(text) + " twice");
  out.push_back(std::move(text));
  return {};
}

Result<void> read_names(const std::string& field, const json& value, Check check,
                        std::vector<std::string>& out) {
  if (!value.is_array()) return refuse(field, "must be a list");
  if (value.empty())
    return refuse(field, "is empty, and so names nobody; say \"peer\" for its deployer alone");
  if (value.size() > kMaxNames)
    return refuse(field, "names more than " + std::to_string(kMaxNames) + "; use a group");
  for (const auto& one : value) BRIG_CHECK(read_one(field, one, check, out));
  return {};
}

Result<void> check_role(std::string_view field, std::string_view role) {
  if (session::member_role_of(role)) return {};
  return refuse(std::string(field), quoted(role) + " is no role" + did_you_mean(role, session::kMemberRoles) +
                                        "; there are member, admin and owner");
}

Result<void> read_key(const std::string& key, const json& value, Scope& out,
                      std::vector<std::string>& roles) {
  auto field = "scope." + key;
  if (key == "peers") return read_names(field, value, session::check_peer, out.peers);
  if (key == "group") return read_one(field, value, session::check_group, out.groups);
  if (key == "groups") return read_names(field, value, session::check_group, out.groups);
  if (key == "role") return read_one(field, value, check_role, roles);
  if (key == "roles") return read_names(field, value, check_role, roles);
  static constexpr std::string_view kKeys[] = {"peers", "group", "groups", "role", "roles"};
  return refuse("scope",
                "has an unknown key " + quoted(key) + did_you_mean(key, kKeys) + "; it is " + kForms);
}

// As nlohmann has it, the last of two equal keys would win.
json parse(std::string_view text, bool& twice) {
  std::set<std::string> keys;
  auto note = [&](int depth, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::key && depth == 1 && !keys.insert(parsed.get<std::string>()).second)
      twice = true;
    return true;
  };
  return json::parse(text, note, false);
}

void put(json& out, const char* one, const char* many, const std::vector<std::string>& names) {
  if (names.empty()) return;
  if (one && names.size() == 1)
    out[one] = names.front();
  else
    out[many] = names;
}

std::vector<std::string> words(const std::vector<session::Caller::Member::Role>& roles) {
  std::vector<std::string> out;
  for (auto role : roles) out.emplace_back(session::to_string(role));
  return out;
}

}  // namespace

bool Scope::names(const session::Caller& caller) const {
  if (mesh) return true;
  if (!caller.member) return false;
  const auto& who = *caller.member;
  if (contains(peers, who.peer) || contains(roles, who.role)) return true;
  return std::any_of(groups.begin(), groups.end(), [&](const auto& group) {
    return std::any_of(who.groups.begin(), who.groups.end(),
                       [&](const auto& path) { return session::is_within(path, group); });
  });
}

Result<Scope> read_scope(std::string_view text) {
  bool twice = false;
  auto in = parse(text, twice);
  Scope out;
  if (in.is_string()) {
    auto word = in.get<std::string>();
    if (word == "peer") return out;
    out.mesh = word == "mesh";
    if (out.mesh) return out;
    return refuse("scope", quoted(word) + " is not known; it is " + kForms);
  }
  if (!in.is_object()) return refuse("scope", std::string("is not one; it is ") + kForms);
  if (twice) return refuse("scope", "has a key twice");
  if (in.empty()) return refuse("scope", "names nobody; say \"peer\" for its deployer alone");
  std::vector<std::string> roles;
  for (const auto& [key, value] : in.items()) BRIG_CHECK(read_key(key, value, out, roles));
  for (const auto& role : roles) out.roles.push_back(*session::member_role_of(role));
  return out;
}

std::string to_json(const Scope& scope) {
  if (scope.mesh) return "\"mesh\"";
  if (scope == Scope()) return "\"peer\"";
  json out = json::object();
  put(out, nullptr, "peers", scope.peers);
  put(out, "group", "groups", scope.groups);
  put(out, "role", "roles", words(scope.roles));
  return out.dump();
}

std::string to_text(const Scope& scope) {
  if (scope.mesh) return "mesh";
  if (scope == Scope()) return "peer";
  std::vector<std::string> parts;
  if (!scope.peers.empty()) parts.push_back("peers " + join(scope.peers, ", "));
  if (!scope.groups.empty()) parts.push_back("groups " + join(scope.groups, ", "));
  if (!scope.roles.empty()) parts.push_back("roles " + join(words(scope.roles), ", "));
  return join(parts, "; ");
}

}  // namespace brig::service
