#include "session/agent.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/text.hpp"
#include "egress/egress.hpp"
#include "session/member.hpp"

namespace brig::session {
namespace {

using nlohmann::json;

static_assert(kMeshUrl.substr(7, egress::kMeshHost.size()) == egress::kMeshHost && egress::kMeshPort == 80);

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

std::string filled(std::string text) {
  replace_all(text, "{url}", kMeshUrl);
  replace_all(text, "{file}", kMeshFile);
  return text;
}

Error corrupt(const store::SessionRow& row) {
  return {Code::corrupt,
          "the ledger does not say who session " + quoted(row.name) + " is in its mesh " + quoted(row.mesh),
          "session", false};
}

Result<Caller::Member> member_of(const json& in, const store::SessionRow& row) {
  const auto peer = in.value("peer", json());
  const auto word = in.value("role", json());
  const auto groups = in.value("groups", json());
  auto role = word.is_string() ? member_role_of(word.get<std::string>()) : std::nullopt;
  if (!peer.is_string() || !role || !groups.is_array()) return corrupt(row);
  Caller::Member out{peer.get<std::string>(), {}, *role};
  for (const auto& group : groups) {
    if (!group.is_string()) return corrupt(row);
    out.groups.push_back(group.get<std::string>());
  }
  return out;
}

}  // namespace

std::string agent_to_json(const Caller& starter, const std::string& mesh) {
  if (!starter.member || starter.mesh != mesh) return "{}";
  const auto& who = *starter.member;
  return json{{"peer", who.peer}, {"groups", who.groups}, {"role", to_string(who.role)}}.dump();
}

Result<Caller> agent_of(const store::SessionRow& row) {
  auto in = json::parse(row.agent_json, nullptr, false);
  if (!in.is_object() || row.mesh.empty()) return corrupt(row);
  Caller out;
  out.role = Caller::Role::user;
  out.owner = row.owner;
  out.mesh = row.mesh;
  out.credential = "session:" + row.id.str();
  out.agent = row.id;
  if (!in.empty()) {
    BRIG_TRY(out.member, member_of(in, row));
  }
  return out;
}

std::vector<std::string> mesh_args(const image::Provider& provider) {
  std::vector<std::string> out;
  for (const auto& arg : provider.mcp.args) out.push_back(filled(arg));
  return out;
}

std::string mesh_file(const image::Provider& provider) {
  return filled(provider.mcp.file);
}

void add_mesh_env(const image::Provider& provider, std::map<std::string, std::string>& env) {
  env["BRIG_MCP_URL"] = kMeshUrl;
  for (const auto& [name, value] : provider.mcp.env) env[name] = filled(value);
  // By name it is found as well, and needs no proxy.
  for (const char* name : {"NO_PROXY", "no_proxy"}) {
    auto [it, fresh] = env.try_emplace(name, kDirect);
    it->second += "," + std::string(egress::kMeshHost);
  }
}

void drop_mesh_args(const image::Provider& provider, std::vector<std::string>& argv) {
  auto args = mesh_args(provider);
  auto at = std::search(argv.begin(), argv.end(), args.begin(), args.end());
  if (!args.empty() && at != argv.end()) argv.erase(at, at + static_cast<std::ptrdiff_t>(args.size()));
}

}  // namespace brig::session
