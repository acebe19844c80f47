// What a server can do wrong: each has a defined outcome, and no other call is harmed.
#include "scripted.hpp"

namespace brig::mcp::testing {
namespace {

using net::Task;

TEST(ServerFaults, AnswersTwice) {
  play([](World& w) -> Task<void> {
    auto& first = w.call("a");
    auto& second = w.call("b");
    w.pipe.say(result("1", R"({"n":1})"));
    w.pipe.say(result("1", R"({"n":2})"));
    w.pipe.say(result("2", R"({"n":3})"));
    co_await w.settled(first);
    co_await w.settled(second);
    EXPECT_EQ((**first.outcome).json, R"({"n":1})");
    EXPECT_EQ((**second.outcome).json, R"({"n":3})");
    EXPECT_EQ(w.observer.strays, std::vector<std::string>{R"(1 {"n":2})"});
  });
}

TEST(ServerFaults, AnswersIdsThatNobodyAsked) {
  play([](World& w) -> Task<void> {
    auto& call = w.call("a");
    std::vector<std::string> ids = {"0", "2", "-1", "99999999999999999", "\"1\"", "\"\""};
    for (const auto& id : ids) w.pipe.say(result(id, "{}"));
    w.pipe.say(R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}})");
    w.pipe.say(result("1", R"({"mine":true})"));
    co_await w.settled(call);
    EXPECT_EQ((**call.outcome).json, R"({"mine":true})");
    EXPECT_EQ(w.observer.strays.size(), ids.size());
    EXPECT_EQ(w.observer.faults.size(), 1u);
  });
}

TEST(ServerFaults, NeverAnswersButOthers) {
  play([](World& w) -> Task<void> {
    auto soon = World::plain("slow");
    soon.deadline = Deadline::in(Millis(5));
    auto& slow = w.call(std::move(soon));
    auto& quick = w.call("quick");
    w.pipe.say(result("2", "{}"));
    co_await w.settled(quick);
    co_await w.settled(slow);
    EXPECT_TRUE(*quick.outcome);
    EXPECT_EQ(slow.outcome->error().code, Code::timeout);
    EXPECT_EQ(slow.outcome->error().message, "ev did not answer slow in time");
  });
}

TEST(ServerFaults, DiesInTheMiddleOfALine) {
  play([](World& w) -> Task<void> {
    auto& first = w.call("a");
    auto& second = w.call("b");
    LineSplitter splitter;
    auto take = [&w](Line line) { w.pipe.say(std::move(line)); };
    splitter.feed(result("2", R"({"whole":true})") + "\n" + R"({"jsonrpc":"2.0","id":1,"resu)", take);
    co_await w.settled(second);
    EXPECT_EQ((**second.outcome).json, R"({"whole":true})");
    if (auto rest = splitter.finish()) w.pipe.say(std::move(*rest));
    w.pipe.end(Error{Code::unavailable, "the server was ended by signal 9", "test", true});
    co_await w.settled(first);
    // The half line already tells that this answer will not come.
    EXPECT_EQ(first.outcome->error().code, Code::protocol);
    co_await w.observer.until(w.observer.ends, 1);
  });
}

TEST(ServerFaults, DiesWithCallsInFlight) {
  play([](World& w) -> Task<void> {
    std::vector<RunningCall*> calls;
    for (int i = 0; i < 50; ++i) calls.push_back(&w.call("tools/call"));
    w.observer.hold_requests = true;
    w.pipe.say(R"({"jsonrpc":"2.0","id":1,"method":"roots/list"})");
    co_await w.observer.until(w.observer.requests, 1);
    w.pipe.end(Error{Code::unavailable, "the server exited with code 3", "test", true});
    for (auto* call : calls) {
      co_await w.settled(*call);
      EXPECT_EQ(call->outcome->error().code, Code::unavailable);
      EXPECT_EQ(call->outcome->error().message, "the server exited with code 3");
    }
    EXPECT_EQ(w.observer.ends, std::vector<std::string>{"the server exited with code 3"});
    while (w.observer.requests_left < 1) co_await w.observer.changed.wait();
    // And so is whoever comes later.
    auto& late = w.call("tools/call");
    co_await w.settled(late);
    EXPECT_EQ(late.outcome->error().message, "the server exited with code 3");
    EXPECT_EQ(w.client.ended()->message, "the server exited with code 3");
  });
}

TEST(ServerFaults, ClosesItsInputAndThenTellsWhy) {
  play([](World& w) -> Task<void> {
    w.pipe.set_broken(Error{Code::unavailable, "Broken pipe", "test", false});
    auto& call = w.call("a");
    w.pipe.end(Error{Code::unavailable, "the server exited with code 3", "test", true});
    co_await w.settled(call);
    EXPECT_EQ(call.outcome->error().message, "the server exited with code 3");
  });
}

TEST(ServerFaults, ClosesItsInputAndLivesOn) {
  play([](World& w) -> Task<void> {
    w.pipe.set_broken(Error{Code::unavailable, "Broken pipe", "test", false});
    auto& call = w.call("a");
    co_await w.settled(call);
    EXPECT_EQ(call.outcome->error().message, "Broken pipe");
    EXPECT_EQ(w.observer.ends, std::vector<std::string>{"Broken pipe"});
  });
}

TEST(ServerFaults, SendsALineOfAHundredMegabytes) {
  play([](World& w) -> Task<void> {
    auto& first = w.call("id first");
    auto& last = w.call("id last");
    auto& other = w.call("other");
    LineSplitter splitter;
    auto take = [&w](Line line) { w.pipe.say(std::move(line)); };
    const std::string block(1 << 20, 'x');
    splitter.feed(R"({"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":")", take);
    for (int i = 0; i < 100; ++i) {
      splitter.feed(block, take);
      EXPECT_LE(splitter.held(), kMaxLine);
    }
    splitter.feed("\"}]}}\n", take);
    splitter.feed(R"({"result":{"content":[{"type":"text","text":")", take);
    for (int i = 0; i < 100; ++i) splitter.feed(block, take);
    splitter.feed("\"}]},\"jsonrpc\":\"2.0\",\"id\":2}\r\n" + result("3", "{}") + "\n", take);
    co_await w.settled(first);
    co_await w.settled(last);
    co_await w.settled(other);
    EXPECT_EQ(first.outcome->error().code, Code::too_large);
    EXPECT_EQ(last.outcome->error().code, Code::too_large);
    EXPECT_TRUE(*other.outcome);
  });
}

TEST(ServerFaults, AnswersWithTheWrongTypes) {
  play([](World& w) -> Task<void> {
    std::vector<std::string> answers = {
        R"({"jsonrpc":"2.0","id":ID,"result":7})",
        R"({"jsonrpc":"2.0","id":ID,"result":null})",
        R"({"jsonrpc":"2.0","id":ID,"result":[]})",
        R"({"jsonrpc":"2.0","id":ID})",
        R"({"jsonrpc":"2.0","id":ID,"result":{},"error":{"code":1,"message":""}})",
        R"({"jsonrpc":"2.0","id":ID,"error":"no"})",
        R"({"jsonrpc":"2.0","id":ID,"error":{"code":"1","message":"m"}})",
        R"({"jsonrpc":"2.0","id":ID,"error":{"code":1.5,"message":"m"}})",
        R"({"jsonrpc":"2.0","id":ID,"error":{"code":1}})",
        R"({"jsonrpc":"1.0","id":ID,"result":{}})",
        R"({"jsonrpc":2.0,"id":ID,"result":{}})",
        R"({"jsonrpc":"2.0","id":ID,"result":{"n":NaN}})",
        R"({"jsonrpc":"2.0","id":ID,"result":{"n":Infinity}})",
        R"({"jsonrpc":"2.0","id":ID,"result":{"n":01}})",
        R"({"jsonrpc":"2.0","id":ID,"result":{},})",
        R"({"jsonrpc":"2.0","id":ID,"result":{}} {})",
        R"({"jsonrpc":"2.0","id":ID,"result":{},"result":{}})",
        "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":{\"s\":\"\xff\"}}",
        "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":{\"s\":\"\x01\"}}",
        R"({"jsonrpc":"2.0","id":ID,"result":{"deep":)" + std::string(200, '[') + std::string(200, ']') +
            "}}",
    };
    for (auto answer : answers) {
      auto& call = w.call("a");
      auto id = id_of(co_await w.pipe.next());
      answer.replace(answer.find("ID"), 2, id);
      w.pipe.say(answer);
      co_await w.settled(call);
      EXPECT_EQ(verdict(call), "protocol") << answer;
    }
    EXPECT_EQ(w.observer.faults.size(), answers.size());
    EXPECT_TRUE(w.observer.logs.empty());
  });
}

TEST(ServerFaults, AsksWithTheWrongTypes) {
  play([](World& w) -> Task<void> {
    std::vector<std::string> lines = {
        R"([{"jsonrpc":"2.0","id":1,"method":"ping"}])",
        R"({"jsonrpc":"2.0","id":null,"method":"ping"})",
        R"({"jsonrpc":"2.0","id":1.5,"method":"ping"})",
        R"({"jsonrpc":"2.0","id":{},"method":"ping"})",
        R"({"jsonrpc":"2.0","id":")" + std::string(300, 'i') + R"(","method":"ping"})",
        R"({"jsonrpc":"2.0","id":1,"method":7})",
        R"({"jsonrpc":"2.0","id":1,"method":""})",
        R"({"jsonrpc":"2.0","id":1,"method":"ping","params":[]})",
        R"({"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":1,"A":2}})",
        R"({"jsonrpc":"2.0","id":1,"method":"ping","result":{}})",
        R"({"jsonrpc":"2.0","method":"notifications/progress","params":{}})",
    };
    for (const auto& line : lines) w.pipe.say(line);
    w.pipe.say(R"({"jsonrpc":"2.0","id":2,"method":"ping"})");
    EXPECT_EQ(co_await w.pipe.next(), result("2", "{}"));
    EXPECT_EQ(w.observer.faults.size(), lines.size());
  });
}

TEST(ServerFaults, UsesOneIdTwice) {
  play([](World& w) -> Task<void> {
    w.observer.hold_requests = true;
    for (int i = 0; i < 2; ++i) w.pipe.say(R"({"jsonrpc":"2.0","id":5,"method":"roots/list"})");
    co_await w.observer.until(w.observer.faults, 1);
    EXPECT_EQ(w.observer.requests.size(), 1u);
    w.observer.hold_requests = false;
    w.observer.changed.notify_all();
    EXPECT_EQ(co_await w.pipe.next(), result("5", "{}"));
    EXPECT_TRUE(w.pipe.nothing_sent());
  });
}

TEST(ServerFaults, AsksWithoutEnd) {
  play([](World& w) -> Task<void> {
    w.observer.hold_requests = true;
    for (int i = 0; i < 200; ++i) {
      w.pipe.say(R"({"jsonrpc":"2.0","id":)" + std::to_string(i) + R"(,"method":"roots/list"})");
    }
    // Those beyond the limit are refused at once.
    auto refusal = co_await w.pipe.next();
    EXPECT_EQ(id_of(refusal), "64");
    EXPECT_TRUE(json::find(refusal, "error").has_value());
    for (int i = 0; i < 135; ++i) co_await w.pipe.next();
    EXPECT_EQ(w.observer.requests.size(), 64u);
    auto& call = w.call("a");
    w.pipe.say(result("1", "{}"));
    co_await w.settled(call);
    EXPECT_TRUE(*call.outcome);
  });
}

TEST(ServerFaults, DoesNotReadItsInput) {
  play([](World& w) -> Task<void> {
    w.pipe.set_stuck(true);
    // Two megabytes each: the first is being written, one waits its turn, the others wait for room.
    std::vector<RunningCall*> calls;
    const std::string big = R"({"a":")" + std::string(2 << 20, 'x') + R"("})";
    for (int i = 0; i < 6; ++i) {
      auto call = World::plain("big", big);
      call.deadline = Deadline::in(Millis(50));
      calls.push_back(&w.call(std::move(call)));
    }
    // It asks and tells all the while, and is heard.
    for (int i = 0; i < 100'000; ++i) {
      w.pipe.say(R"({"jsonrpc":"2.0","id":")" + std::string(100, 'p') + R"(","method":"ping"})");
    }
    w.pipe.say(R"({"jsonrpc":"2.0","method":"notifications/message"})");
    co_await w.observer.until(w.observer.notifications, 1);
    EXPECT_FALSE(w.observer.faults.empty());  // answers to its pings that there was no room for
    for (auto* call : calls) {
      co_await w.settled(*call);
      EXPECT_EQ(call->outcome->error().code, Code::timeout);
    }
    // What was not written is not written any more; the server hears only of the first call.
    w.pipe.set_stuck(false);
    EXPECT_EQ(id_of(co_await w.pipe.next()), "1");
    for (auto line = co_await w.pipe.next();; line = co_await w.pipe.next()) {
      EXPECT_NE(json::find(line, "method"), "\"big\"");
      if (json::find(line, "method") == "\"notifications/cancelled\"") break;
    }
  });
}

TEST(ServerFaults, HasTooManyCallers) {
  Client::Options options;
  options.max_calls = 2;
  play(
      [](World& w) -> Task<void> {
        w.call("a");
        w.call("b");
        auto& third = w.call("c");
        co_await w.settled(third);
        EXPECT_EQ(third.outcome->error().code, Code::exhausted);
        EXPECT_TRUE(third.outcome->error().retryable);
      },
      options);
}

TEST(ServerFaults, IsGivenMoreThanItsLineHolds) {
  play([](World& w) -> Task<void> {
    auto& call = w.call("a", R"({"a":")" + std::string(kMaxLine, 'x') + R"("})");
    co_await w.settled(call);
    EXPECT_EQ(call.outcome->error().code, Code::too_large);
    EXPECT_TRUE(w.pipe.nothing_sent());
  });
}

TEST(ServerFaults, IsClosedUnderItsCallers) {
  play([](World& w) -> Task<void> {
    auto& call = w.call("a");
    co_await w.pipe.next();
    co_await w.client.close();
    co_await w.settled(call);
    EXPECT_EQ(call.outcome->error().code, Code::cancelled);
    EXPECT_TRUE(w.observer.ends.empty());
  });
}

}  // namespace
}  // namespace brig::mcp::testing
