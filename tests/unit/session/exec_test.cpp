// Processes beside the first: what is recorded, and what stays when something fails.
#include "support.hpp"

namespace brig::session {
namespace {

const SessionId kId("00000000000000aa");

net::Task<Result<ProcessView>> ended(House& house, std::uint32_t number) {
  AttachSpec spec;
  spec.process = number;
  BRIG_CO_TRY(auto attachment, co_await house.manager->attach(house.caller(), "one", spec));
  while (true) {
    BRIG_CO_TRY(auto event, co_await attachment->next());
    if (!event) break;
  }
  BRIG_CO_TRY(auto view, co_await house.manager->get(house.caller(), "one"));
  for (auto& process : view.processes)
    if (process.number == number) co_return std::move(process);
  co_return Error{Code::not_found, "no such process in the view", "test", false};
}

net::Task<void> recorded_and_told(House& house) {
  EXPECT_TRUE(co_await house.adopt(kId));
  auto started = co_await house.manager->exec(house.caller(), "one", House::shell("echo x; exit 3"));
  EXPECT_TRUE(started) << started.error().message;
  auto process = co_await ended(house, started->number);
  EXPECT_TRUE(process);
  EXPECT_EQ(process->outcome->code, 3);
  EXPECT_EQ(process->output_end, 2u);
}
TEST(Exec, IsRecordedAndItsEndIsTold) {
  with_house(recorded_and_told);
}

net::Task<void> unrecorded(House& house) {
  EXPECT_TRUE(co_await house.adopt(kId));
  auto refuse = [](store::Connection& c) {
    return c.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON processes BEGIN SELECT RAISE(ABORT, 'full'); END");
  };
  EXPECT_TRUE(co_await house.database->run(refuse));
  auto refused = co_await house.manager->exec(house.caller(), "one", House::shell("true"));
  EXPECT_FALSE(refused);
  AttachSpec spec;
  spec.process = 2;
  auto attached = co_await house.manager->attach(house.caller(), "one", spec);
  EXPECT_TRUE(!attached && attached.error().code == Code::not_found) << "it can be attached to";
  EXPECT_FALSE(std::filesystem::exists(house.paths.output(kId, 2)));

  auto allow = [](store::Connection& c) { return c.execute("DROP TRIGGER refuse"); };
  auto allowed = co_await house.database->run(allow);
  EXPECT_TRUE(allowed) << allowed.error().message;
  auto started = co_await house.manager->exec(house.caller(), "one", House::shell("true"));
  EXPECT_TRUE(started) << started.error().message;
  if (!started) co_return;
  EXPECT_EQ(started->number, 2u);
}
TEST(Exec, WhatCouldNotBeRecordedNeverWas) {
  with_house(unrecorded);
}

net::Task<void> ask_in_vain(House& house) {
  auto answer = co_await house.manager->exec(house.caller(), "one", House::shell("sleep 1000"));
  ADD_FAILURE() << (answer ? "it was started" : answer.error().message);
}

// The caller leaves while the supervisor is stopped; the process starts when it goes on, for nobody.
net::Task<void> abandoned(House& house) {
  EXPECT_TRUE(co_await house.adopt(kId));
  init::stop_child(house.init_pid);
  net::Scope caller(house.executor, "caller");
  caller.spawn(ask_in_vain(house));
  // It leaves once there is a process to leave.
  for (std::size_t known = 0; known < 2;) {
    auto view = co_await house.manager->get(house.caller(), "one");
    EXPECT_TRUE(view) << view.error().message;
    if (!view) break;
    known = view->processes.size();
  }
  co_await caller.close();
  init::continue_children();
  auto process = co_await ended(house, 2);
  EXPECT_TRUE(process) << process.error().message;
  if (!process) co_return;
  EXPECT_EQ(process->outcome->kind, Outcome::Kind::signaled);
  EXPECT_EQ(process->outcome->signal, 9);
}
TEST(Exec, WhoeverLeavesBeforeTheAnswerLeavesNoProcess) {
  with_house(abandoned);
}

// 64 processes can be known inside. Those whose end was recorded, but not yet told to the supervisor when
// brigd was killed, must not hold their places.
net::Task<void> places(House& house) {
  EXPECT_TRUE(co_await house.adopt(kId));
  for (int life = 0; life < 2; ++life) {
    auto before = co_await house.manager->get(house.caller(), "one");
    auto number = static_cast<std::uint32_t>(before->processes.size());
    // They end while no brigd looks...
    for (int i = 0; i < 62; ++i) {
      auto started = co_await house.manager->exec(house.caller(), "one", House::shell("kill -STOP $$"));
      EXPECT_TRUE(started) << "life " << life << ", process " << i << ": " << started.error().message;
      if (!started) co_return;
    }
    while (init::stopped_children(house.init_pid) < 62) co_await net::sleep_for(Millis{5});
    co_await house.manager->close();
    house.manager.reset();
    init::continue_children();
    // ...and the next one has their ends in the ledger, as if it had been killed right after recording them.
    Outcome outcome;
    for (std::uint32_t i = 0; i < 62; ++i) {
      EXPECT_TRUE(co_await house.processes.set_ended(kId, number + 1 + i, house.clock.wall(),
                                                     outcome_to_json(outcome)));
    }
    house.open();
    EXPECT_TRUE(co_await house.manager->adopt(kId, ContainerId("0123456789ab")));
  }
}
TEST(Exec, WhatEndedBeforeARestartHoldsNoPlace) {
  with_house(places);
}

// brigd was killed between recording a process and starting it.
net::Task<void> recorded_only(House& house) {
  EXPECT_TRUE(co_await house.adopt(kId));
  co_await house.manager->close();
  house.manager.reset();
  store::ProcessRow row{kId, 2, "[\"true\"]", "/", false, false, house.clock.wall(), {}, {}};
  EXPECT_TRUE(co_await house.processes.put(row));
  house.open();
  EXPECT_TRUE(co_await house.manager->adopt(kId, ContainerId("0123456789ab")));
  auto process = co_await ended(house, 2);
  EXPECT_TRUE(process) << process.error().message;
  EXPECT_EQ(process->outcome->kind, Outcome::Kind::spawn_failed);
  auto next = co_await house.manager->exec(house.caller(), "one", House::shell("true"));
  EXPECT_TRUE(next) << next.error().message;
  EXPECT_EQ(next->number, 3u);
}
TEST(Exec, WhatWasRecordedButNeverStartedIsSaidToHaveFailed) {
  with_house(recorded_only);
}

}  // namespace
}  // namespace brig::session
