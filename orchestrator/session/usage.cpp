#include "session/usage.hpp"

#include <sys/statvfs.h>

#include <charconv>

#include "core/text.hpp"
#include "session/control_group.hpp"
#include "session/manager_state.hpp"

namespace brig::session {
namespace {

// What version 1 says where nothing limits is some huge number, a little below 2^63.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 60;

std::optional<std::uint64_t> limit(const ControlGroup& group, GroupFile file) {
  auto out = group.number(file);
  return out && *out < kNoLimit ? out : std::nullopt;
}

std::optional<std::chrono::microseconds> cpu_used(const ControlGroup& group) {
  if (auto ns = group.number({"cpuacct", "cpuacct.usage", ""}))
    return std::chrono::microseconds(static_cast<std::int64_t>(*ns / 1000));
  if (auto us = group.entry({"", "", "cpu.stat"}, "usage_usec", "usage_usec"))
    return std::chrono::microseconds(static_cast<std::int64_t>(*us));
  return std::nullopt;
}

std::optional<double> cpus_allowed(const ControlGroup& group) {
  auto ratio = [](std::uint64_t quota, std::uint64_t period) {
    return period == 0 ? std::optional<double>() : static_cast<double>(quota) / static_cast<double>(period);
  };
  auto quota = group.number({"cpu", "cpu.cfs_quota_us", ""});
  auto period = group.number({"cpu", "cpu.cfs_period_us", ""});
  if (quota && period) return ratio(*quota, *period);
  auto both = group.read({"", "", "cpu.max"});  // "50000 100000"; "max 100000": no limit
  if (!both) return std::nullopt;
  std::string_view text = *both;
  auto space = text.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  std::uint64_t q = 0, p = 0;
  auto [at, bad] = std::from_chars(text.data(), text.data() + space, q);
  auto [end, worse] = std::from_chars(text.data() + space + 1, text.data() + text.size(), p);
  if (bad != std::errc() || worse != std::errc()) return std::nullopt;
  return ratio(q, p);
}

Amount memory_of(const ControlGroup& group) {
  Amount out;
  out.used = group.number({"memory", "memory.usage_in_bytes", "memory.current"});
  auto cache = group.entry({"memory", "memory.stat", "memory.stat"}, "total_inactive_file", "inactive_file");
  if (out.used && cache) *out.used -= std::min(*out.used, *cache);
  out.limit = limit(group, {"memory", "memory.limit_in_bytes", "memory.max"});
  return out;
}

Amount disk_of(const std::filesystem::path& directory) {
  struct statvfs at {};
  if (directory.empty() || ::statvfs(directory.c_str(), &at) != 0) return {};
  Amount out;
  out.limit = at.f_blocks * at.f_frsize;
  out.used = *out.limit - std::min<std::uint64_t>(*out.limit, at.f_bavail * at.f_frsize);
  return out;
}

// What is read of one session's sandbox, away from the loop.
struct Look {
  std::size_t index = 0;  // in the list of usages
  pid_t process = 0;
  std::string container;
  std::filesystem::path disk;
};

void measure(const Look& look, Usage& out) {
  ControlGroup group(look.process, look.container);
  out.at = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now().time_since_epoch());
  out.cpu = cpu_used(group);
  out.cpus = cpus_allowed(group);
  out.memory = memory_of(group);
  out.tasks.used = group.number({"pids", "pids.current", "pids.current"});
  out.tasks.limit = limit(group, {"pids", "pids.max", "pids.max"});
  out.disk = disk_of(look.disk);
}

}  // namespace

net::Task<Result<std::vector<Usage>>> Manager::usage(Caller caller, ListFilter filter) {
  BRIG_CO_TRY(auto views, co_await list(std::move(caller), std::move(filter)));
  auto out = std::make_shared<std::vector<Usage>>();
  std::vector<Look> looks;
  for (auto& view : views) {
    out->push_back({});
    auto& usage = out->back();
    auto live = find_live(view.id);
    usage.session = std::move(view);
    if (!live || live->ending) continue;
    usage.attached = live->attached;
    looks.push_back({out->size() - 1, *live->supervisor_pid, live->container->str(), limited_disk(*live)});
  }
  auto look_at_all = [out, looks = std::move(looks)] {
    for (const auto& look : looks) measure(look, (*out)[look.index]);
  };
  co_await parts_.blocking.run(std::move(look_at_all));
  for (auto& usage : *out) {
    if (!is_live(usage.session.id)) continue;
    auto door = co_await parts_.doors.show(usage.session.id);
    if (!door) continue;
    usage.traffic = Traffic{door->counts.sent, door->counts.received, door->counts.denied,
                            door->connections.size(), door->questions.size()};
  }
  co_return std::move(*out);
}

}  // namespace brig::session
