// Servers that nobody calls stand still, and go on when somebody does.
#include <algorithm>

#include "core/log.hpp"
#include "core/text.hpp"
#include "service/unit.hpp"

namespace brig::service {

net::Task<Result<View>> Manager::pause(session::Caller caller, std::string mesh, std::string name) {
  return change(std::move(caller), std::move(mesh), std::move(name), &Manager::pause_steps);
}

net::Task<Result<void>> Manager::pause_steps(UnitRef unit) {
  auto turn = co_await take_turn(unit);
  if (unit->gone) co_return gone_meanwhile(unit->purpose());
  BRIG_CO_CHECK(must_run(*unit));
  auto server = unit->server;
  if (!server || !serves(unit->state))
    co_return Error{Code::conflict,
                    "service " + quoted(unit->purpose(), 200) + " is " +
                        std::string(to_string(unit->found())) + "; only one that runs can be paused",
                    "service", false};
  BRIG_CO_CHECK(co_await server->sleep());
  (void)co_await rest(unit, server);
  co_return Result<void>();
}

// When it is to be pinged or, if that is sooner, has been unused for long enough.
Deadline Manager::next_look(const Unit& unit, const Server& server) const {
  auto wait = options_.ping_every;
  if (unit.spec.idle && !server.asleep())
    wait = std::clamp(*unit.spec.idle - server.unused_for(), Millis(1), wait);
  return Deadline::in(wait);
}

// Puts it to sleep if nobody has used it for long, and shows whether it sleeps.
net::Task<bool> Manager::rest(UnitRef unit, std::shared_ptr<Server> server) {
  auto idle = unit->spec.idle;
  if (idle && !server->asleep() && server->unused_for() >= *idle) {
    auto slept = co_await server->sleep();
    if (!slept)
      log::debug("a service is not put to sleep", {{"name", unit->purpose()}, {"error", slept.error()}});
  }
  auto state = server->asleep() ? State::paused : State::running;
  if (unit->server == server && serves(unit->state) && unit->state != state)
    co_await set_state(unit, state, state == State::paused ? "it goes on when it is called" : "");
  co_return server->asleep();
}

}  // namespace brig::service
