#include "cli/commands/build.hpp"

#include <nlohmann/json.hpp>

#include "cli/commands/common.hpp"
#include "cli/progress.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

constexpr std::size_t kMaxLine = 1024 * 1024;

// One line of the builder's report.
Result<void> take_line(std::string_view line, ProgressLine& progress, std::string& tail,
                       nlohmann::json& image) {
  auto json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object())
    return Error{Code::protocol, "brigd's report of the build is not JSON", "cli", false};
  if (auto at = json.find("progress"); at != json.end() && at->is_object()) {
    std::optional<double> fraction;
    if (auto f = at->find("fraction"); f != at->end() && f->is_number()) fraction = f->get<double>();
    if (auto log = text_of(*at, "log"); !log.empty()) {
      // Shown only if the build fails: the last screenful says why.
      tail += log;
      if (!tail.ends_with('\n')) tail += '\n';
      if (tail.size() > 8192) tail.erase(0, tail.size() - 4096);
    }
    progress.update(text_of(*at, "step"), fraction);
  } else if (auto done = json.find("done"); done != json.end()) {
    image = *done;
  } else if (auto failed = json.find("error"); failed != json.end()) {
    progress.log(tail);
    return problem_to_error(500, failed->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  return {};
}

}  // namespace

Result<bool> image_is_missing(Client& client, const std::string& provider) {
  BRIG_TRY(auto images, client.call("GET", "/v1/images"));
  for (const auto& image : list_of(images, "images")) {
    if (text_of(image, "provider") != provider) continue;
    auto built = image.find("built");
    return built != image.end() && built->is_boolean() && !built->get<bool>();
  }
  return false;
}

Result<nlohmann::json> build_image(Context& context, const std::string& provider, bool no_cache) {
  BRIG_TRY(Client * client, context.client());
  nlohmann::json body = nlohmann::json::object();
  if (no_cache) body["no_cache"] = true;
  ProgressLine progress(context.err());
  progress.update("building " + provider, std::nullopt);
  std::string pending;
  std::string tail;
  nlohmann::json image;
  Result<void> told;
  auto take = [&](std::string_view part) {
    pending += part;
    for (auto end = pending.find('\n'); end != std::string::npos && told; end = pending.find('\n')) {
      if (end > 0) told = take_line(std::string_view(pending).substr(0, end), progress, tail, image);
      pending.erase(0, end + 1);
    }
    if (pending.size() > kMaxLine)
      told = Error{Code::protocol, "brigd's report of the build has an endless line", "cli", false};
    return told.ok();
  };
  auto streamed = client->stream("POST", "/v1/images/" + percent_encode(provider) + "/build", body, take);
  progress.finish();
  BRIG_CHECK(told);
  BRIG_CHECK(streamed);
  if (image.is_null()) {
    return Error{
        Code::unavailable,
        "brigd's report of the build broke off; the build goes on, 'brig image ls' shows how it ended", "cli",
        true};
  }
  return image;
}

}  // namespace brig::cli
