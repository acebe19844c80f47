#include "service/rates.hpp"

#include "core/text.hpp"

namespace brig::service {
namespace {

std::string bucket_of(const session::Caller& caller, const std::string& mesh) {
  return mesh + " " + (caller.agent ? caller.credential : caller.owner);  // an agent spends nobody else's
}

}  // namespace

std::uint64_t Rates::bound(Operation operation, const session::Caller& caller,
                           const std::string& mesh) const {
  if (caller.role == session::Caller::Role::admin) return 0;
  const auto& rules = meshes_.of(mesh);
  return operation == Operation::call ? rules.calls_per_minute : rules.deploys_per_minute;
}

Result<void> Rates::take(Operation operation, const session::Caller& caller, const std::string& mesh,
                         SteadyTime now) {
  auto bound = this->bound(operation, caller, mesh);
  if (bound == 0) return {};
  auto most = static_cast<double>(bound);
  auto& limiter = limiters_.try_emplace({bound, operation}, most / 60, most).first->second;
  auto wait = limiter.take(bucket_of(caller, mesh), now);
  if (!wait) return {};
  auto seconds = std::chrono::ceil<std::chrono::seconds>(*wait).count();
  std::string what =
      operation == Operation::call ? " calls" : " deployments, updates, rollbacks, restarts and pauses";
  return Error{Code::rate_limited,
               "mesh " + quoted(mesh) + " lets each member have " + std::to_string(bound) + what +
                   " a minute; come again in " + std::to_string(seconds) + " s",
               "service", true};
}

Millis Rates::wait(Operation operation, const session::Caller& caller, const std::string& mesh,
                   SteadyTime now) const {
  auto it = limiters_.find({bound(operation, caller, mesh), operation});
  if (it == limiters_.end()) return Millis(0);
  return it->second.peek(bucket_of(caller, mesh), now).value_or(Millis(0));
}

}  // namespace brig::service
