#include "daemon/engine_watch.hpp"

#include "core/log.hpp"
#include "policy/compile.hpp"

namespace brig::daemon {
namespace {

constexpr Millis kFirstPause{100};
constexpr Millis kLongestPause{5'000};

bool ends_something(const std::string& action) {
  return action == "die" || action == "destroy" || action == "oom" || action == "kill";
}

}  // namespace

net::Task<void> EngineWatch::run() {
  auto pause = kFirstPause;
  while (true) {
    auto ended = co_await follow();
    if (answers_) pause = kFirstPause;
    lost(ended ? Error{Code::unavailable, "the engine closed its stream of events", "engine", true}
               : ended.error());
    co_await net::sleep_for(pause);
    pause = std::min(pause * 2, kLongestPause);
  }
}

net::Task<Result<void>> EngineWatch::follow() {
  docker::EventFilter filter;
  filter.types = {"container"};
  filter.labels = {std::string(policy::kLabelInstallation) + "=" + installation_};
  BRIG_CO_TRY(auto events, co_await engine_.system().events(std::move(filter), Deadline::in(Millis(10'000))));
  answers_ = true;
  log::info("the engine answers", {{"engine", engine_.endpoint().str()}});
  if (on_return) on_return();
  while (true) {
    BRIG_CO_TRY(auto event, co_await events->next());
    if (!event) co_return Result<void>();
    if (ends_something(event->action) && on_change) on_change();
    auto session = event->attributes.find(policy::kLabelSession);
    bool made = event->action == "create" && session != event->attributes.end();
    if (made && is_session_id(session->second) && on_create) on_create(SessionId(session->second));
  }
}

void EngineWatch::lost(const Error& error) {
  if (answers_ || why_not_ != error.message) log::warn("the engine is away", {{"error", error}});
  answers_ = false;
  why_not_ = error.message;
}

}  // namespace brig::daemon
