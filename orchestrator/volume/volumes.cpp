#include "volume/volumes.hpp"

#include <fcntl.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/log.hpp"
#include "core/text.hpp"
#include "core/units.hpp"
#include "volume/files.hpp"
#include "volume/merge.hpp"
#include "volume/overlay.hpp"

namespace brig::volume {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxMounts = 32;
constexpr Millis kReturnsWithin{10'000};

bool is_view(const Wanted& wanted) {
  return wanted.sharing == image::Sharing::overlay && wanted.writable;
}

std::string base_name(const std::string& target) {
  return target.substr(target.rfind('/') + 1);
}

// "b/c" of "/a/b/c" in "/a"; empty if it does not lie below.
std::string below(const std::string& target, const std::string& root) {
  if (target.size() <= root.size() + 1 || !target.starts_with(root) || target[root.size()] != '/') return {};
  return target.substr(root.size() + 1);
}

json points_to_json(const std::vector<Point>& points) {
  auto out = json::array();
  for (const auto& point : points) out.push_back({{"path", point.path}, {"file", point.file}});
  return out;
}

std::vector<Point> points_from_json(const json& state) {
  std::vector<Point> out;
  if (!state.is_object() || !state.contains("points") || !state["points"].is_array()) return out;
  for (const auto& item : state["points"]) out.push_back({item.value("path", ""), item.value("file", false)});
  return out;
}

std::vector<std::string> keep_from_json(const json& state) {
  std::vector<std::string> out;
  if (!state.is_object() || !state.contains("keep") || !state["keep"].is_array()) return out;
  for (const auto& item : state["keep"])
    if (item.is_string()) out.push_back(item.get<std::string>());
  return out;
}

// What brigd itself would have to mount in the volume for the others to have a place.
Result<std::vector<Point>> points_in(const std::filesystem::path& data, const std::string& root,
                                     const std::vector<Volumes::Place>& places) {
  std::vector<Point> out;
  UniqueFd directory(::open(data.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory) return errno_error(errno, "cannot open " + quoted(data.native(), 256), "volume");
  for (const auto& place : places) {
    auto relative = below(place.target, root);
    if (relative.empty()) continue;
    BRIG_TRY(auto missing, missing_points(directory.get(), relative, place.file));
    out.insert(out.end(), missing.begin(), missing.end());
  }
  return out;
}

}  // namespace

Result<void> check_volume_name(std::string_view field, std::string_view name) {
  bool fine = name.size() >= 2 && name.size() <= 128 && std::isalnum(static_cast<unsigned char>(name[0])) &&
              std::all_of(name.begin(), name.end(), [](unsigned char c) {
                return std::isalnum(c) || c == '-' || c == '_' || c == '.';
              });
  if (fine) return {};
  return Error{Code::invalid,
               std::string(field) + " " + quoted(name, 128) +
                   " is no name for a volume; write 2 to 128 letters, digits, '-', '_' and '.', a letter or "
                   "digit first",
               "volume", false};
}

Volumes::Volumes(net::asio::any_io_executor executor, Options options, docker::Engine& engine,
                 store::VolumeTable& table, const Clock& clock, net::Worker& blocking)
    : executor_(executor),
      options_(std::move(options)),
      engine_(engine),
      table_(table),
      clock_(clock),
      blocking_(blocking),
      changed_(executor) {}

void Volumes::close() {
  closing_ = true;
  changed_.notify_all();
}

net::Task<Result<void>> Volumes::ensure_named(store::VolumeRow row) {
  docker::VolumeOptions volume;
  volume.name = row.name;
  auto device = data_of(row.name).string();
  volume.driver_options = {{"type", "none"}, {"o", "bind"}, {"device", device}};
  volume.labels = {{kLabelInstallation, options_.installation},
                   {kLabelKind, row.label.empty() ? "config" : "shared"},
                   {"brig.owner", row.owner},
                   {"brig.mesh", row.mesh},
                   {"brig.provider", row.provider},
                   {"brig.identity", row.identity},
                   {"brig.created", format_time(row.created)}};
  if (!row.label.empty()) volume.labels["brig.name"] = row.label;
  auto wanted = volume;
  BRIG_CO_TRY(auto made, co_await engine_.volumes().create(std::move(volume)));
  if (is_ours(made) && made.labels[kLabelInstallation] != options_.installation) {
    // From before the ledger was lost. Labels cannot be changed, but the name holds nothing.
    if (made.labels["brig.owner"] == row.owner && made.labels["brig.mesh"] == row.mesh) {
      auto removed = co_await engine_.volumes().remove(row.name, false);
      if (!removed && removed.error().code == Code::conflict) co_return Result<void>();  // a container has it
      BRIG_CO_CHECK(std::move(removed));
      BRIG_CO_TRY(made, co_await engine_.volumes().create(std::move(wanted)));
    }
  }
  if (!is_ours(made) || made.labels[kLabelInstallation] != options_.installation) {
    co_return Error{Code::denied,
                    "the engine has a volume " + quoted(row.name, 128) +
                        " that is not Brig's; rename or remove it, then try again",
                    "volume", false};
  }
  co_return Result<void>();
}

net::Task<Result<void>> Volumes::make(const For& who, const Wanted& wanted) {
  BRIG_CO_CHECK(check_volume_name("volume", wanted.volume));
  store::VolumeRow row;
  row.name = wanted.volume;
  row.owner = who.owner;
  row.mesh = who.mesh;
  row.provider = wanted.provider;
  row.identity = wanted.identity;
  row.created = clock_.wall();
  row.bytes = options_.bytes;
  auto claim = co_await table_.claim(row);
  if (!claim && claim.error().code == Code::conflict && bring_back) {
    BRIG_CO_TRY(auto there, co_await table_.get(row.name));
    if (!there.stage.empty()) {
      if (who.waiting) who.waiting("waiting: its volume comes back from quarantine");
      BRIG_CO_CHECK(co_await bring_back(row.name));
      claim = co_await table_.claim(std::move(row));
    }
  }
  if (!claim) co_return std::move(claim).error();
  auto claimed = std::move(*claim);
  auto work = [dir = options_.paths.volume(wanted.volume), bytes = claimed.bytes,
               file = wanted.file ? base_name(wanted.target) : std::string(), initial = wanted.initial,
               first = !claimed.attached] { return make_volume(dir, bytes, file, initial, first); };
  BRIG_CO_CHECK(co_await blocking_.run(std::move(work)));
  co_return co_await ensure_named(std::move(claimed));
}

// Who has something of what `turn` waits for, or stands before it in the queue; empty: nobody.
net::Task<Result<SessionId>> Volumes::holder(SessionId session, std::list<Waiting>::iterator turn) {
  for (auto it = queue_.begin(); it != turn; ++it)
    for (const auto& volume : turn->volumes)
      if (it->volumes.contains(volume)) co_return it->session;
  for (const auto& volume : turn->volumes) {
    BRIG_CO_TRY(auto rows, co_await table_.attachments_of(volume));
    for (const auto& row : rows)
      if (row.session != session) co_return row.session;
  }
  co_return SessionId();
}

// Who starts a session after another has ended sees what that one left, though it is brought back a moment
// later. Not waited for without end: what cannot be brought back now, reconciling goes on with.
net::Task<Result<void>> Volumes::wait_for_returns(const For& who, const std::string& volume) {
  auto deadline = Deadline::in(kReturnsWithin);
  while (!closing_) {
    BRIG_CO_TRY(bool coming, co_await table_.is_coming_back(volume, who.session));
    if (!coming || !co_await changed_.wait_until(deadline)) break;
  }
  co_return Result<void>();
}

net::Task<Result<void>> Volumes::wait_turn(const For& who, std::list<Waiting>::iterator turn) {
  auto wait = std::min(options_.exclusive_wait, who.patience.value_or(options_.exclusive_wait));
  auto deadline = Deadline::in(wait);
  bool told = false;
  while (true) {
    BRIG_CO_TRY(auto holds, co_await holder(who.session, turn));
    if (holds.empty()) co_return Result<void>();
    auto what = "its configuration is for one session at a time, and session " + holds.str() + " has it";
    if (!std::exchange(told, true) && who.waiting) who.waiting("waiting: " + what);
    bool notified = co_await changed_.wait_until(deadline);
    if (closing_ || (who.still_wanted && !who.still_wanted()))
      co_return Error{Code::cancelled, "nobody waits any longer for its configuration to become free",
                      "volume", true};
    if (!notified)
      co_return Error{Code::timeout,
                      what + ", still after " + format_duration(wait) +
                          "; stop that session with `brig stop " + holds.str() + "`, or use another identity",
                      "volume", true};
  }
}

Result<std::vector<Mount>> Volumes::mount_all(const SessionId& session,
                                              const std::vector<Wanted>& wanted) const {
  std::vector<Mount> out;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto& want = wanted[i];
    auto source = data_of(want.volume);
    if (is_view(want)) {
      auto place = options_.paths.config(session, i);
      BRIG_CHECK(make_view(place, source));
      source = place / "view";
    } else if (want.file) {
      source /= base_name(want.target);
    }
    out.push_back({source.string(), want.target, want.writable});
  }
  return out;
}

net::Task<Result<std::vector<Mount>>> Volumes::attach(For who, std::vector<Wanted> wanted,
                                                      std::vector<Place> places) {
  if (wanted.empty()) co_return std::vector<Mount>{};
  if (wanted.size() > kMaxMounts) {
    co_return Error{Code::too_large, "a session may have at most 32 mounts of config volumes", "volume",
                    false};
  }
  for (const auto& want : wanted) {
    BRIG_CO_CHECK(co_await make(who, want));
    if (is_view(want)) BRIG_CO_CHECK(co_await wait_for_returns(who, want.volume));
  }

  // The turn ends with this scope: by then the ledger says who has what.
  struct Turn {
    Volumes& volumes;
    std::list<Waiting>::iterator at;
    ~Turn() {
      volumes.queue_.erase(at);
      volumes.changed_.notify_all();
    }
  };
  queue_.push_back({who.session, {}});
  Turn turn{*this, std::prev(queue_.end())};
  for (const auto& want : wanted)
    if (want.sharing == image::Sharing::exclusive) turn.at->volumes.insert(want.volume);
  if (!turn.at->volumes.empty()) BRIG_CO_CHECK(co_await wait_turn(who, turn.at));

  std::vector<store::AttachmentRow> rows;
  std::vector<std::vector<Point>> points(wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto& want = wanted[i];
    json state = {{"keep", want.keep}, {"points", json::array()}};
    if (!want.file) {
      auto inside = places;
      for (std::size_t k = 0; k < wanted.size(); ++k)
        if (k != i) inside.push_back({wanted[k].target, wanted[k].file});
      auto look = [data = data_of(want.volume), target = want.target, inside] {
        return points_in(data, target, inside);
      };
      BRIG_CO_TRY(points[i], co_await blocking_.run(std::move(look)));
      // What a view gets goes with the view.
      if (!is_view(want)) state["points"] = points_to_json(points[i]);
    }
    rows.push_back({who.session, static_cast<std::uint32_t>(i), want.volume, want.target,
                    std::string(image::to_string(want.sharing)), want.writable, state.dump()});
  }
  BRIG_CO_CHECK(co_await table_.attach(std::move(rows), clock_.wall()));

  auto work = [this, session = who.session, wanted, points]() -> Result<std::vector<Mount>> {
    BRIG_TRY(auto mounts, mount_all(session, wanted));
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (points[i].empty()) continue;
      UniqueFd directory(::open(mounts[i].source.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      if (!directory) return errno_error(errno, "cannot open " + quoted(mounts[i].source, 256), "volume");
      BRIG_CHECK(make_points(directory.get(), points[i]));
    }
    return mounts;
  };
  co_return co_await blocking_.run(std::move(work));
}

net::Task<Result<void>> Volumes::detach(SessionId session) {
  BRIG_CO_TRY(auto rows, co_await table_.attachments(session));
  if (rows.empty()) co_return Result<void>();
  for (auto& row : rows) BRIG_CO_CHECK(co_await detach_one(std::move(row)));
  changed_.notify_all();
  co_return Result<void>();
}

net::Task<Result<void>> Volumes::detach_one(store::AttachmentRow row) {
  auto state = json::parse(row.state_json, nullptr, false);
  // What another session has mounted in the same place stays until that session goes.
  auto points = points_from_json(state);
  if (!points.empty()) {
    BRIG_CO_TRY(auto others, co_await table_.attachments_of(row.volume));
    for (const auto& other : others) {
      if (other.session == row.session) continue;
      for (const auto& theirs : points_from_json(json::parse(other.state_json, nullptr, false)))
        std::erase_if(points, [&](const Point& mine) { return mine.path == theirs.path; });
    }
  }
  bool view = row.writable && row.sharing == image::to_string(image::Sharing::overlay);
  auto work = [this, place = options_.paths.config(row.session, row.place), data = data_of(row.volume),
               keep = keep_from_json(state), points, view, now = clock_.wall()]() -> Result<void> {
    if (view) {
      std::lock_guard lock(merging_);
      BRIG_CHECK(merge_back(place / "upper", data, keep, now));
      BRIG_CHECK(remove_view(place));
    }
    if (points.empty()) return {};
    UniqueFd directory(::open(data.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (directory) remove_points(directory.get(), points);
    return {};
  };
  BRIG_CO_CHECK(co_await blocking_.run(std::move(work)));
  co_return co_await table_.detach(row.session, row.place);
}

}  // namespace brig::volume
