// What the commands about volumes have in common: which ones are meant, and how they are shown.
//
// Threads: one. Failure: as Result.
#pragma once

#include <optional>
#include <string>

#include "cli/commands/common.hpp"
#include "cli/table.hpp"

namespace brig::cli {

extern const CommandSpec kVolumeList, kVolumeDu, kVolumePrune, kVolumeExport, kVolumeImport, kVolumeClone;

std::string volume_path(const std::string& volume);
bool is_true(const nlohmann::json& json, const char* key);
// "1.5 MiB of 4 GiB"; in a colour where little is left.
Table::Cell room_of(const nlohmann::json& volume);
// "session-a, session-b", of those in a list that are strings.
std::string joined(const nlohmann::json& list, const char* between = ", ");
// "3d ago", or "never".
std::string last_used(const nlohmann::json& volume);
// On the host, in bytes; nothing where it was not measured.
std::optional<std::uint64_t> taken_by(const nlohmann::json& volume);
// Whose configuration it is: "claude/work"; empty: nobody's.
std::string origin_of(const nlohmann::json& volume);

// The filter that the options below say, as the API reads it.
nlohmann::json volume_filter(const Arguments& arguments);
// "?mesh=m&unused_for=30d"
std::string as_query(const nlohmann::json& parameters);

inline constexpr OptionSpec kVolumeMesh = {
    .flags = "--mesh", .value = "MESH", .help = "those of this mesh (a tenant)"};
inline constexpr OptionSpec kVolumeProvider = {.flags = "--provider",
                                               .value = "PROVIDER",
                                               .help = "those of this provider's configuration",
                                               .complete = "provider"};
inline constexpr OptionSpec kVolumeIdentity = {
    .flags = "--identity", .value = "IDENTITY", .help = "those of this identity, by its id or label"};
inline constexpr OptionSpec kVolumeKind = {.flags = "--kind",
                                           .value = "KIND",
                                           .help = "those of this kind: shared or config",
                                           .complete = "shared|config"};
inline constexpr OptionSpec kVolumeOwner = {
    .flags = "--owner", .value = "OWNER", .help = "those of this owner, such as uid:1000; for admins"};
inline constexpr OptionSpec kVolumeLarger = {
    .flags = "--larger", .value = "SIZE", .help = "those with more than that in them, such as 1G"};
inline constexpr OptionSpec kVolumeOrphan = {.flags = "--orphan",
                                             .help = "those whose identity or provider is gone"};

}  // namespace brig::cli
