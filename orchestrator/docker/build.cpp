#include "core/base64.hpp"
#include "core/text.hpp"
#include "docker/errors.hpp"
#include "docker/groups.hpp"
#include "docker/progress.hpp"
#include "docker/request.hpp"

namespace brig::docker {
namespace {

std::string build_path(const BuildOptions& options) {
  Query query("/build");
  query.add("version", "1");  // the engine's own builder: BuildKit would want a session back to us
  for (const auto& tag : options.tags) query.add("t", tag);
  query.some("dockerfile", options.dockerfile)
      .some("target", options.target)
      .some("networkmode", options.network_mode)
      .some("platform", options.platform)
      .flag("pull", options.pull)
      .flag("nocache", options.no_cache)
      .flag("rm", true)
      .flag("forcerm", true);
  if (!options.args.empty()) query.add("buildargs", dump(Json(options.args)));
  if (!options.labels.empty()) query.add("labels", dump(Json(options.labels)));
  for (const auto& host : options.extra_hosts) query.add("extrahosts", host);
  if (options.memory != 0)
    query.add("memory", std::to_string(options.memory)).add("memswap", std::to_string(options.memory));
  return std::move(query).str();
}

// {"registry": {"username": …, "password": …}}
std::string encode_auths(const std::map<std::string, RegistryAuth>& auths) {
  Json json = Json::object();
  for (const auto& [registry, auth] : auths) {
    auto one = decode_base64(encode_auth(auth));
    json[registry] = Json::parse(one.value_or("{}"), nullptr, false);
    if (one) explicit_bzero(one->data(), one->size());
  }
  std::string text = dump(json);
  std::string out = base64url(text);
  explicit_bzero(text.data(), text.size());
  return out;
}

}  // namespace

net::Task<Result<ImageId>> run_build(Transport& transport, BuildOptions options, Source& tar,
                                     ProgressSink progress, Deadline deadline) {
  for (const auto& tag : options.tags) BRIG_CO_CHECK(check_image_ref(tag));
  std::string what = "build image " + quoted(options.tags.empty() ? "" : options.tags.front(), 160);
  Call call{"POST", build_path(options), what, deadline};
  call.content_type = "application/x-tar";
  if (!options.auth.empty()) call.headers.push_back("X-Registry-Config: " + encode_auths(options.auth));
  ProgressReader reader(what, std::move(progress));
  ProgressBody body(reader);
  auto uploaded = co_await transport.upload(std::move(call), tar, body);
  if (!uploaded) co_return std::move(uploaded).error();
  BRIG_CO_CHECK(reader.result());
  if (reader.image_id().empty()) co_return nonsense("it names no image", what);
  co_return ImageId(reader.image_id());
}

}  // namespace brig::docker
