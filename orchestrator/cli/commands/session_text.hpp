// How sessions and their processes look in tables, for the commands that show them.
//
// Threads: one. Failure: none.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/table.hpp"

namespace brig::cli {

Colour state_colour(const std::string& state);
// "running", or how it ended.
std::string state_text(const nlohmann::json& session);
// The exit code of a session or process that has ended; else "".
std::string exit_text(const nlohmann::json& thing);
// A session's processes, ended ones only if `all`.
Table process_table(const nlohmann::json& session, bool all);

}  // namespace brig::cli
