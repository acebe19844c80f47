#include "cli/commands/build.hpp"

#include <nlohmann/json.hpp>

#include "cli/client/report.hpp"
#include "cli/commands/common.hpp"
#include "cli/progress.hpp"

namespace brig::cli {
namespace {

constexpr std::size_t kTail = 4096;  // of the builder's log: the last screenful says why it failed

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
  std::string tail;
  auto line = [&](const nlohmann::json& told) {
    if (auto at = told.find("progress"); at != told.end() && at->is_object()) {
      std::optional<double> fraction;
      if (auto f = at->find("fraction"); f != at->end() && f->is_number()) fraction = f->get<double>();
      if (auto log = text_of(*at, "log"); !log.empty()) {
        tail += log;
        if (!tail.ends_with('\n')) tail += '\n';
        if (tail.size() > 2 * kTail) tail.erase(0, tail.size() - kTail);
      }
      progress.update(text_of(*at, "step"), fraction);
    }
    if (told.contains("error")) progress.log(tail);
  };
  auto path = "/v1/images/" + percent_encode(provider) + "/build";
  return follow(*client, path, body, {"the build", "'brig image ls' shows how it ended"}, line);
}

}  // namespace brig::cli
