// Which volumes are meant, as text: in a query or in a body.
#include "api/json/volume_filter.hpp"

#include "core/names.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::api {
namespace {

using Take = std::function<std::optional<std::string>(const char* key)>;
using Refuse = std::function<void(std::string key, std::string message)>;

session::VolumeFilter read(const Take& take, const Refuse& refuse) {
  session::VolumeFilter out;
  if (auto mesh = take("mesh")) {
    auto good = check_name("mesh", *mesh);
    if (!good) refuse("mesh", good.error().message);
    out.mesh = *mesh;
  }
  out.provider = take("provider").value_or("");
  out.identity = take("identity").value_or("");
  out.owner = take("owner").value_or("");
  if (auto kind = take("kind")) {
    if (*kind != "shared" && *kind != "config")
      refuse("kind", "kind must be shared or config, not " + brig::quoted(*kind));
    out.kind = *kind;
  }
  if (auto text = take("unused_for")) {
    auto duration = parse_duration(*text);
    if (duration)
      out.unused_for = *duration;
    else
      refuse("unused_for", "unused_for: " + duration.error().message);
  }
  if (auto text = take("larger")) {
    auto size = parse_size(*text);
    if (size)
      out.larger = *size;
    else
      refuse("larger", "larger: " + size.error().message);
  }
  return out;
}

}  // namespace

session::VolumeFilter query_volumes(const Request& request, std::optional<Failure>& failure) {
  auto take = [&](const char* key) {
    const auto* value = request.parameter(key);
    return value ? std::optional(*value) : std::nullopt;
  };
  auto refuse = [&](std::string key, std::string message) {
    if (!failure)
      failure = Failure{Error{Code::invalid, std::move(message), "query", false}, 0, std::move(key), {}};
  };
  auto out = read(take, refuse);
  out.orphan = query_flag(request, "orphan", failure);
  out.quarantined = query_flag(request, "quarantined", failure);
  return out;
}

session::VolumeOrder query_order(const Request& request, std::optional<Failure>& failure) {
  const auto* word = request.parameter("sort");
  if (!word || *word == "name") return session::VolumeOrder::name;
  if (*word == "size") return session::VolumeOrder::size;
  if (*word == "used") return session::VolumeOrder::used;
  if (!failure)
    failure = Failure{
        Error{Code::invalid, "sort must be name, size or used, not " + brig::quoted(*word), "query", false},
        0,
        "sort",
        {}};
  return session::VolumeOrder::name;
}

session::VolumeFilter read_volume_filter(Object& object) {
  auto take = [&](const char* key) { return object.text(key, {.max = 256}); };
  auto refuse = [&](std::string key, std::string message) { object.fail(key, std::move(message)); };
  auto out = read(take, refuse);
  out.orphan = object.flag("orphan").value_or(false);
  return out;
}

}  // namespace brig::api
