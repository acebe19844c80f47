#include "gateway_world.hpp"

namespace brig::mcp::testing {
namespace {

using net::Task;

void add_two(Mesh& mesh) {
  for (std::string name : {"ev", "fs"}) {
    auto& service = mesh.services[name];
    service.items[Listing::tools] = {
        {"echo", R"({"name":"echo","inputSchema":{"n":1e400},"annotations":{"readOnlyHint":true}})"}};
    service.items[Listing::resources] = {{"demo://" + name, R"({"uri":"demo://)" + name + R"("})"},
                                         {"demo://both", R"({"uri":"demo://both"})"}};
  }
}

TEST(Gateway, GreetsForAMeshAndForOneService) {
  play_gateway([](Mesh& mesh) -> Task<void> {
    add_two(mesh);
    std::string hello =
        R"({"jsonrpc":"2.0","id":"h","method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{}}})";
    auto all = co_await mesh.post(mesh.from("ann", ""), hello);
    auto& reply = std::get<Gateway::Reply>(all);
    EXPECT_EQ(reply.session.size(), 32u);
    auto result = member(reply.message, "result");
    EXPECT_EQ(member(result, "protocolVersion"), R"("2025-03-26")");
    EXPECT_NE(json::find_text(result, "instructions")->find("ev:\nuse ev"), std::string::npos);
    auto one = co_await mesh.post(mesh.from("ann", "", "ev"), hello);
    result = member(std::get<Gateway::Reply>(one).message, "result");
    EXPECT_EQ(member(result, "capabilities"),
              R"({"tools":{},"prompts":{},"resources":{"subscribe":true},"logging":{}})");
    EXPECT_EQ(member(result, "serverInfo"), R"({"name":"ev","version":"9"})");
    EXPECT_EQ(member(result, "instructions"), R"("use ev")");
    auto none = co_await mesh.post(mesh.from("ann", "", "gone"), hello);
    EXPECT_NE(member(std::get<Gateway::Reply>(none).message, "error"), "none");
    EXPECT_EQ(mesh.gateway.sessions(), 2u);
    auto elsewhere = mesh.from("ann", "");
    elsewhere.place.mesh = "other";
    EXPECT_EQ(status_of(co_await mesh.post(elsewhere, hello)), 404);
  });
}

TEST(Gateway, KeepsSessionsToThoseWhoBeganThem) {
  play_gateway([](Mesh& mesh) -> Task<void> {
    add_two(mesh);
    auto id = co_await mesh.begin("ann");
    std::string ping = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";
    EXPECT_EQ(status_of(co_await mesh.post(mesh.from("ann", id), ping)), 200);
    EXPECT_EQ(status_of(co_await mesh.post(mesh.from("ann", ""), ping)), 400);
    EXPECT_EQ(status_of(co_await mesh.post(mesh.from("bob", id), ping)), 404);
    EXPECT_EQ(status_of(co_await mesh.post(mesh.from("ann", id, "ev"), ping)), 404);
    EXPECT_EQ(status_of(co_await mesh.post(mesh.from("ann", "0123"), ping)), 404);
    EXPECT_EQ(status_of(co_await mesh.post(mesh.from("ann", id), "[]")), 400);
    auto other_token = mesh.from("ann", id);
    other_token.credential = "another";
    EXPECT_EQ(status_of(co_await mesh.post(other_token, ping)), 404);
    auto odd = mesh.from("ann", id);
    odd.version = "2031-01-01";
    EXPECT_EQ(status_of(co_await mesh.post(odd, ping)), 400);
    auto others = mesh.from("bob", id);
    EXPECT_EQ(mesh.gateway.end(others)->status, 404);
    auto own = mesh.from("ann", id);
    EXPECT_FALSE(mesh.gateway.end(own));
    EXPECT_EQ(status_of(co_await mesh.post(own, ping)), 404);
  });
}

TEST(Gateway, ListsAllUnderNamesOfTheirServices) {
  play_gateway([](Mesh& mesh) -> Task<void> {
    add_two(mesh);
    auto all = mesh.from("ann", co_await mesh.begin("ann"));
    auto tools = co_await mesh.ask(all, "tools/list");
    EXPECT_EQ(
        member(tools, "result"),
        R"({"tools":[{"name":"ev__echo","inputSchema":{"n":1e400},"annotations":{"readOnlyHint":true}},)"
        R"({"name":"fs__echo","inputSchema":{"n":1e400},"annotations":{"readOnlyHint":true}}]})");
    auto one = mesh.from("ann", co_await mesh.begin("ann", "fs"), "fs");
    auto resources = co_await mesh.ask(one, "resources/list");
    EXPECT_EQ(member(resources, "result"), R"({"resources":[{"uri":"demo://fs"},{"uri":"demo://both"}]})");
    auto prompts = co_await mesh.ask(all, "prompts/list");
    EXPECT_EQ(member(prompts, "result"), R"({"prompts":[]})");
    mesh.services["fs"].capabilities = R"({"prompts":{}})";
    resources = co_await mesh.ask(all, "resources/list");
    EXPECT_EQ(member(resources, "result"),
              R"({"resources":[{"uri":"brig://ev/demo://ev"},{"uri":"brig://ev/demo://both"}]})");
  });
}

TEST(Gateway, CallsTheServiceThatANameIsOf) {
  play_gateway([](Mesh& mesh) -> Task<void> {
    add_two(mesh);
    auto all = mesh.from("ann", co_await mesh.begin("ann"));
    mesh.services["fs"].reply = Answer::result(R"({"content":[],"x":1e400})");
    auto stream =
        co_await mesh.call(all, "7", "tools/call", R"({"arguments":{"n":1e400},"name":"fs__echo"})");
    EXPECT_EQ(co_await next_of(*stream), R"({"jsonrpc":"2.0","id":7,"result":{"content":[],"x":1e400}})");
    EXPECT_EQ(co_await next_of(*stream), "");
    EXPECT_EQ(mesh.services["fs"].requests,
              std::vector<std::string>{R"(tools/call {"arguments":{"n":1e400},"name":"echo"})"});
    EXPECT_TRUE(mesh.services["ev"].requests.empty());
    for (std::string name : {"echo", "no__echo", "fs_echo", "__echo"}) {
      auto failed = co_await mesh.call(all, "8", "tools/call", R"({"name":")" + name + "\"}");
      EXPECT_EQ(member(member(co_await next_of(*failed), "error"), "code"), "-32602") << name;
    }
    auto unknown = co_await mesh.ask(all, "tasks/list");
    EXPECT_EQ(member(member(unknown, "error"), "code"), "-32601");
  });
}

TEST(Gateway, PassesProgressAndCancellation) {
  play_gateway([](Mesh& mesh) -> Task<void> {
    add_two(mesh);
    auto one = mesh.from("ann", co_await mesh.begin("ann", "ev"), "ev");
    auto& ev = mesh.services["ev"];
    ev.hold = true;
    auto stream =
        co_await mesh.call(one, "\"c\"", "tools/call", R"({"name":"echo","_meta":{"progressToken":"p"}})");
    co_await mesh.until(ev.requests, 1);
    ev.on_progress(R"({"progressToken":"p","progress":1})");
    EXPECT_EQ(
        co_await next_of(*stream),
        R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}})");
    co_await mesh.post(one,
                       R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"c"}})");
    EXPECT_EQ(co_await next_of(*stream), "");
    EXPECT_EQ(ev.cancelled, 1u);
    // Requests travel on connections of their own: one may be taken back before it is there.
    co_await mesh.post(one,
                       R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"e"}})");
    auto early = co_await mesh.call(one, "\"e\"", "tools/call", R"({"name":"echo"})");
    EXPECT_EQ(co_await next_of(*early), "");
    EXPECT_EQ(ev.requests.size(), 1u);
    // Who wants no progress is not a reason to ask for it.
    ev.on_progress = nullptr;
    auto quiet = co_await mesh.call(one, "1", "tools/call", R"({"name":"echo"})");
    co_await mesh.until(ev.requests, 2);
    EXPECT_FALSE(ev.on_progress);
  });
}

TEST(Gateway, KeepsAnAnswerForWhoComesBack) {
  play_gateway([](Mesh& mesh) -> Task<void> {
    add_two(mesh);
    auto one = mesh.from("ann", co_await mesh.begin("ann", "ev"), "ev");
    auto& ev = mesh.services["ev"];
    ev.hold = true;
    {
      auto stream =
          co_await mesh.call(one, "1", "tools/call", R"({"name":"echo","_meta":{"progressToken":5}})");
      EXPECT_EQ(stream->opening(), "id: 1-0\ndata:\n\n");
      co_await mesh.until(ev.requests, 1);
    }  // the connection is lost
    ev.on_progress(R"({"progressToken":5,"progress":1})");
    ev.hold = false;
    mesh.changed.notify_all();
    auto again = mesh.gateway.listen(one, "1-1");
    EXPECT_TRUE(std::holds_alternative<Gateway::Streamed>(again));
    auto& reader = std::get<Gateway::Streamed>(again).reader;
    EXPECT_EQ(co_await next_of(reader), R"({"jsonrpc":"2.0","id":1,"result":{}})");
    EXPECT_EQ(co_await next_of(reader), "");
    auto whole = mesh.gateway.listen(one, "1-0");
    EXPECT_EQ(member(co_await next_of(std::get<Gateway::Streamed>(whole).reader), "method"),
              R"("notifications/progress")");
    for (std::string id : {"9-0", "1-3", "x", "1-", "-1", "1-1 "}) {
      auto refused = mesh.gateway.listen(one, id);
      EXPECT_TRUE(std::holds_alternative<Gateway::Refusal>(refused)) << id;
    }
  });
}

TEST(Gateway, RefusesACallUnderAnIdInUseAndOneTooMany) {
  Gateway::Options options;
  options.calls_of_one = 2;
  play_gateway(
      [](Mesh& mesh) -> Task<void> {
        add_two(mesh);
        auto one = mesh.from("ann", co_await mesh.begin("ann", "ev"), "ev");
        mesh.services["ev"].hold = true;
        std::string call = R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}})";
        auto first = co_await mesh.post(one, call);
        EXPECT_EQ(status_of(first), 200);
        EXPECT_EQ(status_of(co_await mesh.post(one, call)), 400);
        call.replace(call.find(":1,"), 3, ":2,");
        auto second = co_await mesh.post(one, call);
        EXPECT_EQ(status_of(second), 200);
        call.replace(call.find(":2,"), 3, ":3,");
        EXPECT_EQ(status_of(co_await mesh.post(one, call)), 429);
      },
      options);
}

TEST(Gateway, FindsWhoseAResourceIs) {
  play_gateway([](Mesh& mesh) -> Task<void> {
    add_two(mesh);
    auto all = mesh.from("ann", co_await mesh.begin("ann"));
    auto read = [](std::string uri) { return R"({"uri":")" + uri + "\"}"; };
    auto by_prefix = co_await mesh.call(all, "1", "resources/read", read("brig://fs/demo://both"));
    co_await next_of(*by_prefix);
    auto by_itself = co_await mesh.call(all, "2", "resources/read", read("demo://fs"));
    co_await next_of(*by_itself);
    std::vector<std::string> expected = {R"(resources/read {"uri":"demo://both"})",
                                         R"(resources/read {"uri":"demo://fs"})"};
    EXPECT_EQ(mesh.services["fs"].requests, expected);
    for (std::string uri : {"demo://both", "demo://neither", "brig://no/x"}) {
      auto unclear = co_await mesh.call(all, "3", "resources/read", read(uri));
      EXPECT_EQ(member(member(co_await next_of(*unclear), "error"), "code"), "-32602") << uri;
    }
    auto ref = co_await mesh.call(
        all, "4", "completion/complete",
        R"({"argument":{"name":"a","value":"b"},"ref":{"type":"ref/prompt","name":"ev__p"}})");
    co_await next_of(*ref);
    EXPECT_EQ(
        mesh.services["ev"].requests.back(),
        R"(completion/complete {"argument":{"name":"a","value":"b"},"ref":{"type":"ref/prompt","name":"p"}})");
  });
}

TEST(Gateway, SubscribesForAllAndUnsubscribesWithTheLast) {
  play_gateway([](Mesh& mesh) -> Task<void> {
    add_two(mesh);
    auto all = mesh.from("ann", co_await mesh.begin("ann"));
    auto one = mesh.from("bob", co_await mesh.begin("bob", "ev"), "ev");
    co_await mesh.ask(all, "resources/subscribe", R"({"uri":"brig://ev/demo://ev"})");
    co_await mesh.ask(one, "resources/subscribe", R"({"uri":"demo://ev"})");
    auto ears = mesh.gateway.listen(all, "");
    auto& reader = std::get<Gateway::Streamed>(ears).reader;
    mesh.gateway.tell("acme", "ev", "notifications/resources/updated", R"({"uri":"demo://other"})");
    mesh.gateway.tell("acme", "fs", "notifications/resources/updated", R"({"uri":"demo://ev"})");
    mesh.gateway.tell("acme", "ev", "notifications/resources/updated", R"({"uri":"demo://ev"})");
    EXPECT_EQ(member(co_await next_of(reader), "params"), R"({"uri":"brig://ev/demo://ev"})");
    co_await mesh.ask(all, "resources/unsubscribe", R"({"uri":"brig://ev/demo://ev"})");
    auto& ev = mesh.services["ev"];
    EXPECT_EQ(ev.requests.size(), 2u);
    mesh.gateway.end(one);
    co_await mesh.until(ev.requests, 3);
    EXPECT_EQ(ev.requests[2], R"(resources/unsubscribe {"uri":"demo://ev"})");
  });
}

TEST(Gateway, TellsEachSessionWhatItsLevelAllows) {
  play_gateway([](Mesh& mesh) -> Task<void> {
    add_two(mesh);
    auto ann = mesh.from("ann", co_await mesh.begin("ann", "ev"), "ev");
    auto bob = mesh.from("bob", co_await mesh.begin("bob"));
    auto refused = co_await mesh.ask(ann, "logging/setLevel", R"({"level":"loud"})");
    EXPECT_EQ(member(member(refused, "error"), "code"), "-32602");
    co_await mesh.ask(ann, "logging/setLevel", R"({"level":"debug"})");
    co_await mesh.ask(bob, "logging/setLevel", R"({"level":"error"})");
    // The server says what the one who wants most of it is to hear.
    EXPECT_EQ(mesh.services["ev"].requests.back(), R"(logging/setLevel {"level":"debug"})");
    EXPECT_EQ(mesh.services["fs"].requests.back(), R"(logging/setLevel {"level":"error"})");
    mesh.gateway.tell("acme", "ev", "notifications/message", R"({"level":"info","data":1})");
    mesh.gateway.tell("acme", "ev", "notifications/message", R"({"level":"alert","data":2})");
    mesh.gateway.tell("other", "ev", "notifications/message", R"({"level":"alert","data":3})");
    auto anns = mesh.gateway.listen(ann, "");
    auto bobs = mesh.gateway.listen(bob, "");
    EXPECT_EQ(member(co_await next_of(std::get<Gateway::Streamed>(anns).reader), "params"),
              R"({"level":"info","data":1})");
    EXPECT_EQ(member(co_await next_of(std::get<Gateway::Streamed>(bobs).reader), "params"),
              R"({"level":"alert","data":2})");
  });
}

TEST(Gateway, TellsWhenServicesComeAndGo) {
  play_gateway([](Mesh& mesh) -> Task<void> {
    auto all = mesh.from("ann", co_await mesh.begin("ann"));
    auto listening = mesh.gateway.listen(all, "");
    mesh.gateway.changed("other", "ev");
    mesh.gateway.changed("acme", "ev");
    auto& reader = std::get<Gateway::Streamed>(listening).reader;
    EXPECT_EQ(co_await next_of(reader), R"({"jsonrpc":"2.0","method":"notifications/tools/list_changed"})");
    // A second listener takes over, and hears what the first has not.
    auto second = mesh.gateway.listen(all, "");
    EXPECT_EQ(member(co_await next_of(std::get<Gateway::Streamed>(second).reader), "method"),
              R"("notifications/prompts/list_changed")");
    EXPECT_EQ(co_await next_of(reader), "");
  });
}

TEST(Gateway, ForgetsIdleSessionsWhenOthersCome) {
  Gateway::Options options;
  options.sessions_of_one = 2;
  play_gateway(
      [](Mesh& mesh) -> Task<void> {
        add_two(mesh);
        auto first = co_await mesh.begin("ann");
        auto busy = mesh.from("ann", co_await mesh.begin("ann"));
        std::string hello = R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{}})";
        EXPECT_EQ(status_of(co_await mesh.post(mesh.from("ann", ""), hello)), 429);
        EXPECT_EQ(status_of(co_await mesh.post(mesh.from("bob", ""), hello)), 200);
        auto open = mesh.gateway.listen(busy, "");
        mesh.clock.advance(Millis(3'600'000));
        EXPECT_EQ(status_of(co_await mesh.post(mesh.from("ann", ""), hello)), 200);
        std::string ping = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";
        EXPECT_EQ(status_of(co_await mesh.post(mesh.from("ann", first), ping)), 404);
        EXPECT_EQ(status_of(co_await mesh.post(busy, ping)), 200);
      },
      options);
}

TEST(Gateway, LetsTheOldestOfAnAgentGoForItsNextAndNobodyElses) {
  Gateway::Options options;
  options.sessions_of_agent = 2;
  options.sessions = 2;
  play_gateway(
      [](Mesh& mesh) -> Task<void> {
        add_two(mesh);
        std::string hello = R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{}})";
        std::string ping = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";
        auto person = mesh.from("ann", co_await mesh.begin("ann"));
        std::vector<Gateway::Credentials> begun;
        for (int i = 0; i < 3; ++i) {
          auto agent = mesh.from("session:1", "");
          agent.agent = true;
          auto outcome = co_await mesh.post(agent, hello);
          auto* reply = std::get_if<Gateway::Reply>(&outcome);
          EXPECT_TRUE(reply) << i;
          if (reply) agent.session = reply->session;
          begun.push_back(std::move(agent));
          mesh.clock.advance(Millis(1));
        }
        EXPECT_EQ(status_of(co_await mesh.post(begun[0], ping)), 404);
        EXPECT_EQ(status_of(co_await mesh.post(begun[1], ping)), 200);
        EXPECT_EQ(status_of(co_await mesh.post(begun[2], ping)), 200);
        EXPECT_EQ(status_of(co_await mesh.post(person, ping)), 200);
        EXPECT_EQ(status_of(co_await mesh.post(mesh.from("bob", ""), hello)),
                  200);  // agents are counted apart
        auto other = mesh.from("session:2", "");
        other.agent = true;
        EXPECT_EQ(status_of(co_await mesh.post(other, hello)), 429);
      },
      options);
}

// Whoever leaves everything unread, or has servers that say too much, is held to a bound; others are not.
TEST(Gateway, KeepsNoMoreForOneOwnerThanItsBound) {
  Gateway::Options options;
  options.kept_of_one = 100'000;
  play_gateway(
      [](Mesh& mesh) -> Task<void> {
        add_two(mesh);
        auto ann = mesh.from("ann", co_await mesh.begin("ann", "", R"({"roots":{}})"));
        auto also_ann = mesh.from("ann", co_await mesh.begin("ann"));
        auto bob = mesh.from("bob", co_await mesh.begin("bob"));
        auto& ev = mesh.services["ev"];
        const std::string call = R"({"name":"ev__echo","arguments":{"x":")";
        const std::string large = call + std::string(60'000, 'x') + R"("}})";
        auto body = [](std::string id, const std::string& params) {
          return R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"tools/call","params":)" + params + "}";
        };

        // Calls under way count, whichever of its sessions they are in.
        ev.hold = true;
        auto held = co_await mesh.call(ann, "1", "tools/call", large);
        EXPECT_EQ(status_of(co_await mesh.post(also_ann, body("2", large))), 429);
        EXPECT_EQ(status_of(co_await mesh.post(bob, body("2", large))), 200);
        ev.hold = false;
        mesh.changed.notify_all();
        EXPECT_EQ(member(co_await next_of(*held), "result"), "{}");

        // An answer that does not fit is an error that says so.
        ev.reply = Answer::result(R"({"x":")" + std::string(150'000, 'y') + R"("})");
        auto over = co_await mesh.call(ann, "3", "tools/call", call + R"("}})");
        EXPECT_NE(member(co_await next_of(*over), "error").find("no room for the answer"), std::string::npos);

        // What has ended unread makes room for what comes after it.
        ev.reply = Answer::result(R"({"x":")" + std::string(60'000, 'y') + R"("})");
        for (int i = 10; i < 14; ++i) {
          auto one = co_await mesh.call(ann, std::to_string(i), "tools/call", call + R"("}})");
          EXPECT_EQ(member(co_await next_of(*one), "error"), "none") << i;
        }

        // A server's flood of notices: the small ones come, the large ones do not, and nothing else suffers.
        auto told = mesh.gateway.listen(ann, "");
        mesh.gateway.tell("acme", "ev", "notifications/message",
                          R"({"level":"info","data":")" + std::string(150'000, 'z') + R"("})");
        mesh.gateway.tell("acme", "ev", "notifications/message", R"({"level":"info","data":"small"})");
        auto heard = co_await next_of(std::get<Gateway::Streamed>(told).reader);
        EXPECT_NE(heard.find("small"), std::string::npos) << heard;

        EXPECT_FALSE(mesh.gateway.end(bob));  // then it is clear whom a server asks
        auto large_question = R"({"messages":")" + std::string(150'000, 'q') + R"("})";
        auto answer = co_await mesh.gateway.ask("acme", "ev", "roots/list", large_question, 0);
        EXPECT_TRUE(answer.is_error);
        EXPECT_NE(answer.json.find("no room for a question"), std::string::npos) << answer.json;
      },
      options);
}

TEST(Gateway, BoundsWhatASessionKeeps) {
  play_gateway([](Mesh& mesh) -> Task<void> {
    add_two(mesh);
    std::string hello = R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"capabilities":{"x":")" +
                        std::string(70'000, 'x') + R"("}}})";
    EXPECT_EQ(status_of(co_await mesh.post(mesh.from("ann", ""), hello)), 400);
    auto ann = mesh.from("ann", co_await mesh.begin("ann"));
    for (int i = 0; i < 256; ++i) {
      auto said = co_await mesh.ask(ann, "resources/subscribe",
                                    R"({"uri":"brig://ev/demo://)" + std::to_string(i) + R"("})");
      EXPECT_EQ(member(said, "error"), "none") << said;
    }
    auto more = co_await mesh.ask(ann, "resources/subscribe", R"({"uri":"brig://ev/demo://more"})");
    EXPECT_NE(member(more, "error"), "none");
    auto again = co_await mesh.ask(ann, "resources/subscribe", R"({"uri":"brig://ev/demo://7"})");
    EXPECT_EQ(member(again, "error"), "none");
    co_await mesh.ask(ann, "resources/unsubscribe", R"({"uri":"brig://ev/demo://7"})");
    auto wide = R"({"uri":"brig://ev/demo://)" + std::string(9'000, 'w') + R"("})";
    EXPECT_NE(member(co_await mesh.ask(ann, "resources/subscribe", wide), "error"), "none");
  });
}

TEST(EventStreams, DropTheOldestAndSaySo) {
  play_gateway([](Mesh& mesh) -> Task<void> {
    auto stream = std::make_shared<EventStream>(mesh.scope.executor(), 3, std::make_shared<Budget>(1 << 30));
    const std::string big(EventStream::kKept / 4, 'x');
    for (int i = 0; i < 20; ++i) stream->push(big);
    EXPECT_LE(stream->kept(), EventStream::kKept + big.size());
    stream->push(std::string(4 * EventStream::kKept, 'y'));
    auto kept = stream->kept();
    EXPECT_LE(kept, 5 * EventStream::kKept);
    EXPECT_FALSE(EventStream::resume(stream, 2));
    EXPECT_TRUE(EventStream::resume(stream, 20));
    EXPECT_FALSE(EventStream::resume(stream, 22));
    auto reader = EventStream::read(stream);
    stream->finish();
    std::string last;
    for (auto data = co_await next_of(reader); !data.empty(); data = co_await next_of(reader)) last = data;
    EXPECT_EQ(last.size(), 4 * EventStream::kKept);
  });
}

}  // namespace
}  // namespace brig::mcp::testing
