#include "docker/images.hpp"

#include "core/base64.hpp"
#include "core/text.hpp"
#include "docker/errors.hpp"
#include "docker/groups.hpp"
#include "docker/progress.hpp"
#include "docker/request.hpp"

namespace brig::docker {
namespace {

std::vector<std::string> without_none(std::vector<std::string> names) {
  std::erase_if(names, [](const std::string& n) { return n.starts_with("<none>"); });
  return names;
}

Result<ImageInfo> info_of(std::string body) {
  BRIG_TRY(Json json, parse(body, "inspect image"));
  ImageInfo out;
  out.id = ImageId(text_at(json, "Id"));
  if (out.id.empty()) return nonsense("it has no Id", "inspect image");
  out.tags = without_none(texts_at(json, "RepoTags"));
  out.digests = without_none(texts_at(json, "RepoDigests"));
  out.os = text_at(json, "Os");
  out.architecture = text_at(json, "Architecture");
  out.size = size_at(json, "Size");
  out.created = time_at(json, "Created");
  const Json& config = at(json, "Config");
  out.config.user = text_at(config, "User");
  out.config.working_dir = text_at(config, "WorkingDir");
  out.config.stop_signal = text_at(config, "StopSignal");
  out.config.env = texts_at(config, "Env");
  out.config.entrypoint = texts_at(config, "Entrypoint");
  out.config.cmd = texts_at(config, "Cmd");
  out.config.volumes = keys_at(config, "Volumes");
  out.config.exposed_ports = keys_at(config, "ExposedPorts");
  out.config.has_healthcheck = at(config, "Healthcheck").is_object();
  out.config.labels = map_at(config, "Labels");
  out.raw = std::move(body);
  return out;
}

ImageSummary summary_of(const Json& json) {
  return {ImageId(text_at(json, "Id")), without_none(texts_at(json, "RepoTags")), size_at(json, "Size"),
          unix_time_at(json, "Created"), map_at(json, "Labels")};
}

// "registry:5000/name:tag" → name and tag; with a digest, all is name.
std::pair<std::string, std::string> split_tag(const std::string& image) {
  if (image.find('@') != image.npos) return {image, ""};
  auto colon = image.rfind(':');
  auto slash = image.rfind('/');
  if (colon == image.npos || (slash != image.npos && colon < slash)) return {image, "latest"};
  return {image.substr(0, colon), image.substr(colon + 1)};
}

class ImagesGroup final : public Images {
 public:
  explicit ImagesGroup(Transport& transport) : transport_(transport) {}

  net::Task<Result<ImageInfo>> inspect(std::string ref, Deadline deadline) override {
    BRIG_CO_CHECK(check_image_ref(ref));
    Call call{"GET", "/images/" + ref + "/json", "inspect image " + quoted(ref, 160), deadline};
    auto reply = co_await transport_.call(std::move(call));
    if (!reply) co_return std::move(reply).error();
    co_return info_of(std::move(reply->body));
  }

  net::Task<Result<std::vector<ImageSummary>>> list(ImageFilter filter, Deadline deadline) override {
    std::map<std::string, std::vector<std::string>> filters{{"label", filter.labels},
                                                            {"reference", filter.references}};
    if (filter.dangling) filters["dangling"] = {*filter.dangling ? "true" : "false"};
    Query query("/images/json");
    query.flag("all", filter.all).filters(filters);
    Call call{"GET", std::move(query).str(), "list images", deadline};
    call.limit = kListLimit;
    auto reply = co_await transport_.call(std::move(call));
    if (!reply) co_return std::move(reply).error();
    auto json = parse(reply->body, "list images");
    if (!json) co_return std::move(json).error();
    if (!json->is_array()) co_return nonsense("it is no list", "list images");
    std::vector<ImageSummary> out;
    for (const Json& item : *json) {
      if (auto summary = summary_of(item); !summary.id.empty()) out.push_back(std::move(summary));
    }
    co_return out;
  }

  net::Task<Result<void>> pull(PullOptions options, ProgressSink progress, Deadline deadline) override {
    BRIG_CO_CHECK(check_image_ref(options.image));
    auto [name, tag] = split_tag(options.image);
    Query query("/images/create");
    query.add("fromImage", name).some("tag", tag).some("platform", options.platform);
    std::string what = "pull image " + quoted(options.image, 160);
    Call call{"POST", std::move(query).str(), what, deadline};
    if (options.auth) call.headers.push_back("X-Registry-Auth: " + encode_auth(*options.auth));
    auto opened = co_await transport_.open(std::move(call), deadline);
    if (!opened) co_return std::move(opened).error();
    Transfer transfer = std::move(opened).value();
    ProgressReader reader(what, std::move(progress));
    std::string piece;
    while (true) {
      auto more = co_await transfer->read(piece);
      if (!more) co_return std::move(more).error();
      if (!*more) co_return reader.result();
      BRIG_CO_CHECK(reader.feed(piece));
    }
  }

  net::Task<Result<ImageId>> import(ImportOptions options, Source& tar, ProgressSink progress,
                                    Deadline deadline) override {
    Query query("/images/create");
    query.add("fromSrc", "-").some("repo", options.repository).some("message", options.message);
    if (!options.repository.empty()) query.some("tag", options.tag);
    for (const auto& change : options.changes) query.add("changes", change);
    query.some("platform", options.platform);
    std::string what = "import image " + quoted(options.repository, 160);
    Call call{"POST", std::move(query).str(), what, deadline};
    call.content_type = "application/x-tar";
    ProgressReader reader(what, std::move(progress));
    ProgressBody body(reader);
    auto uploaded = co_await transport_.upload(std::move(call), tar, body);
    if (!uploaded) co_return std::move(uploaded).error();
    BRIG_CO_CHECK(reader.result());
    if (!reader.last_status().starts_with("sha256:")) co_return nonsense("it names no image", what);
    co_return ImageId(reader.last_status());
  }

  net::Task<Result<ImageId>> build(BuildOptions options, Source& tar, ProgressSink progress,
                                   Deadline deadline) override {
    return run_build(transport_, std::move(options), tar, std::move(progress), deadline);
  }

  net::Task<Result<void>> tag(std::string ref, std::string repository, std::string tag,
                              Deadline deadline) override {
    BRIG_CO_CHECK(check_image_ref(ref));
    Query query("/images/" + ref + "/tag");
    query.add("repo", repository).some("tag", tag);
    Call call{"POST", std::move(query).str(), "tag image " + quoted(ref, 160), deadline};
    auto reply = co_await transport_.call(std::move(call));
    if (!reply) co_return std::move(reply).error();
    co_return Result<void>{};
  }

  net::Task<Result<ImageRemoved>> remove(std::string ref, RemoveOptions options, Deadline deadline) override {
    BRIG_CO_CHECK(check_image_ref(ref));
    Query query("/images/" + ref);
    query.flag("force", options.force).flag("noprune", !options.prune_parents);
    Call call{"DELETE", std::move(query).str(), "remove image " + quoted(ref, 160), deadline};
    auto reply = co_await transport_.call(std::move(call));
    if (!reply) co_return std::move(reply).error();
    auto json = parse(reply->body, "remove image");
    if (!json) co_return std::move(json).error();
    ImageRemoved out;
    if (json->is_array()) {
      for (const Json& item : *json) {
        if (auto name = text_at(item, "Untagged"); !name.empty()) out.untagged.push_back(std::move(name));
        if (auto id = text_at(item, "Deleted"); !id.empty()) out.deleted.push_back(std::move(id));
      }
    }
    co_return out;
  }

 private:
  Transport& transport_;
};

}  // namespace

net::Task<Result<void>> ProgressBody::write(std::span<const std::byte> bytes) {
  co_return reader_.feed({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::string encode_auth(const RegistryAuth& auth) {
  Json json = Json::object();
  if (!auth.server.empty()) json["serveraddress"] = auth.server;
  if (!auth.identity_token.empty()) {
    json["identitytoken"] = auth.identity_token.reveal();
  } else {
    json["username"] = auth.user;
    json["password"] = auth.password.reveal();
  }
  std::string text = dump(json);
  std::string out = base64url(text);
  explicit_bzero(text.data(), text.size());
  return out;
}

std::unique_ptr<Images> make_images(Transport& transport) {
  return std::make_unique<ImagesGroup>(transport);
}

}  // namespace brig::docker
