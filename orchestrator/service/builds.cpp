#include "service/builds.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/random.hpp"
#include "core/text.hpp"
#include "service/bridge.hpp"
#include "service/registry.hpp"
#include "service/spec.hpp"
#include "volume/files.hpp"
#include "workspace/layers.hpp"

namespace brig::service {
namespace {

constexpr Millis kBuildWithin = std::chrono::minutes(10);
constexpr std::uint64_t kBuildDisk = std::uint64_t{2} << 30;
constexpr std::uint64_t kBuildMemory = std::uint64_t{1} << 30;

// $1 what npm is to install, then the packages whose install scripts may run.
constexpr const char* kNpmScript = R"sh(
set -e
mkdir "$FOLDER"; cd "$FOLDER"
echo '{"private":true}' > package.json
npm install --ignore-scripts --omit=dev -- "$1"
shift
[ $# = 0 ] || npm rebuild --ignore-scripts=false -- "$@"
rm -rf /workspace/.npm
)sh";

// Our bridge comes on standard input.
constexpr const char* kBridgeScript = R"sh(
set -e
mkdir "$FOLDER"; cd "$FOLDER"
cat > index.mjs
echo '{"type":"module","main":"index.mjs"}' > package.json
)sh";

// What it needs is in npm's registry.
bool of_npm(Runtime runtime) {
  return runtime == Runtime::node || runtime == Runtime::bun;
}

void set(std::vector<session::EnvVar>& env, const char* name, std::string_view value) {
  env.push_back({name, Secret(value)});
}

}  // namespace

// What lies at $FROM, seen through an overlay: what is copied lies in our layer, the rest does not.
const char* const Builds::kCopyScript = R"sh(
set -e
mkdir "$FOLDER"
cd "$FROM"
for entry in * .[!.]* ..?*; do
  [ -e "$entry" ] || [ -L "$entry" ] || continue
  [ "$PWD/$entry" = "/workspace/$FOLDER" ] || cp -R -P --preserve=mode,timestamps -- "$entry" "/workspace/$FOLDER/"
done
cd "/workspace/$FOLDER"
if [ "$RUNTIME" = node ] && [ -f package.json ] && ! [ -e node_modules ]; then
  if [ -f package-lock.json ]; then npm ci --ignore-scripts --omit=dev
  else npm install --ignore-scripts --omit=dev --no-package-lock; fi
fi
if [ "$RUNTIME" = bun ] && [ -f package.json ] && ! [ -e node_modules ]; then
  frozen=
  if [ -f bun.lock ] || [ -f bun.lockb ]; then frozen=--frozen-lockfile; fi
  bun install --ignore-scripts --production --no-save $frozen
fi
if [ "$RUNTIME" = python ] && [ -f requirements.txt ]; then
  python3 -m pip install --no-cache-dir --only-binary=:all: --target .packages -r requirements.txt
fi
rm -rf /workspace/.npm /workspace/.bun
)sh";

Result<std::shared_ptr<const UniqueFd>> Builds::input_of(std::string_view text) {
  UniqueFd file(::memfd_create("input", MFD_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return errno_error(errno, "cannot hand on what a builder reads", "service: build");
  return std::make_shared<const UniqueFd>(std::move(file));
}

Result<UniqueFd> Builds::open_built(const LayerId& layer, const char* folder) const {
  std::vector<LayerId> frozen{layer};
  BRIG_TRY(auto layers, workspace::OpenLayers::open(paths_, LayerId(), frozen));
  auto opened = volume::open_inside(layers.roots().front().get(), folder, O_RDONLY | O_DIRECTORY);
  if (!opened) return errno_error(errno, "cannot read what was built", "service: build");
  return opened;
}

session::HostSpec Builds::builder(const session::Caller& owner, std::string purpose,
                                  const std::string& provider) {
  session::HostSpec host;
  host.purpose = std::move(purpose);
  auto& create = host.create;
  create.provider = provider;
  create.name = "build-" + random_hex(4);
  create.mesh = owner.mesh;
  create.ttl = kBuildWithin;
  create.request.limits.disk = kBuildDisk;
  create.request.limits.memory = kBuildMemory;
  return host;
}

net::Task<Result<void>> Builds::image_of(std::string provider, Progress progress) {
  auto there = co_await images_.ready(provider, "");
  if (there || there.error().code != Code::not_found) co_return there.ok() ? Result<void>() : there.error();
  progress(State::building, "the image of " + provider);
  auto step = [progress, provider](const image::Progress& told) {
    if (!told.step.empty()) progress(State::building, "the image of " + provider + ": " + told.step);
  };
  BRIG_CO_TRY(auto built, co_await images_.build(provider, false, step));
  co_return Result<void>();
}

net::Task<Result<Builds::Look>> Builds::look_at(const Spec& spec, const Fetched& fetched) {
  if (spec.npm) co_return Look();
  if (spec.remote) co_return Look{Runtime::node, false};
  auto look = [this, directory = spec.directory, wanted = spec.runtime,
               layer = fetched.built ? fetched.built->layer() : LayerId()]() -> Result<Look> {
    UniqueFd source;
    if (directory) {
      std::optional<workspace::Identity> identity;
      if (directory->uid)
        identity = workspace::identity_of(*directory->uid, directory->gid.value_or(*directory->uid));
      BRIG_TRY(auto project, workspace::open_project(directory->path, identity, forbidden_));
      source = std::move(project.directory);
    } else {
      BRIG_TRY(source, open_built(layer, kFetched));
    }
    int fd = source.get();
    Look out;
    out.runtime = wanted.value_or(detect_runtime(fd));
    if (out.runtime == Runtime::python)
      out.installs = is_there(fd, "requirements.txt");
    else
      out.installs = of_npm(out.runtime) && is_there(fd, "package.json") && !is_there(fd, "node_modules");
    return out;
  };
  co_return co_await blocking_.run(std::move(look));
}

net::Task<Result<Product>> Builds::make(session::Caller owner, std::string purpose, Spec spec, Given given,
                                        Progress progress) {
  progress(State::building, source_text(spec));
  Fetched fetched;
  if (spec.git) {
    BRIG_CO_TRY(fetched, co_await fetch(owner, purpose, *spec.git, std::move(given.key), progress));
  }
  if (spec.zip) {
    BRIG_CO_TRY(fetched, co_await unpack(owner, purpose, std::move(given.zip), progress));
  }
  if (spec.skill)
    co_return co_await make_skill(std::move(owner), std::move(purpose), std::move(spec), std::move(fetched),
                                  std::move(progress));
  if (spec.image)
    co_return co_await make_image(std::move(owner), std::move(purpose), std::move(spec), std::move(given.key),
                                  std::move(progress));
  BRIG_CO_TRY(auto seen, co_await look_at(spec, fetched));
  auto runtime = seen.runtime;
  auto host = builder(owner, std::move(purpose), provider_of(runtime));
  auto& create = host.create;
  set(create.env, "FOLDER", kFolder);
  set(create.env, "RUNTIME", to_string(runtime));
  if (seen.installs && of_npm(runtime)) {
    BRIG_CO_TRY(auto registry, co_await registry_of_npm());
    auto reach = [registry] { return reach_of(registry); };
    create.request.egress.presets.insert(policy::Preset::npm);
    BRIG_CO_TRY(create.request.egress.allow, co_await blocking_.run(reach));
    set(create.env, "npm_config_registry", registry);
    set(create.env, "npm_config_cache", "/workspace/.npm");
    set(create.env, "BUN_INSTALL_CACHE_DIR", "/workspace/.bun");
    for (const char* quiet : {"npm_config_audit", "npm_config_fund", "npm_config_update_notifier",
                              "npm_config_progress", "npm_config_color"})
      set(create.env, quiet, "false");
  } else if (seen.installs) {
    create.request.egress.presets.insert(policy::Preset::pip);
  }
  create.args = {"sh", "-c", spec.npm ? kNpmScript : spec.remote ? kBridgeScript : kCopyScript, "build"};
  if (spec.remote) {
    BRIG_CO_TRY(host.input, input_of(bridge()));
  } else if (spec.npm) {
    const auto& npm = *spec.npm;
    create.args.push_back(npm.package + (npm.range.empty() ? "" : "@" + npm.range));
    create.args.insert(create.args.end(), npm.allow_scripts.begin(), npm.allow_scripts.end());
  } else if (spec.directory) {
    create.project = spec.directory->path;
    owner.uid = spec.directory->uid;
    owner.gid = spec.directory->gid;
    set(create.env, "FROM", "/workspace");
  } else {
    host.below = fetched.built->layer();
    set(create.env, "FROM", std::string("/workspace/") + kFetched);
  }
  BRIG_CO_CHECK(co_await image_of(create.provider, progress));
  auto installing = [progress, text = source_text(spec)] { progress(State::installing, text); };
  Product out;
  BRIG_CO_TRY(out.built, co_await hosting_.build(std::move(owner), std::move(host), installing));
  auto look = [this, layer = out.built->layer(), spec, runtime]() -> Result<std::pair<Tree, Entry>> {
    BRIG_TRY(auto folder, open_built(layer, kFolder));
    BRIG_TRY(auto entry, find_entry(folder.get(), spec, runtime));
    BRIG_TRY(auto tree, hash_tree(folder.get()));
    return std::pair(std::move(tree), std::move(entry));
  };
  BRIG_CO_TRY(auto found, co_await blocking_.run(std::move(look)));
  out.tree = std::move(found.first);
  out.entry = std::move(found.second);
  auto& version = out.entry.version;
  if (!fetched.commit.empty()) version += (version.empty() ? "" : " at ") + fetched.commit;
  co_return out;
}

}  // namespace brig::service
