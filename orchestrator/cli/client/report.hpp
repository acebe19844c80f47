// What brigd tells while something long goes its way: lines of JSON, the last of which has `done` or `error`.
//
// Threads: one. Failure: as Result; a report that breaks off says that the work goes on, and how to look.
#pragma once

#include <functional>

#include "cli/client/http.hpp"

namespace brig::cli {

struct Report {
  const char* of;    // "the build"
  const char* look;  // "'brig image ls' shows how it ended"
};

// POSTs, hands every line to `line`, and gives what was done.
Result<nlohmann::json> follow(Client& client, const std::string& path, const nlohmann::json& body,
                              Report report, const std::function<void(const nlohmann::json&)>& line,
                              Millis limit = std::chrono::seconds(60));

}  // namespace brig::cli
