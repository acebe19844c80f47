#include <unistd.h>

#include "core/log.hpp"
#include "core/text.hpp"
#include "image/progress.hpp"
#include "image/state.hpp"

namespace brig::image {
namespace {

constexpr std::uint64_t kMaxContext = std::uint64_t{1} << 30;
constexpr std::uint64_t kMaxBase = std::uint64_t{4} << 30;
constexpr Millis kPullDeadline = std::chrono::minutes(15);

ImageInfo to_info(const std::string& name, const std::string& tag, const docker::ImageInfo& image) {
  ImageInfo info;
  info.provider = ProviderId(name);
  info.tag = tag;
  info.built = true;
  info.id = image.id;
  info.size = image.size;
  info.created = image.created;
  return info;
}

}  // namespace

net::Task<Result<ImageInfo>> EngineImages::State::look_at(std::string name, std::string tag) {
  BRIG_CO_TRY(auto image, co_await engine.images().inspect(tag));
  co_return to_info(name, tag, image);
}

std::map<std::string, std::string> EngineImages::State::host_environment() const {
  std::map<std::string, std::string> env;
  for (auto name :
       {"PATH", "HOME", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
        "npm_config_registry", "NPM_CONFIG_REGISTRY", "NPM_CONFIG_USERCONFIG", "SSL_CERT_FILE"})
    if (const char* value = ::getenv(name)) env.emplace(name, value);
  env.emplace("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  env.emplace("HOME", "/root");
  env["LC_ALL"] = "C.UTF-8";
  if (!options.ca_bundle.empty()) env["NODE_EXTRA_CA_CERTS"] = options.ca_bundle.native();
  return env;
}

// A program of images/base. It and all it starts are gone when the source is.
Result<std::unique_ptr<ProgramSource>> EngineImages::State::start_program(std::shared_ptr<Build> build,
                                                                          const std::string& program,
                                                                          std::vector<std::string> args,
                                                                          std::uint64_t max) {
  process::Command command;
  command.program = options.images_dir / "base" / program;
  command.args = std::move(args);
  command.env = host_environment();
  command.env["TMPDIR"] = build->work.native();
  command.cwd = options.images_dir;
  command.contained = true;
  command.deadline = Deadline::in(options.build_deadline);
  std::weak_ptr<Build> weak = build;
  command.on_errors = [weak, program, lines = std::make_shared<Lines>()](std::string_view bytes) {
    auto strong = weak.lock();
    for (const auto& line : lines->feed(bytes))
      if (strong) strong->report({"base: " + printable(line, 200), line + "\n", {}});
  };
  BRIG_TRY(auto process, process::Process::start(scope.executor(), std::move(command)));
  return std::make_unique<ProgramSource>("images/base/" + program, std::move(process), max);
}

net::Task<Result<ImageInfo>> EngineImages::State::make(std::shared_ptr<Build> build) {
  if (build->name == kBase) co_return co_await make_base(build);
  co_return co_await make_image(build);
}

net::Task<Result<ImageInfo>> EngineImages::State::make_base(std::shared_ptr<Build> build) {
  bool pulled = false;
  if (!options.base.empty()) {
    auto result = co_await pull_base(build);
    pulled = result.ok();
    if (!result) {
      BRIG_CO_CHECK(co_await engine.system().ping());  // a registry is missing, not the engine?
      log::info("the base image cannot be pulled and is bootstrapped",
                {{"image", options.base}, {"why", result.error()}});
      build->report({options.base + " cannot be pulled; making the base from this host's apt configuration",
                     result.error().message + "\n",
                     {}});
    }
  }
  if (!pulled) BRIG_CO_CHECK(co_await bootstrap_base(build));
  co_return co_await look_at(kBase, kBaseTag);
}

// Of a provider whose image somebody else makes.
net::Task<Result<ImageInfo>> EngineImages::State::pull_image(std::shared_ptr<Build> build,
                                                             std::string image) {
  if (image.empty())
    co_return Error{Code::unsupported,
                    "provider " + quoted(build->name) + " declares no sandbox, so it has no image", "image",
                    false};
  docker::PullOptions pull;
  pull.image = image;
  docker::ProgressSink sink = [build, image](const docker::Progress& progress) {
    build->report(from_pull(image, progress));
  };
  build->report({"pulling " + image, {}, 0.0});
  auto deadline = Deadline::in(kPullDeadline);
  BRIG_CO_CHECK(co_await engine.images().pull(std::move(pull), std::move(sink), deadline));
  co_return co_await look_at(build->name, image);
}

net::Task<Result<void>> EngineImages::State::pull_base(std::shared_ptr<Build> build) {
  docker::PullOptions pull;
  pull.image = options.base;
  docker::ProgressSink sink = [build, image = options.base](const docker::Progress& progress) {
    build->report(from_pull(image, progress));
  };
  build->report({"pulling " + options.base, {}, 0.0});
  auto deadline = Deadline::in(kPullDeadline);
  BRIG_CO_CHECK(co_await engine.images().pull(std::move(pull), std::move(sink), deadline));
  co_return co_await engine.images().tag(options.base, kBaseRepository, kBaseVersion);
}

net::Task<Result<void>> EngineImages::State::bootstrap_base(std::shared_ptr<Build> build) {
  build->report({"making the base from this host's apt configuration", {}, 0.0});
  BRIG_CO_TRY(auto tar, start_program(build, "bootstrap", {}, kMaxBase));
  docker::ImportOptions import;
  import.repository = kBaseRepository;
  import.tag = kBaseVersion;
  import.message = "made by images/base/bootstrap";
  import.changes = {"CMD [\"/bin/bash\"]", "LABEL " + std::string(kLabelImageProvider) + "=" + kBase};
  docker::ProgressSink none;
  auto deadline = Deadline::in(options.build_deadline);
  auto imported = co_await engine.images().import(std::move(import), *tar, none, deadline);
  if (!imported) {
    if (tar->error()) co_return Error(*tar->error());
    co_return imported.error();
  }
  co_return Result<void>();
}

net::Task<Result<void>> EngineImages::State::need_base(std::shared_ptr<Build> build) {
  auto base = co_await engine.images().inspect(kBaseTag);
  if (base) co_return Result<void>();
  if (base.error().code != Code::not_found) co_return base.error();
  std::weak_ptr<Build> weak = build;
  ProgressSink sink = [weak](const Progress& progress) {
    if (auto strong = weak.lock()) strong->report(progress);
  };
  auto made = co_await join_build(kBase, false, std::move(sink));
  if (!made) co_return made.error();
  co_return Result<void>();
}

net::Task<Result<ImageInfo>> EngineImages::State::make_image(std::shared_ptr<Build> build) {
  BRIG_CO_TRY(const Entry* found, catalog.find(build->name));
  const Entry entry = *found;
  const auto& tag = entry.provider.image;
  if (entry.folder.empty()) co_return co_await pull_image(build, tag);
  BRIG_CO_CHECK(co_await need_base(build));
  auto hash = [folder = entry.folder, dir = options.images_dir] { return hash_source(folder, dir); };
  BRIG_CO_TRY(auto source_hash, co_await blocking.run(std::move(hash)));

  build->report({"preparing the build of " + entry.provider.title, {}, 0.0});
  std::vector<std::string> args{entry.folder.native()};
  if (options.no_authorities)
    args.push_back("--no-ca");
  else if (!options.ca_bundle.empty())
    args.insert(args.end(), {"--ca", options.ca_bundle.native()});
  BRIG_CO_TRY(auto context, start_program(build, "context", std::move(args), kMaxContext));

  docker::BuildOptions recipe;
  recipe.tags = {tag};
  recipe.network_mode = options.build_network == "default" ? "" : options.build_network;
  recipe.no_cache = build->no_cache;
  recipe.labels = {{kLabelImageProvider, build->name},
                   {kLabelImageSource, source_hash},
                   {kLabelImageInstallation, options.installation}};
  docker::ProgressSink sink = [build](const docker::Progress& progress) {
    build->report(from_builder(progress));
  };
  auto deadline = Deadline::in(options.build_deadline);
  auto built = co_await engine.images().build(std::move(recipe), *context, std::move(sink), deadline);
  if (!built) {
    if (context->error()) co_return Error(*context->error());
    auto error = built.error();
    error.message = "building the image of " + quoted(build->name) + " failed: " + error.message;
    co_return error;
  }
  BRIG_CO_TRY(auto info, co_await look_at(build->name, tag));
  build->report({"built " + tag, {}, 1.0});
  co_return info;
}

}  // namespace brig::image
