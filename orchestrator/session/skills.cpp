#include "session/skills.hpp"

#include <nlohmann/json.hpp>

#include "core/log.hpp"
#include "session/container_request.hpp"
#include "session/manager_state.hpp"

namespace brig::session {
namespace {

using nlohmann::json;

std::string to_text(const std::vector<Skill>& skills) {
  auto out = json::object();
  for (const auto& skill : skills) out[skill.name] = skill.layer.str();
  return out.dump();
}

// As the ledger has them.
Result<std::vector<Skill>> from_text(const std::string& text) {
  std::vector<Skill> out;
  Error damaged{Code::corrupt, "the ledger's skills of a session do not read", "session", false};
  auto in = json::parse(text, nullptr, false);
  if (!in.is_object()) return damaged;
  for (const auto& [name, layer] : in.items()) {
    if (!layer.is_string() || !is_layer_id(layer.get_ref<const std::string&>())) return damaged;
    out.push_back({name, LayerId(layer.get<std::string>())});
  }
  return out;
}

}  // namespace

Result<void> Manager::lend_skills(const Caller& caller, Prepared& prepared, const store::SessionRow* again) {
  auto& row = prepared.row;
  std::vector<Skill> skills;
  if (again) {
    BRIG_TRY(skills, from_text(again->skills_json));
  } else if (!row.mesh.empty() && options_.skills_for) {
    // What its agent may see at the endpoint of the mesh, see agent_of(): whoever runs the host starts
    // sessions, too, and what a member has made for himself is not for those.
    auto who = caller;
    who.role = Caller::Role::user;
    if (who.mesh != row.mesh) who.member.reset();
    who.mesh = row.mesh;
    skills = options_.skills_for(who, row.mesh);
  }
  if (skills.size() > kMaxSkills) {
    log::warn("a session has not all skills of its mesh",
              {{"session", row.id.str()}, {"mesh", row.mesh}, {"skills", std::to_string(skills.size())}});
    skills.resize(kMaxSkills);
  }
  if (skills.empty()) return {};
  std::vector<std::string> places{kSkillsInside};
  if (!prepared.provider.skills.empty()) places.push_back(prepared.provider.skills);
  for (const auto& skill : skills)
    for (const auto& place : places)
      prepared.facts.bundles.push_back(
          {(options_.paths.layer(skill.layer) / kSkillFiles).string(), place + "/" + skill.name});
  row.skills_json = to_text(skills);
  BRIG_TRY(prepared.request, container_request(prepared.policy, prepared.facts, parts_.policies.ceiling()));
  return {};
}

}  // namespace brig::session
