#include "core/names.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace brig {
namespace {

bool alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_hex_id(std::string_view value) {
  return value.size() == 16 && std::all_of(value.begin(), value.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Error refuse(std::string_view field, std::string_view value, std::string_view rule) {
  return {Code::invalid, std::string(field) + " " + quoted(value) + " is not allowed; " + std::string(rule),
          "names", false};
}

}  // namespace

Result<void> check_name(std::string_view field, std::string_view value) {
  bool good =
      !value.empty() && value.size() <= 64 && alnum(value[0]) &&
      std::all_of(value.begin(), value.end(), [](char c) { return alnum(c) || c == '-' || c == '_'; });
  if (good) return {};
  return refuse(field, value, "use a letter or digit, then up to 63 letters, digits, '-' or '_'");
}

Result<void> check_label_key(std::string_view field, std::string_view value) {
  bool good = !value.empty() && value.size() <= 128 && alnum(value[0]) && alnum(value.back()) &&
              std::all_of(value.begin(), value.end(),
                          [](char c) { return alnum(c) || c == '-' || c == '_' || c == '.' || c == '/'; });
  if (good) return {};
  return refuse(
      field, value,
      "use up to 128 letters, digits, '-', '_', '.' or '/', beginning and ending with a letter or digit");
}

bool is_session_id(std::string_view value) {
  return is_hex_id(value);
}

bool is_layer_id(std::string_view value) {
  return is_hex_id(value);
}

Result<void> check_env_name(std::string_view field, std::string_view value) {
  bool good = !value.empty() && value.size() <= 256 && !(value[0] >= '0' && value[0] <= '9') &&
              std::all_of(value.begin(), value.end(), [](char c) { return alnum(c) || c == '_'; });
  if (good) return {};
  return refuse(field, value, "use a letter or '_', then letters, digits and '_'");
}

}  // namespace brig
