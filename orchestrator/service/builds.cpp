#include "service/builds.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "core/random.hpp"
#include "core/text.hpp"
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

// The project at /workspace, seen through an overlay: what is copied lies in our layer, the rest does not.
constexpr const char* kDirectoryScript = R"sh(
set -e
mkdir "$FOLDER"
for entry in * .[!.]* ..?*; do
  [ -e "$entry" ] || [ -L "$entry" ] || continue
  [ "$entry" = "$FOLDER" ] || cp -R -P --preserve=mode,timestamps -- "$entry" "$FOLDER/"
done
cd "$FOLDER"
if [ "$RUNTIME" = node ] && [ -f package.json ] && ! [ -e node_modules ]; then
  if [ -f package-lock.json ]; then npm ci --ignore-scripts --omit=dev
  else npm install --ignore-scripts --omit=dev --no-package-lock; fi
fi
if [ "$RUNTIME" = python ] && [ -f requirements.txt ]; then
  python3 -m pip install --no-cache-dir --only-binary=:all: --target .packages -r requirements.txt
fi
rm -rf /workspace/.npm
)sh";

void set(std::vector<session::EnvVar>& env, const char* name, std::string_view value) {
  env.push_back({name, Secret(value)});
}

Result<UniqueFd> open_folder(const StatePaths& paths, const LayerId& layer) {
  std::vector<LayerId> frozen{layer};
  BRIG_TRY(auto layers, workspace::OpenLayers::open(paths, LayerId(), frozen));
  auto folder = volume::open_inside(layers.roots().front().get(), kFolder, O_RDONLY | O_DIRECTORY);
  if (!folder) return errno_error(errno, "cannot read what was built", "service: build");
  return folder;
}

}  // namespace

net::Task<Result<Builds::Look>> Builds::look_at(const Spec& spec) {
  if (spec.npm) co_return Look();
  auto look = [this, directory = *spec.directory, runtime = spec.runtime]() -> Result<Look> {
    std::optional<workspace::Identity> identity;
    if (directory.uid)
      identity = workspace::identity_of(*directory.uid, directory.gid.value_or(*directory.uid));
    BRIG_TRY(auto project, workspace::open_project(directory.path, identity, forbidden_));
    int fd = project.directory.get();
    Look out;
    if (runtime) {
      out.runtime = *runtime;
    } else {
      BRIG_TRY(out.runtime, detect_runtime(fd));
    }
    out.installs = out.runtime == Runtime::node
                       ? is_there(fd, "package.json") && !is_there(fd, "node_modules")
                       : is_there(fd, "requirements.txt");
    return out;
  };
  co_return co_await blocking_.run(std::move(look));
}

net::Task<Result<Product>> Builds::make(session::Caller owner, std::string purpose, Spec spec,
                                        Progress progress) {
  BRIG_CO_TRY(auto seen, co_await look_at(spec));
  auto runtime = seen.runtime;
  session::HostSpec host;
  host.purpose = purpose;
  auto& create = host.create;
  create.provider = std::string(to_string(runtime));
  create.name = "build-" + random_hex(4);
  create.mesh = owner.mesh;
  create.ttl = kBuildWithin;
  create.request.limits.disk = kBuildDisk;
  create.request.limits.memory = kBuildMemory;
  set(create.env, "FOLDER", kFolder);
  set(create.env, "RUNTIME", to_string(runtime));
  if (seen.installs && runtime == Runtime::node) {
    BRIG_CO_TRY(auto registry, co_await registry_of_npm());
    auto reach = [registry] { return reach_of(registry); };
    create.request.egress.presets.insert(policy::Preset::npm);
    BRIG_CO_TRY(create.request.egress.allow, co_await blocking_.run(reach));
    set(create.env, "npm_config_registry", registry);
    set(create.env, "npm_config_cache", "/workspace/.npm");
    for (const char* quiet : {"npm_config_audit", "npm_config_fund", "npm_config_update_notifier",
                              "npm_config_progress", "npm_config_color"})
      set(create.env, quiet, "false");
  } else if (seen.installs) {
    create.request.egress.presets.insert(policy::Preset::pip);
  }
  create.args = {"sh", "-c", spec.npm ? kNpmScript : kDirectoryScript, "build"};
  if (spec.npm) {
    const auto& npm = *spec.npm;
    create.args.push_back(npm.package + (npm.range.empty() ? "" : "@" + npm.range));
    create.args.insert(create.args.end(), npm.allow_scripts.begin(), npm.allow_scripts.end());
  } else {
    create.project = spec.directory->path;
    owner.uid = spec.directory->uid;
    owner.gid = spec.directory->gid;
  }
  progress(State::building, source_text(spec));
  auto installing = [progress, text = source_text(spec)] { progress(State::installing, text); };
  Product out;
  BRIG_CO_TRY(out.built, co_await hosting_.build(std::move(owner), std::move(host), installing));
  auto look = [this, layer = out.built->layer(), spec, runtime]() -> Result<std::pair<Tree, Entry>> {
    BRIG_TRY(auto folder, open_folder(paths_, layer));
    BRIG_TRY(auto entry, find_entry(folder.get(), spec, runtime));
    BRIG_TRY(auto tree, hash_tree(folder.get()));
    return std::pair(std::move(tree), std::move(entry));
  };
  BRIG_CO_TRY(auto found, co_await blocking_.run(std::move(look)));
  out.tree = std::move(found.first);
  out.entry = std::move(found.second);
  co_return out;
}

}  // namespace brig::service
