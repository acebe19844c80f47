#include "image/npm.hpp"

#include <nlohmann/json.hpp>

#include "image/lock.hpp"

namespace brig::image {

std::optional<std::string> newest_version(std::string_view answer) {
  auto json = nlohmann::json::parse(answer, nullptr, false);
  std::string newest;
  auto consider = [&](const nlohmann::json& value) {
    if (!value.is_string()) return;
    const auto& version = value.get_ref<const std::string&>();
    if (version.size() > 128) return;
    if (newest.empty() || is_newer(version, newest)) newest = version;
  };
  if (json.is_array())
    for (const auto& value : json) consider(value);
  else
    consider(json);
  if (newest.empty()) return {};
  return newest;
}

}  // namespace brig::image
