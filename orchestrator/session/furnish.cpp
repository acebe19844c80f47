// What a sandbox is furnished with beyond its image and workspace, and how that is given up again.
#include "session/furnish.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "core/files.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "image/provider_file.hpp"
#include "session/agent.hpp"
#include "session/container_request.hpp"
#include "session/manager_state.hpp"
#include "session/records.hpp"
#include "volume/files.hpp"
#include "workspace/mounter.hpp"

namespace brig::session {
namespace {

Error refuse(const Overlay& overlay, std::string why) {
  return Error{Code::invalid, "overlay " + quoted(overlay.path, 200) + " " + std::move(why), "session",
               false};
}

}  // namespace

Result<void> check_overlays(const std::vector<Overlay>& overlays) {
  if (overlays.size() > kMaxOverlays)
    return Error{Code::too_large, "there are more than 32 overlays; combine them", "session", false};
  std::size_t bytes = 0;
  for (const auto& overlay : overlays) {
    if (auto fine = image::check_config_path("path", overlay.path); !fine)
      return refuse(overlay, "cannot be mounted: its " + fine.error().message);
    if ((overlay.mode & ~0777u) != 0)
      return refuse(overlay, "has a mode with more than permissions in it; write one such as \"0644\"");
    bytes += overlay.content.reveal().size();
  }
  if (bytes > kMaxOverlayBytes)
    return Error{Code::too_large, "the overlays hold more than 512 KiB together; make them smaller",
                 "session", false};
  return {};
}

Result<void> check_mounts(const std::vector<SharedMount>& mounts) {
  std::set<std::string> paths;
  for (const auto& mount : mounts) {
    auto what = "volume " + quoted(mount.volume) + " at " + quoted(mount.path, 200);
    BRIG_CHECK(check_name("volume", mount.volume));
    if (auto fine = image::check_config_path("path", mount.path); !fine)
      return Error{Code::invalid, what + " cannot be mounted: its " + fine.error().message, "session", false};
    if (!paths.insert(mount.path).second)
      return Error{Code::invalid, what + " is the second volume at that path; choose another path", "session",
                   false};
  }
  return {};
}

Result<volume::Mount> write_overlay(const StatePaths& paths, const SessionId& id, std::size_t number,
                                    const Overlay& overlay) {
  auto directory = paths.overlays(id);
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return errno_error(errno, "cannot make " + quoted(directory.native(), 256), "session");
  auto path = directory / std::to_string(number);
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  auto rest = overlay.content.reveal();
  while (fd && !rest.empty()) {
    auto n = ::write(fd.get(), rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  if (!fd || !rest.empty() || ::fchown(fd.get(), volume::kInside, volume::kInside) != 0 ||
      ::fchmod(fd.get(), overlay.mode) != 0)
    return errno_error(errno, "cannot write " + quoted(path.native(), 256), "session");
  return volume::Mount{path.string(), overlay.path, !overlay.read_only};
}

Result<void> remove_overlays(const StatePaths& paths, const SessionId& id) {
  return workspace::destroy(paths.overlays(id));
}

// What every process gets of the provider: its own variables, and the one that points it at its identity.
net::Task<Result<std::map<std::string, std::string>>> Manager::choose_identity(std::string holder,
                                                                               const CreateSpec& spec,
                                                                               Prepared& out) {
  auto env = out.provider.env;
  if (out.provider.config.empty()) {
    if (spec.identity.empty()) co_return env;
    co_return Error{Code::invalid,
                    "identity " + quoted(spec.identity) + " makes no difference to " + quoted(spec.provider) +
                        ", which keeps no configuration; leave it out",
                    "session", false};
  }
  BRIG_CO_TRY(auto identity,
              co_await parts_.identities.choose(std::move(holder), spec.provider, spec.identity));
  out.volumes = provider::volumes_of(out.provider, identity);
  for (auto& [name, value] : provider::environment_of(out.provider, identity)) env[name] = value;
  out.identity = std::move(identity);
  co_return env;
}

// Its owner's own volumes, after the provider's.
net::Task<Result<void>> Manager::choose_volumes(const store::SessionRow& row,
                                                const std::vector<SharedMount>& mounts, Prepared& out) {
  if (mounts.empty()) co_return Result<void>();
  BRIG_CO_TRY(auto rows, co_await parts_.volumes.table().list());
  for (const auto& mount : mounts) {
    auto it = std::find_if(rows.begin(), rows.end(), [&](const store::VolumeRow& volume) {
      return volume.label == mount.volume && volume.owner == row.owner && volume.mesh == row.mesh;
    });
    if (it == rows.end()) {
      co_return Error{Code::not_found,
                      "there is no volume " + quoted(mount.volume) +
                          " of yours; make it with `brig volume create " + printable(mount.volume) + "`",
                      "session", false};
    }
    volume::Wanted wanted;
    wanted.volume = it->name;
    wanted.target = mount.path;
    wanted.writable = !mount.read_only;
    out.volumes.push_back(std::move(wanted));
  }
  co_return Result<void>();
}

// Which secrets are used in its name, and what every process has in their place.
net::Task<Result<void>> Manager::equip(vault::Scope scope, std::vector<egress::Credential> asked,
                                       Prepared& out, std::map<std::string, std::string>& env) {
  if (asked.empty() && out.provider.credentials.empty()) co_return Result<void>();
  BRIG_CO_TRY(out.credentials,
              co_await parts_.doors.equip(std::move(scope), out.provider.credentials, std::move(asked)));
  if (out.credentials.empty()) co_return Result<void>();
  std::string direct = kDirect;
  for (const auto& [rule, placeholder] : out.credentials) {
    if (!rule.env.empty()) env[rule.env] = placeholder;
    if (rule.base_url_env.empty()) continue;
    env[rule.base_url_env] = rule.base_url();
    direct += "," + to_string(rule.host.host);
  }
  // By name they get there as well, and need not say anew to the proxy with every request where to.
  for (const char* name : {"NO_PROXY", "no_proxy"}) env[name] = direct;
  for (const auto& [name, value] : options_.trust_env) env[name] = value;
  co_return Result<void>();
}

// Its authority beside those that it would trust anyway.
Result<void> Manager::trust_authority(const SessionId& id, const std::string& authority) const {
  constexpr std::size_t kMaxBundle = 8 << 20;
  std::string bundle;
  if (!options_.trusted.empty()) {
    BRIG_TRY(bundle, read_file(options_.trusted, kMaxBundle));
    if (!bundle.ends_with('\n')) bundle += '\n';
  }
  return write_file(options_.paths.link_dir(id) / "ca.crt", bundle + authority, 0644, Sync::no);
}

net::Task<void> Manager::say_why(SessionId id, std::string reason) {
  store::SessionChange change;
  change.reason = std::move(reason);
  (void)co_await parts_.sessions.update(id, change);
}

net::Task<Result<void>> Manager::furnish(std::shared_ptr<Launch> launch) {
  auto& prepared = launch->prepared;
  auto id = prepared.row.id;
  if (prepared.volumes.empty() && prepared.overlays.empty() && !parts_.hooks.has(prepared.row.provider))
    co_return Result<void>();
  provider::HookCall call{id, prepared.row.provider, prepared.row.identity_id,
                          prepared.row.project.value_or("")};
  BRIG_CO_TRY(auto extra, co_await parts_.hooks.prepare(std::move(call)));

  // In order: the configuration, what the hook says, what the caller handed in.
  auto wanted = prepared.volumes;
  std::vector<Overlay> files;
  for (auto& one : extra) {
    if (!one.volume.empty()) {
      volume::Wanted named;
      named.volume = one.volume;
      named.target = one.path;
      named.writable = !one.read_only;
      wanted.push_back(std::move(named));
    } else {
      files.push_back({one.path, one.content, one.read_only, one.mode});
    }
  }
  for (auto& overlay : prepared.overlays) files.push_back(std::move(overlay));
  prepared.overlays = std::move(files);
  BRIG_CO_CHECK(check_overlays(prepared.overlays));

  volume::For who;
  who.session = id;
  who.owner = prepared.row.owner;
  who.mesh = prepared.row.mesh;
  who.still_wanted = [launch] { return !launch->abandoned; };
  if (prepared.life && prepared.life->expires) {
    auto left = std::chrono::duration_cast<Millis>(*prepared.life->expires - parts_.clock.wall());
    who.patience = std::max(left, Millis(0));
  }
  who.waiting = [this, id](std::string what) { scope_.spawn(say_why(id, std::move(what))); };
  std::vector<volume::Volumes::Place> places;
  for (const auto& overlay : prepared.overlays) places.push_back({overlay.path, true});
  BRIG_CO_TRY(auto volumes, co_await parts_.volumes.attach(std::move(who), wanted, places));

  auto write = [this, launch, id]() -> Result<std::vector<volume::Mount>> {
    std::vector<volume::Mount> out;
    const auto& overlays = launch->prepared.overlays;
    for (std::size_t i = 0; i < overlays.size(); ++i) {
      BRIG_TRY(auto mount, write_overlay(options_.paths, id, i, overlays[i]));
      out.push_back(std::move(mount));
    }
    return out;
  };
  BRIG_CO_TRY(auto written, co_await parts_.blocking.run(write));
  prepared.overlays.clear();

  auto add = [&](const volume::Mount& mount) {
    prepared.facts.config.push_back({mount.source, mount.target, mount.writable});
  };
  std::size_t next_volume = 0, next_file = 0;
  while (next_volume < prepared.volumes.size()) add(volumes[next_volume++]);
  for (const auto& one : extra) add(one.volume.empty() ? written[next_file++] : volumes[next_volume++]);
  while (next_file < written.size()) add(written[next_file++]);
  BRIG_CO_TRY(prepared.request,
              container_request(prepared.policy, prepared.facts, parts_.policies.ceiling()));
  co_return Result<void>();
}

// Its container is gone.
net::Task<Result<void>> Manager::release(SessionId id) {
  BRIG_CO_CHECK(co_await parts_.volumes.detach(id));
  auto remove = [this, id] { return remove_overlays(options_.paths, id); };
  BRIG_CO_CHECK(co_await parts_.blocking.run(remove));
  co_return co_await parts_.hooks.cleanup(id);
}

}  // namespace brig::session
