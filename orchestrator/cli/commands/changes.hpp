// What a session changed, as commands ask for it and show it.
//
// Threads: one. Failure: as Result.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/context.hpp"

namespace brig::cli {

// What a person typed as the API spells names: he may write \\xNN himself, or let the shell put bytes there.
std::string spelled(std::string_view typed);

// "&path=…" for each.
std::string changes_query(const std::vector<std::string>& paths);

// {"digest":…,"changes":[…]}, which may be larger than other answers.
Result<nlohmann::json> fetch_changes(Client& client, const std::string& session,
                                     const std::vector<std::string>& paths, bool lines);

// A line for each change: "modified  src/main.c".
std::string summary_of(const nlohmann::json& changes, const Style& style);
// As `git diff --stat` shows it.
std::string stat_of(const nlohmann::json& changes, const Style& style, std::size_t width);

// The patch, as it is or for a terminal.
Result<void> print_patch(Client& client, const std::string& session, const std::vector<std::string>& paths,
                         const Style& style, bool for_terminal);

}  // namespace brig::cli
