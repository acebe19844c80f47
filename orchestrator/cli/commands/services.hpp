// What the commands about services have in common.
//
// Threads: one. Failure: as Result.
#pragma once

#include <string>

#include "cli/commands/common.hpp"
#include "cli/output.hpp"

namespace brig::cli {

extern const CommandSpec kServiceDeploy, kServiceUpdate, kServiceRollback, kServiceTools, kServiceCall,
    kServiceLogs, kServiceScope, kServiceFiles, kServiceApprove;

inline constexpr OptionSpec kServiceMesh = {
    .flags = "--mesh", .value = "MESH", .help = "the mesh (a tenant) it is in (default: BRIG_MESH)"};
inline constexpr PositionalSpec kServiceName = {
    .name = "SERVICE", .help = "its name in the mesh", .complete = "service"};

// What --mesh says, or BRIG_MESH.
Result<std::string> mesh_of(const Context& context, const Arguments& arguments);
// "/v1/meshes/MESH": of the same.
Result<std::string> mesh_path(const Context& context, const Arguments& arguments);
// "/v1/meshes/MESH/services", and behind it "/NAME" unless that is empty.
Result<std::string> service_path(const Context& context, const Arguments& arguments,
                                 const std::string& name = {});
bool is_skill(const nlohmann::json& service);
Colour service_colour(const std::string& state);
// What --scope says, as the API has it: "mesh", or {"peers": [...], "groups": [...], "roles": [...]}.
Result<nlohmann::json> scope_of(const std::vector<std::string>& words);
std::string scope_text(const nlohmann::json& scope);
inline constexpr const char* kScopeWords = "peer|mesh|peer:|group:|role:member|role:admin|role:owner";

// How many of its tools wait for approval, and how that is given; "" if none does.
std::string waiting_text(const nlohmann::json& service);
// "npm @scope/name@^1", "directory /srv/tools"
std::string source_text(const nlohmann::json& service);

}  // namespace brig::cli
