#include "cli/client/report.hpp"

namespace brig::cli {
namespace {

constexpr std::size_t kMaxLine = 1 << 20;

}  // namespace

Result<nlohmann::json> follow(Client& client, const std::string& path, const nlohmann::json& body,
                              Report report, const std::function<void(const nlohmann::json&)>& line,
                              Millis limit) {
  const auto name = "brigd's report of " + std::string(report.of);
  nlohmann::json outcome;
  std::string pending;
  Result<void> told;
  auto read = [&](std::string_view text) -> Result<void> {
    auto value = nlohmann::json::parse(text, nullptr, false);
    if (!value.is_object()) return Error{Code::protocol, name + " is not JSON", "cli", false};
    line(value);
    if (auto done = value.find("done"); done != value.end()) outcome = *done;
    if (auto error = value.find("error"); error != value.end())
      return problem_to_error(500, error->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    return {};
  };
  auto take = [&](std::string_view part) {
    pending += part;
    for (auto end = pending.find('\n'); end != std::string::npos && told; end = pending.find('\n')) {
      if (end > 0) told = read(std::string_view(pending).substr(0, end));
      pending.erase(0, end + 1);
    }
    if (pending.size() > kMaxLine) told = Error{Code::protocol, name + " has an endless line", "cli", false};
    return told.ok();
  };
  auto streamed = client.stream("POST", path, body, take, limit);
  BRIG_CHECK(told);
  BRIG_CHECK(streamed);
  if (outcome.is_null())
    return Error{Code::unavailable, name + " broke off; " + report.of + " goes on, " + report.look, "cli",
                 true};
  return outcome;
}

}  // namespace brig::cli
