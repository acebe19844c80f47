#include <nlohmann/json.hpp>

#include "api/json/encode.hpp"
#include "core/units.hpp"

namespace brig::api {
namespace {

using nlohmann::json;

void put(json& out, const char* key, const session::Amount& amount) {
  if (!amount.used) return;
  out[key]["used"] = *amount.used;
  if (amount.limit) out[key]["limit"] = *amount.limit;
}

}  // namespace

json encode(const session::Usage& usage) {
  const auto& session = usage.session;
  auto running = std::count_if(session.processes.begin(), session.processes.end(),
                               [](const auto& process) { return !process.outcome; });
  json out{{"id", session.id.str()},
           {"name", session.name},
           {"owner", session.owner},
           {"state", session::to_string(session.state)},
           {"reason", session.reason},
           {"provider", session.provider},
           {"created", format_time(session.created)},
           {"at_us", usage.at.count()},
           {"processes", running},
           {"attached", usage.attached}};
  if (!session.mesh.empty()) out["mesh"] = session.mesh;
  if (session.project) out["project"] = *session.project;
  if (usage.cpu) out["cpu_us"] = usage.cpu->count();
  if (usage.cpus) out["cpus"] = *usage.cpus;
  put(out, "memory", usage.memory);
  put(out, "tasks", usage.tasks);
  put(out, "disk", usage.disk);
  if (usage.traffic) {
    out["traffic"] = {{"sent", usage.traffic->sent},
                      {"received", usage.traffic->received},
                      {"open", usage.traffic->open},
                      {"denied", usage.traffic->denied},
                      {"questions", usage.traffic->questions}};
  }
  return out;
}

}  // namespace brig::api
