#include "prune/plan.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::prune {
namespace {

using session::VolumeView;

// Everything that somebody has or will have, and by whom.
std::map<std::string, std::vector<std::string>> holders_of(const Evidence& seen) {
  std::map<std::string, std::vector<std::string>> out;
  for (const auto& session : seen.sessions) {
    auto name = session.name.empty() ? "another's session" : "session " + quoted(session.name);
    auto says = session.phase == "ended" ? name + " has ended, and would have it again when it is restored"
                                         : name + " (" + session.phase + ") has it or will have it";
    for (const auto& volume : session.volumes) out[volume].push_back(says);
  }
  for (const auto& container : seen.containers) {
    auto says = (container.name.empty() ? "a container" : "container " + quoted(container.name)) + " (" +
                container.state + ")" + (container.ours ? "" : ", which is not Brig's,") + " has it";
    for (const auto& volume : container.volumes) out[volume].push_back(says);
  }
  // Of a container's mounts its name says more.
  std::map<std::string, std::vector<std::string>> mounted;
  for (const auto& mount : seen.mounts) {
    if (out.contains(mount.volume)) continue;
    mounted[mount.volume].push_back(mount.point.empty() ? "it is mounted on the host"
                                                        : "it is mounted at " + quoted(mount.point, 256));
  }
  out.merge(mounted);
  return out;
}

// The last used of each owner, mesh and provider.
std::set<std::string> last_used(const std::vector<VolumeView>& volumes, std::uint64_t number) {
  std::map<std::tuple<std::string, std::string, std::string>, std::vector<const VolumeView*>> groups;
  for (const auto& volume : volumes) groups[{volume.owner, volume.mesh, volume.provider}].push_back(&volume);
  std::set<std::string> out;
  for (auto& [group, members] : groups) {
    std::stable_sort(members.begin(), members.end(), [](const auto* a, const auto* b) {
      return std::tuple(session::last_use(*b), a->engine) < std::tuple(session::last_use(*a), b->engine);
    });
    for (std::size_t i = 0; i < members.size() && i < number; ++i) out.insert(members[i]->engine);
  }
  return out;
}

}  // namespace

std::string rounded(Millis time) {
  constexpr Millis kDay = std::chrono::hours(24);
  if (time < 2 * kDay) return format_duration(std::max(Millis{0}, time));
  return std::to_string(time / kDay) + "d";
}

Plan make_plan(Rules rules, const Evidence& seen) {
  Plan out;
  out.at = seen.at;
  auto unused_for = rules.filter.unused_for.value_or(kUnusedFor);
  rules.filter.unused_for.reset();  // who does not fulfil this one is told why
  auto holders = holders_of(seen);
  std::vector<VolumeView> meant;
  for (const auto& volume : seen.volumes)
    if (session::matches(volume, rules.filter, seen.at)) meant.push_back(volume);
  auto last = last_used(meant, rules.keep_last);
  for (const auto& volume : meant) {
    Verdict verdict{volume, false, {}};
    if (volume.pinned) verdict.reasons.push_back("it is pinned");
    for (const auto& name : volume.sessions) verdict.reasons.push_back("session " + quoted(name) + " has it");
    if (auto held = holders.find(volume.engine); held != holders.end())
      verdict.reasons.insert(verdict.reasons.end(), held->second.begin(), held->second.end());
    auto idle = rounded(std::chrono::duration_cast<Millis>(seen.at - session::last_use(volume)));
    if (seen.at - session::last_use(volume) < unused_for)
      verdict.reasons.push_back((volume.used ? "it was used " : "it was made ") + idle +
                                " ago, which is less than " + rounded(unused_for));
    if (last.contains(volume.engine))
      verdict.reasons.push_back("it is among the last " + std::to_string(rules.keep_last) + " used");
    verdict.goes = verdict.reasons.empty();
    if (verdict.goes) {
      verdict.reasons.push_back(volume.used ? "nobody used it for " + idle
                                            : "nobody ever used it, for " + idle);
      if (volume.orphan) verdict.reasons.push_back("its identity or provider is gone");
      out.bytes += volume.allocated.value_or(volume.held.value_or(0));
    }
    out.verdicts.push_back(std::move(verdict));
  }
  std::stable_sort(out.verdicts.begin(), out.verdicts.end(), [](const Verdict& a, const Verdict& b) {
    if (a.goes != b.goes) return a.goes;
    if (a.goes && a.volume.allocated != b.volume.allocated)
      return a.volume.allocated.value_or(0) > b.volume.allocated.value_or(0);
    return a.volume.engine < b.volume.engine;
  });
  rules.filter.unused_for = unused_for;
  out.rules = std::move(rules);
  return out;
}

std::string use_of(const VolumeView& volume) {
  return format_time(session::last_use(volume));
}

std::vector<std::string> differences(const std::vector<Agreed>& agreed, const Plan& now) {
  std::map<std::string, const Verdict*> verdicts;
  for (const auto& verdict : now.verdicts) verdicts[verdict.volume.engine] = &verdict;
  std::vector<std::string> out;
  for (const auto& one : agreed) {
    auto at = verdicts.find(one.volume);
    if (at == verdicts.end()) {
      out.push_back(quoted(one.volume, 128) + " is not there any more, or is not meant by these filters");
    } else if (!at->second->goes) {
      out.push_back(quoted(one.volume, 128) + ": " + at->second->reasons.front());
    } else if (use_of(at->second->volume) != one.used) {
      out.push_back(quoted(one.volume, 128) + " was used since");
    }
  }
  return out;
}

}  // namespace brig::prune
