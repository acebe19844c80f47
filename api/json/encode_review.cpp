// What a session changed, as JSON.
#include <array>
#include <nlohmann/json.hpp>

#include "api/json/encode.hpp"
#include "core/text.hpp"
#include "review/names.hpp"

namespace brig::api {
namespace {

using nlohmann::json;

json encode_side(const review::Side& side) {
  std::array<char, 8> mode;
  auto n = std::snprintf(mode.data(), mode.size(), "%04o", static_cast<unsigned>(side.mode & 07777));
  json out{{"kind", review::kind_of(side.mode)},
           {"mode", std::string(mode.data(), static_cast<std::size_t>(n))}};
  if (side.is_file() || side.is_link()) out["size"] = side.size;
  return out;
}

}  // namespace

json encode(const review::Change& change) {
  json out{{"path", review::spelled(change.path)},
           {"kind", review::to_string(change.kind)},
           {"content", change.content_differs}};
  if (!change.from.empty()) out["from"] = review::spelled(change.from);
  if (change.before.exists()) out["before"] = encode_side(change.before);
  if (change.after.exists()) out["after"] = encode_side(change.after);
  if (!change.trouble.empty()) out["trouble"] = change.trouble;
  return out;
}

json encode(const review::Concern& concern) {
  json out{{"path", review::spelled(concern.path)}, {"reason", printable(concern.reason, 1024)}};
  if (concern.never) out["never"] = true;
  return out;
}

}  // namespace brig::api
