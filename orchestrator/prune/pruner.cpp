#include "prune/pruner.hpp"

#include <nlohmann/json.hpp>
#include <set>

#include "core/text.hpp"

namespace brig::prune {

using session::Caller;

Pruner::Pruner(Sources sources, events::Log& events, metrics::Registry& metrics)
    : sources_(sources),
      events_(events),
      pruned_(metrics.counter("brig_volumes_pruned_total", "Volumes that prunes took.")),
      freed_(metrics.counter("brig_volumes_pruned_bytes_total", "What the host had again of that.")) {}

net::Task<Result<Plan>> Pruner::plan(Caller caller, Rules rules) {
  BRIG_CO_TRY(auto seen, co_await take_evidence(sources_, std::move(caller)));
  co_return make_plan(std::move(rules), seen);
}

net::Task<Result<Verdict>> Pruner::verdict(Caller caller, std::string volume) {
  BRIG_CO_TRY(auto seen, co_await take_evidence(sources_, std::move(caller)));
  auto plan = make_plan({}, seen);
  for (auto& verdict : plan.verdicts)
    if (verdict.volume.engine == volume) co_return std::move(verdict);
  co_return Error{Code::not_found, "there is no volume " + quoted(volume, 128), "prune", false};
}

net::Task<Step> Pruner::prune_one(session::VolumeView volume, bool quarantine,
                                  std::function<void(const std::string&, double)> progress) {
  Step step{volume.engine, false, "", volume.allocated.value_or(volume.held.value_or(0))};
  if (quarantine) {
    std::function<void(double)> tell;
    if (progress) tell = [progress, name = volume.engine](double fraction) { progress(name, fraction); };
    auto archived = co_await sources_.quarantine.put(volume.engine, std::move(tell));
    step.gone = archived.ok();
    if (archived)
      step.bytes -= std::min(step.bytes, *archived);
    else
      step.reason = archived.error().message;
  } else {
    auto removed = co_await sources_.volumes.remove(volume.engine, true);
    step.gone = removed.ok();
    if (!removed) step.reason = removed.error().message;
  }
  if (!step.gone) co_return step;
  pruned_.add();
  freed_.add(step.bytes);
  nlohmann::json detail{{"volume", volume.engine}, {"bytes", step.bytes}, {"quarantined", quarantine}};
  events_.add({"volume.pruned", {}, volume.owner, volume.mesh, detail.dump()});
  co_return step;
}

net::Task<Result<Plan>> Pruner::renewed(Caller caller, Order order) {
  BRIG_CO_TRY(auto now, co_await plan(std::move(caller), std::move(order.rules)));
  auto changed = differences(order.agreed, now);
  if (changed.empty()) co_return now;
  auto more = changed.size() > 1 ? " (and " + std::to_string(changed.size() - 1) + " more)" : std::string();
  co_return Error{Code::conflict,
                  "nothing was pruned, for what was planned is not so any more: " + changed.front() + more +
                      "; make a new plan",
                  "prune", false};
}

net::Task<Result<void>> Pruner::check(Caller caller, Order order) {
  if (running_)
    co_return Error{Code::conflict, "a prune is under way; try again when it is done", "prune", true};
  BRIG_CO_TRY(auto now, co_await renewed(std::move(caller), std::move(order)));
  co_return Result<void>();
}

net::Task<Result<Report>> Pruner::execute(Caller caller, Order order, Listener listener) {
  if (std::exchange(running_, true))
    co_return Error{Code::conflict, "a prune is under way; try again when it is done", "prune", true};
  struct Turn {
    bool& running;
    ~Turn() { running = false; }
  };
  Turn turn{running_};
  std::set<std::string> agreed;
  for (const auto& one : order.agreed) agreed.insert(one.volume);
  bool quarantine = order.quarantine;
  BRIG_CO_TRY(auto now, co_await renewed(std::move(caller), std::move(order)));
  Report report;
  for (const auto& verdict : now.verdicts) {
    if (!verdict.goes || !agreed.contains(verdict.volume.engine)) continue;
    auto step = co_await prune_one(verdict.volume, quarantine, listener.progress);
    if (step.gone) report.bytes += step.bytes;
    if (listener.step) listener.step(step);
    report.steps.push_back(std::move(step));
  }
  co_return report;
}

}  // namespace brig::prune
