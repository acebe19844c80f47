#include "scripted.hpp"

namespace brig::mcp::testing {
namespace {

using net::Task;

TEST(Client, AnswersEachCallerWithHisOwn) {
  play([](World& w) -> Task<void> {
    auto& first = w.call("tools/call", R"({"name":"a"})");
    auto& second = w.call("tools/call", R"({"name":"b"})");
    auto a = co_await w.pipe.next();
    auto b = co_await w.pipe.next();
    EXPECT_EQ(a, R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}})");
    EXPECT_EQ(id_of(b), "2");
    w.pipe.say(result("2", R"({"is":"b"})"));
    co_await w.settled(second);
    EXPECT_EQ(w.client.calls_in_flight(), 1u);
    w.pipe.say(result("1", R"({"is":"a"})"));
    co_await w.settled(first);
    EXPECT_EQ((**first.outcome).json, R"({"is":"a"})");
    EXPECT_EQ((**second.outcome).json, R"({"is":"b"})");
    EXPECT_TRUE(w.pipe.nothing_sent());
  });
}

TEST(Client, SendsTogetherWhatWaits) {
  play([](World& w) -> Task<void> {
    for (const char* method : {"a", "b", "c", "d"}) w.call(method);
    for (const char* id : {"1", "2", "3", "4"}) EXPECT_EQ(id_of(co_await w.pipe.next()), id);
    EXPECT_EQ(w.pipe.sends, 1u);
    const std::string big = R"({"a":")" + std::string(40 << 10, 'x') + R"("})";
    w.call("e", big);
    w.call("f", big);
    for (const char* id : {"5", "6"}) EXPECT_EQ(id_of(co_await w.pipe.next()), id);
    EXPECT_EQ(w.pipe.sends, 3u);
  });
}

TEST(Client, PassesResultsAndErrorsByteForByte) {
  play([](World& w) -> Task<void> {
    const std::string body =
        R"({"z":1e400,"a":9007199254740993,"s":"\ud800 \u0041/\/","_meta":{"x": [ 1.0 , -0 ]},"z2":0.10})";
    auto& one = w.call("tools/call");
    w.pipe.say(result(id_of(co_await w.pipe.next()), body));
    co_await w.settled(one);
    EXPECT_FALSE((**one.outcome).is_error);
    EXPECT_EQ((**one.outcome).json, body);

    const std::string error = R"({"message":"no\u0000","data":{"k":1E+2},"code":-32042})";
    auto& two = w.call("tools/call");
    w.pipe.say(R"({"error":)" + error + R"(,"jsonrpc":"2.0","id":)" + id_of(co_await w.pipe.next()) + "}");
    co_await w.settled(two);
    EXPECT_TRUE((**two.outcome).is_error);
    EXPECT_EQ((**two.outcome).json, error);
  });
}

TEST(Client, SendsParamsByteForByteOnOneLine) {
  play([](World& w) -> Task<void> {
    w.call("tools/call", "{\"arguments\":\n {\"n\": 1e400,\r\n \"b\":2, \"a\":18446744073709551616}}");
    auto sent = co_await w.pipe.next();
    EXPECT_EQ(json::find(sent, "params"),
              R"({"arguments":  {"n": 1e400,   "b":2, "a":18446744073709551616}})");
  });
}

TEST(Client, RefusesParamsThatTwoReadersWouldReadDifferently) {
  play([](World& w) -> Task<void> {
    for (std::string params : {R"({"name":"a","name":"b"})", R"({"name":"a","Name":"b"})",
                               R"({"name":"a","n\u0061me":"b"})", "[1]", "{", R"({"a":NaN})", "7",
                               R"({"_meta":7})", R"({"_meta":{"progressToken":1,"progresstoken":2}})"}) {
      auto& call = w.call("tools/call", params);
      co_await w.settled(call);
      EXPECT_EQ(verdict(call), "invalid") << params;
    }
    EXPECT_TRUE(w.pipe.nothing_sent());
  });
}

TEST(Client, TakesACallBackWhenItsDeadlinePasses) {
  play([](World& w) -> Task<void> {
    auto soon = World::plain("tools/call");
    soon.deadline = Deadline::in(Millis(1));
    auto& call = w.call(std::move(soon));
    auto request = co_await w.pipe.next();
    co_await w.settled(call);
    EXPECT_EQ(call.outcome->error().code, Code::timeout);
    auto cancelled = co_await w.pipe.next();
    EXPECT_EQ(json::find(cancelled, "method"), R"("notifications/cancelled")");
    EXPECT_EQ(json::find(*json::find(cancelled, "params"), "requestId"), id_of(request));
    // What comes too late is for nobody.
    w.pipe.say(result(id_of(request), "{}"));
    co_await w.observer.until(w.observer.strays, 1);
    EXPECT_EQ(w.observer.strays[0], "1 {}");
    EXPECT_TRUE(w.observer.faults.empty());
  });
}

Task<void> call_until_cancelled(World& w, net::Event& cancel) {
  using namespace net::asio::experimental::awaitable_operators;
  auto call = World::plain("tools/call");
  auto asking = w.client.request(std::move(call));
  auto first = co_await (std::move(asking) || cancel.wait());
  EXPECT_EQ(first.index(), 1u);
}

TEST(Client, NeverSendsWhatNobodyWaitsForOnceItCan) {
  play([](World& w) -> Task<void> {
    w.pipe.set_asleep(true);
    auto late = World::plain("late");
    late.deadline = Deadline::in(Millis(50));
    auto& call = w.call(std::move(late));
    co_await w.settled(call);
    EXPECT_EQ(call.outcome->error().code, Code::timeout);
    // For nobody it is not waked either: at most once more, which was under way.
    auto tries = w.pipe.waked;
    EXPECT_GT(tries, 0);
    co_await net::sleep_for(Millis(100));
    EXPECT_LE(w.pipe.waked, tries + 1);
    w.pipe.set_asleep(false);
    w.call("next");
    EXPECT_EQ(id_of(co_await w.pipe.next()), "2");
    EXPECT_TRUE(w.pipe.nothing_sent());
  });
}

TEST(Client, TakesACallBackWhenItsCallerGoes) {
  play([](World& w) -> Task<void> {
    net::Event cancel(w.scope.executor());
    w.scope.spawn(call_until_cancelled(w, cancel));
    auto request = co_await w.pipe.next();
    cancel.notify_all();
    auto cancelled = co_await w.pipe.next();
    EXPECT_EQ(json::find(*json::find(cancelled, "params"), "requestId"), id_of(request));
    EXPECT_EQ(w.client.calls_in_flight(), 0u);
  });
}

TEST(Client, NeverTakesBackTheHandshake) {
  play([](World& w) -> Task<void> {
    auto limit = Deadline::in(Millis(1));
    auto server = co_await w.client.initialize(limit);
    EXPECT_EQ(server.error().code, Code::timeout);
    EXPECT_EQ(json::find(co_await w.pipe.next(), "method"), R"("initialize")");
    EXPECT_TRUE(w.pipe.nothing_sent());
  });
}

TEST(Client, GivesProgressBackUnderTheCallersOwnToken) {
  play([](World& w) -> Task<void> {
    std::vector<std::string> told;
    auto tell = [&told](std::string params) { told.push_back(std::move(params)); };
    auto one = World::plain("tools/call", R"({"_meta":{"progressToken":"mine","k":1},"name":"x"})");
    one.on_progress = tell;
    auto two = World::plain("tools/call", R"({"name":"y","_meta":{"progressToken":"mine"}})");
    two.on_progress = tell;
    auto three = World::plain("tools/call");
    three.on_progress = tell;
    auto& first = w.call(std::move(one));
    auto& second = w.call(std::move(two));
    auto& third = w.call(std::move(three));
    EXPECT_EQ(json::find(co_await w.pipe.next(), "params"),
              R"({"_meta":{"progressToken":1,"k":1},"name":"x"})");
    EXPECT_EQ(json::find(co_await w.pipe.next(), "params"), R"({"name":"y","_meta":{"progressToken":2}})");
    EXPECT_EQ(json::find(co_await w.pipe.next(), "params"), R"({"_meta":{"progressToken":3}})");
    for (std::string token : {"3", "2", "1", "9", "\"mine\""}) {
      w.pipe.say(
          R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":0.50,"progressToken":)" +
          token + "}}");
    }
    for (std::string id : {"1", "2", "3"}) w.pipe.say(result(id, "{}"));
    co_await w.settled(first);
    co_await w.settled(second);
    co_await w.settled(third);
    std::vector<std::string> expected = {R"({"progress":0.50,"progressToken":3})",
                                         R"({"progress":0.50,"progressToken":"mine"})",
                                         R"({"progress":0.50,"progressToken":"mine"})"};
    EXPECT_EQ(told, expected);
  });
}

TEST(Client, KeepsATokenFromTheServerThatNobodyListensTo) {
  play([](World& w) -> Task<void> {
    // Else it could meet another call's.
    w.call("tools/call", R"({"_meta":{"progressToken":2}})");
    EXPECT_EQ(json::find(co_await w.pipe.next(), "params"), R"({"_meta":{"progressToken":1}})");
  });
}

TEST(Client, LetsTheServerAsk) {
  play([](World& w) -> Task<void> {
    w.observer.reply = Answer::result(R"({"roots":[]})");
    w.pipe.say(R"({"jsonrpc":"2.0","id":"r-\u0031","method":"roots/list"})");
    EXPECT_EQ(co_await w.pipe.next(), R"({"jsonrpc":"2.0","id":"r-\u0031","result":{"roots":[]}})");
    w.observer.reply = Answer::error(-1, "the person said \"no\"");
    w.pipe.say(R"({"jsonrpc":"2.0","id":7,"method":"elicitation/create","params":{"message":"?"}})");
    EXPECT_EQ(co_await w.pipe.next(),
              R"({"jsonrpc":"2.0","id":7,"error":{"code":-1,"message":"the person said \"no\""}})");
    std::vector<std::string> expected = {"roots/list ", R"(elicitation/create {"message":"?"})"};
    EXPECT_EQ(w.observer.requests, expected);
  });
}

TEST(Client, AnswersPingByItself) {
  play([](World& w) -> Task<void> {
    w.pipe.say(R"({"jsonrpc":"2.0","id":3,"method":"ping"})");
    EXPECT_EQ(co_await w.pipe.next(), result("3", "{}"));
    EXPECT_TRUE(w.observer.requests.empty());
  });
}

TEST(Client, LetsTheServerTakeItsRequestBack) {
  play([](World& w) -> Task<void> {
    w.observer.hold_requests = true;
    w.pipe.say(R"({"jsonrpc":"2.0","id":"a","method":"sampling/createMessage","params":{}})");
    co_await w.observer.until(w.observer.requests, 1);
    w.pipe.say(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"a"}})");
    while (w.observer.requests_left < 1) co_await w.observer.changed.wait();
    // The id is free again, and what was taken back gets no answer.
    w.observer.hold_requests = false;
    w.pipe.say(R"({"jsonrpc":"2.0","id":"a","method":"roots/list"})");
    EXPECT_EQ(co_await w.pipe.next(), result("\"a\"", "{}"));
    EXPECT_TRUE(w.pipe.nothing_sent());
  });
}

TEST(Client, PassesNotificationsAndLogLinesOn) {
  play([](World& w) -> Task<void> {
    w.pipe.say(R"({"jsonrpc":"2.0","method":"notifications/tools/list_changed"})");
    w.pipe.say("Starting up …");
    w.pipe.say(R"({"level":30,"msg":"structured"})");
    w.pipe.say(R"({"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}})");
    co_await w.observer.until(w.observer.notifications, 2);
    EXPECT_EQ(w.observer.notifications[0], "notifications/tools/list_changed ");
    EXPECT_EQ(w.observer.notifications[1], R"(notifications/message {"level":"info","data":1})");
    std::vector<std::string> logs = {"Starting up …", R"({"level":30,"msg":"structured"})"};
    EXPECT_EQ(w.observer.logs, logs);
  });
}

TEST(Client, NotifiesTheServer) {
  play([](World& w) -> Task<void> {
    auto limit = Deadline::in(Millis(20'000));
    auto sent = co_await w.client.notify("notifications/roots/list_changed", "", limit);
    EXPECT_TRUE(sent);
    EXPECT_EQ(co_await w.pipe.next(), R"({"jsonrpc":"2.0","method":"notifications/roots/list_changed"})");
  });
}

TEST(Client, GoesOnWhereAFormerOneStopped) {
  Client::Options options;
  options.first_id = 1'000;
  play(
      [](World& w) -> Task<void> {
        w.pipe.say(result("17", R"({"for":"the former"})"));
        co_await w.observer.until(w.observer.strays, 1);
        EXPECT_EQ(w.observer.strays[0], R"(17 {"for":"the former"})");
        w.call("ping");
        EXPECT_EQ(id_of(co_await w.pipe.next()), "1000");
        EXPECT_EQ(w.client.next_id(), 1'001u);
      },
      options);
}

}  // namespace
}  // namespace brig::mcp::testing
