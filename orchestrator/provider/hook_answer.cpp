#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "core/base64.hpp"
#include "core/text.hpp"
#include "image/provider_file.hpp"
#include "provider/hooks.hpp"
#include "volume/volumes.hpp"

namespace brig::provider {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxExtra = 32;
constexpr std::size_t kMaxCleanup = 64 << 10;

Error invalid(std::string message) {
  return Error{Code::invalid, std::move(message), "hook", false};
}

Result<void> only(const json& object, std::initializer_list<std::string_view> known, std::string_view where) {
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::vector<std::string_view> words(known);
    return invalid(std::string(where) + " has the unknown key " + quoted(key) + did_you_mean(key, words));
  }
  return {};
}

Result<std::optional<std::string>> text_in(const json& object, const char* key, const std::string& where) {
  auto it = object.find(key);
  if (it == object.end()) return std::optional<std::string>();
  if (!it->is_string()) return invalid(where + "." + key + " must be text");
  return std::optional<std::string>(it->get<std::string>());
}

Result<void> read_content(const json& item, const std::string& where, Extra& out) {
  BRIG_TRY(auto volume, text_in(item, "volumeName", where));
  BRIG_TRY(auto content, text_in(item, "content", where));
  BRIG_TRY(auto encoded, text_in(item, "contentBase64", where));
  if (volume.has_value() + content.has_value() + encoded.has_value() != 1)
    return invalid(where + " must have one of volumeName, content and contentBase64");
  if (volume) {
    BRIG_CHECK(volume::check_volume_name(where + ".volumeName", *volume));
    out.volume = *volume;
  } else if (content) {
    out.content = Secret(*content);
  } else {
    auto bytes = decode_base64(*encoded);
    if (!bytes) return invalid(where + ".contentBase64 is not base64");
    out.content = Secret(*bytes);
  }
  return {};
}

Result<Extra> read_extra(const json& item, const std::string& where) {
  if (!item.is_object()) return invalid(where + " must be an object");
  BRIG_CHECK(
      only(item, {"volumeName", "content", "contentBase64", "containerPath", "readOnly", "mode"}, where));
  Extra out;
  BRIG_CHECK(read_content(item, where, out));
  BRIG_TRY(auto path, text_in(item, "containerPath", where));
  out.path = path.value_or("");
  BRIG_CHECK(image::check_config_path(where + ".containerPath", out.path));
  if (auto it = item.find("readOnly"); it != item.end()) {
    if (!it->is_boolean()) return invalid(where + ".readOnly must be true or false");
    out.read_only = it->get<bool>();
  }
  BRIG_TRY(auto mode, text_in(item, "mode", where));
  if (mode) {
    auto [end, error] = std::from_chars(mode->data(), mode->data() + mode->size(), out.mode, 8);
    if (error != std::errc() || end != mode->data() + mode->size() || out.mode > 0777)
      return invalid(where + ".mode " + quoted(*mode) + " must be octal, from 0000 to 0777");
  }
  return out;
}

}  // namespace

Result<HookAnswer> parse_answer(std::string_view text) {
  auto answer = json::parse(text, nullptr, false);
  if (!answer.is_object())
    return invalid("it printed " + (text.empty() ? std::string("nothing") : quoted(text, 60)) +
                   " where an object such as {\"extraMounts\": []} is wanted");
  BRIG_CHECK(only(answer, {"extraMounts", "cleanup"}, "its answer"));
  HookAnswer out;
  auto mounts = answer.value("extraMounts", json::array());
  if (!mounts.is_array() || mounts.size() > kMaxExtra)
    return invalid("extraMounts must be a list of at most 32 mounts");
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    BRIG_TRY(auto extra, read_extra(mounts[i], "extraMounts[" + std::to_string(i) + "]"));
    out.extra.push_back(std::move(extra));
  }
  if (auto it = answer.find("cleanup"); it != answer.end()) {
    out.cleanup = it->dump(-1, ' ', false, json::error_handler_t::replace);
    if (out.cleanup->size() > kMaxCleanup) return invalid("cleanup is larger than 64 KiB");
  }
  return out;
}

}  // namespace brig::provider
