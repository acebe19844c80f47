#include "cli/client/report.hpp"

namespace brig::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxLine = 1 << 20;

}  // namespace

Result<void> each_line(Client& client, std::string_view method, const std::string& path, const json& body,
                       const std::string& name, const TakeLine& take_line, Millis limit) {
  std::string pending;
  Result<void> told;
  auto read = [&](std::string_view text) -> Result<void> {
    auto value = json::parse(text, nullptr, false);
    if (!value.is_object()) return Error{Code::protocol, name + " is not JSON", "cli", false};
    BRIG_CHECK(take_line(value));
    if (auto error = value.find("error"); error != value.end())
      return problem_to_error(500, error->dump(-1, ' ', false, json::error_handler_t::replace));
    return {};
  };
  auto take = [&](std::string_view part) {
    pending += part;
    std::size_t from = 0;
    for (auto end = pending.find('\n'); end != std::string::npos && told; end = pending.find('\n', from)) {
      if (end > from) told = read(std::string_view(pending).substr(from, end - from));
      from = end + 1;
    }
    pending.erase(0, from);
    if (pending.size() > kMaxLine) told = Error{Code::protocol, name + " has an endless line", "cli", false};
    return told.ok();
  };
  auto streamed = client.stream(method, path, body, take, limit);
  BRIG_CHECK(told);
  return streamed;
}

Result<json> follow(Client& client, const std::string& path, const json& body, Report report,
                    const std::function<void(const json&)>& line, Millis limit) {
  const auto name = "brigd's report of " + std::string(report.of);
  json outcome;
  auto take = [&](const json& value) -> Result<void> {
    line(value);
    if (auto done = value.find("done"); done != value.end()) outcome = *done;
    return {};
  };
  BRIG_CHECK(each_line(client, "POST", path, body, name, take, limit));
  if (outcome.is_null())
    return Error{Code::unavailable, name + " broke off; " + report.of + " goes on, " + report.look, "cli",
                 true};
  return outcome;
}

}  // namespace brig::cli
