// Lines of JSON, as brigd tells them: what comes to pass from now on, or how something long goes its way;
// then the last has `done` or `error`.
//
// Threads: one. Failure: as Result; a report that breaks off says that the work goes on, and how to look.
#pragma once

#include <functional>

#include "cli/client/http.hpp"

namespace brig::cli {

// What it fails with ends the reading, as does a line with `error`.
using TakeLine = std::function<Result<void>(const nlohmann::json&)>;

// Every line of an answer. `name`: "the log of ev". `limit` bounds only the time to the first.
Result<void> each_line(Client& client, std::string_view method, const std::string& path,
                       const nlohmann::json& body, const std::string& name, const TakeLine& take,
                       Millis limit = std::chrono::seconds(60));

struct Report {
  const char* of;    // "the build"
  const char* look;  // "'brig image ls' shows how it ended"
};

// POSTs, hands every line to `line`, and gives what was done.
Result<nlohmann::json> follow(Client& client, const std::string& path, const nlohmann::json& body,
                              Report report, const std::function<void(const nlohmann::json&)>& line,
                              Millis limit = std::chrono::seconds(60));

}  // namespace brig::cli
