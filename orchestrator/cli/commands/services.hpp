// What the commands about services have in common.
//
// Threads: one. Failure: as Result.
#pragma once

#include <string>

#include "cli/commands/common.hpp"
#include "cli/output.hpp"

namespace brig::cli {

extern const CommandSpec kServiceDeploy, kServiceUpdate, kServiceTools, kServiceCall, kServiceLogs;

inline constexpr OptionSpec kServiceMesh = {
    .flags = "--mesh", .value = "MESH", .help = "the mesh (a tenant) it is in (default: BRIG_MESH)"};
inline constexpr PositionalSpec kServiceName = {
    .name = "SERVICE", .help = "its name in the mesh", .complete = "service"};

// "/v1/meshes/MESH/services", and behind it "/NAME" unless that is empty.
Result<std::string> service_path(const Context& context, const Arguments& arguments,
                                 const std::string& name = {});
Colour service_colour(const std::string& state);
// "npm @scope/name@^1", "directory /srv/tools"
std::string source_text(const nlohmann::json& service);

}  // namespace brig::cli
