#include "docker/volumes.hpp"

#include "core/text.hpp"
#include "docker/errors.hpp"
#include "docker/groups.hpp"
#include "docker/json.hpp"
#include "docker/request.hpp"

namespace brig::docker {
namespace {

Result<VolumeInfo> info_of(const Json& json, std::string_view what) {
  VolumeInfo out{text_at(json, "Name"),      text_at(json, "Driver"), text_at(json, "Mountpoint"),
                 time_at(json, "CreatedAt"), map_at(json, "Labels"),  map_at(json, "Options")};
  if (out.name.empty()) return nonsense("it has no Name", what);
  return out;
}

Result<VolumeInfo> info_of_body(std::string_view body, std::string_view what) {
  BRIG_TRY(Json json, parse(body, what));
  return info_of(json, what);
}

class VolumesGroup final : public Volumes {
 public:
  explicit VolumesGroup(Transport& transport) : transport_(transport) {}

  net::Task<Result<VolumeInfo>> create(VolumeOptions options, Deadline deadline) override {
    if (!options.name.empty()) BRIG_CO_CHECK(check_ref("volume", options.name));
    Json body{{"Name", options.name},
              {"Driver", options.driver},
              {"DriverOpts", options.driver_options},
              {"Labels", options.labels}};
    Call call{"POST", "/volumes/create", "create volume " + quoted(options.name), deadline, dump(body)};
    auto reply = co_await transport_.call(std::move(call));
    if (!reply) co_return std::move(reply).error();
    auto info = info_of_body(reply->body, "create volume");
    // Of a volume that it has had since before its own last start, an engine answers without labels and
    // options.
    if (info && info->labels.empty() && !options.labels.empty())
      co_return co_await inspect(std::move(info->name), deadline);
    co_return info;
  }

  net::Task<Result<VolumeInfo>> inspect(std::string name, Deadline deadline) override {
    BRIG_CO_CHECK(check_ref("volume", name));
    Call call{"GET", "/volumes/" + name, "inspect volume " + quoted(name), deadline};
    auto reply = co_await transport_.call(std::move(call));
    if (!reply) co_return std::move(reply).error();
    co_return info_of_body(reply->body, "inspect volume");
  }

  net::Task<Result<std::vector<VolumeInfo>>> list(VolumeFilter filter, Deadline deadline) override {
    std::map<std::string, std::vector<std::string>> filters{{"label", filter.labels}, {"name", filter.names}};
    if (filter.dangling) filters["dangling"] = {*filter.dangling ? "true" : "false"};
    Query query("/volumes");
    query.filters(filters);
    Call call{"GET", std::move(query).str(), "list volumes", deadline};
    call.limit = kListLimit;
    auto reply = co_await transport_.call(std::move(call));
    if (!reply) co_return std::move(reply).error();
    auto json = parse(reply->body, "list volumes");
    if (!json) co_return std::move(json).error();
    const Json& all = at(*json, "Volumes");
    if (!json->is_object() || !(all.is_array() || all.is_null()))
      co_return nonsense("it is no list", "list volumes");
    std::vector<VolumeInfo> out;
    for (const Json& item : all) {
      if (auto info = info_of(item, "list volumes")) out.push_back(std::move(info).value());
    }
    co_return out;
  }

  net::Task<Result<void>> remove(std::string name, bool force, Deadline deadline) override {
    BRIG_CO_CHECK(check_ref("volume", name));
    Query query("/volumes/" + name);
    query.flag("force", force);
    Call call{"DELETE", std::move(query).str(), "remove volume " + quoted(name), deadline};
    auto reply = co_await transport_.call(std::move(call));
    if (!reply) co_return std::move(reply).error();
    co_return Result<void>{};
  }

 private:
  Transport& transport_;
};

}  // namespace

std::unique_ptr<Volumes> make_volumes(Transport& transport) {
  return std::make_unique<VolumesGroup>(transport);
}

}  // namespace brig::docker
