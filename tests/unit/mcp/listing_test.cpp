#include "scripted.hpp"

namespace brig::mcp::testing {
namespace {

using net::Task;

constexpr const char* kHello =
    R"({"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true},"odd":1},"serverInfo":{"name":"s","version":"1"},"instructions":"be\ncareful"})";

struct Hello {
  std::optional<Result<Initialized>> outcome;
};

Task<void> greet(World& w, Hello& hello) {
  auto limit = Deadline::in(Millis(20'000));
  hello.outcome = co_await w.client.initialize(limit);
  w.changed.notify_all();
}

Task<void> greeted(World& w, Hello& hello, std::string body) {
  w.scope.spawn(greet(w, hello));
  auto request = co_await w.pipe.next();
  EXPECT_EQ(json::find_text(*json::find(request, "params"), "protocolVersion"), "2025-11-25");
  w.pipe.say(result(id_of(request), body));
  while (!hello.outcome) co_await w.changed.wait();
}

TEST(Handshake, AgreesOnAVersion) {
  play([](World& w) -> Task<void> {
    Hello hello;
    co_await greeted(w, hello, kHello);
    EXPECT_TRUE(*hello.outcome);
    if (!*hello.outcome) co_return;
    auto& server = **hello.outcome;
    EXPECT_EQ(server.version, "2025-06-18");
    EXPECT_EQ(server.server_info, R"({"name":"s","version":"1"})");
    EXPECT_EQ(server.instructions, R"("be\ncareful")");
    EXPECT_TRUE(server.can("tools"));
    EXPECT_FALSE(server.can("odd"));
    EXPECT_FALSE(server.can("prompts"));
    EXPECT_EQ(co_await w.pipe.next(), R"({"jsonrpc":"2.0","method":"notifications/initialized"})");
  });
}

TEST(Handshake, TakesEveryVersionItKnows) {
  for (auto version : {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"})
    EXPECT_TRUE(is_known_version(version));
  for (auto version : {"", "2024-10-07", "2026-01-01", "2025-11-25 "})
    EXPECT_FALSE(is_known_version(version));
}

TEST(Handshake, RefusesWhatItDoesNotKnow) {
  play([](World& w) -> Task<void> {
    Hello future, empty, odd;
    co_await greeted(w, future, R"({"protocolVersion":"2031-01-01","capabilities":{},"serverInfo":{}})");
    EXPECT_EQ(future.outcome->error().code, Code::unsupported);
    co_await greeted(w, empty, "{}");
    EXPECT_EQ(empty.outcome->error().code, Code::unsupported);
    co_await greeted(w, odd, R"({"protocolVersion":"2025-11-25","capabilities":[],"serverInfo":{}})");
    EXPECT_EQ(odd.outcome->error().code, Code::protocol);
    EXPECT_TRUE(w.pipe.nothing_sent());
  });
}

TEST(Handshake, TellsTheServersOwnRefusal) {
  play([](World& w) -> Task<void> {
    Hello hello;
    w.scope.spawn(greet(w, hello));
    auto request = co_await w.pipe.next();
    w.pipe.say(R"({"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"not today\u001b[31m"}})");
    while (!hello.outcome) co_await w.changed.wait();
    EXPECT_EQ(hello.outcome->error().message, R"(ev refused initialize: not today\x1b[31m)");
  });
}

struct Listed {
  std::optional<Result<std::vector<Item>>> outcome;
};

Task<void> list(World& w, Listing what, Listed& out) {
  auto limit = Deadline::in(Millis(20'000));
  out.outcome = co_await w.client.list(what, limit);
  w.changed.notify_all();
}

// Answers a listing's pages in turn, and gives the requests.
Task<std::vector<std::string>> listed(World& w, Listing what, Listed& out, std::vector<std::string> pages) {
  w.scope.spawn(list(w, what, out));
  std::vector<std::string> requests;
  for (const auto& page : pages) {
    auto request = co_await w.pipe.next();
    w.pipe.say(result(id_of(request), page));
    requests.push_back(request);
  }
  while (!out.outcome) co_await w.changed.wait();
  co_return requests;
}

TEST(Listing, GathersAllPages) {
  play([](World& w) -> Task<void> {
    Listed out;
    std::vector<std::string> pages = {
        R"({"tools":[{"name":"a","inputSchema":{"type":"object"},"annotations":{"destructiveHint":true}}],"nextCursor":"c\u0031"})",
        R"({"tools":[],"nextCursor":"2"})", R"({"tools":[{"inputSchema":{},"name":"b"}]})"};
    auto requests = co_await listed(w, Listing::tools, out, pages);
    EXPECT_EQ(json::find(requests[1], "params"), R"({"cursor":"c\u0031"})");
    EXPECT_TRUE(*out.outcome);
    if (!*out.outcome) co_return;
    auto& items = **out.outcome;
    EXPECT_EQ(items.size(), 2u);
    EXPECT_EQ(items[0].json,
              R"({"name":"a","inputSchema":{"type":"object"},"annotations":{"destructiveHint":true}})");
    EXPECT_EQ(items[1].name, "b");
  });
}

TEST(Listing, KnowsEveryKindByItsOwnName) {
  play([](World& w) -> Task<void> {
    Listed resources, templates, prompts;
    std::vector<std::string> one = {R"({"resources":[{"uri":"file:///x","name":"x"}],"nextCursor":null})"};
    auto asked = co_await listed(w, Listing::resources, resources, one);
    EXPECT_EQ(json::find_text(asked[0], "method"), "resources/list");
    EXPECT_EQ((**resources.outcome)[0].name, "file:///x");
    std::vector<std::string> two = {R"({"resourceTemplates":[{"uriTemplate":"t://{id}"}],"nextCursor":""})"};
    asked = co_await listed(w, Listing::resource_templates, templates, two);
    EXPECT_EQ(json::find_text(asked[0], "method"), "resources/templates/list");
    EXPECT_EQ((**templates.outcome)[0].name, "t://{id}");
    std::vector<std::string> three = {R"({"prompts":[{"name":"p"}]})"};
    asked = co_await listed(w, Listing::prompts, prompts, three);
    EXPECT_EQ(json::find_text(asked[0], "method"), "prompts/list");
    EXPECT_EQ((**prompts.outcome)[0].name, "p");
  });
}

TEST(Listing, LeavesOutWhatCannotBeTakenApart) {
  play([](World& w) -> Task<void> {
    Listed out;
    std::vector<std::string> pages = {
        R"({"tools":[7,{},{"name":""},{"name":7,"inputSchema":{}},{"name":"x"},{"name":"x","inputSchema":[]},
            {"name":"y","Name":"x","inputSchema":{}},{"name":"\ud800","inputSchema":{}},
            {"name":"good","inputSchema":{}},{"name":"good","inputSchema":{"second":1}}]})"};
    co_await listed(w, Listing::tools, out, pages);
    EXPECT_EQ((**out.outcome).size(), 1u);
    EXPECT_EQ((**out.outcome)[0].json, R"({"name":"good","inputSchema":{}})");
    EXPECT_EQ(w.observer.faults.size(), 9u);
  });
}

TEST(Listing, EndsWhenTheServerDoesNot) {
  play([](World& w) -> Task<void> {
    Listed pages, items;
    std::vector<std::string> endless(kMaxPages, R"({"prompts":[],"nextCursor":"again"})");
    co_await listed(w, Listing::prompts, pages, endless);
    EXPECT_EQ(pages.outcome->error().code, Code::too_large);
    std::string many = R"({"prompts":[{"name":"0"})";
    for (std::size_t i = 1; i <= kMaxItems; ++i) many += R"(,{"name":")" + std::to_string(i) + "\"}";
    std::vector<std::string> crowd = {many + "]}"};
    co_await listed(w, Listing::prompts, items, crowd);
    EXPECT_EQ(items.outcome->error().code, Code::too_large);
  });
}

TEST(Listing, RefusesWhatIsNoList) {
  play([](World& w) -> Task<void> {
    for (std::string page :
         {"{}", R"({"tools":{}})", R"({"tools":[],"nextCursor":7})", R"({"tools":[],"tools":[]})"}) {
      Listed out;
      std::vector<std::string> pages = {page};
      co_await listed(w, Listing::tools, out, pages);
      EXPECT_EQ(verdict(out), "protocol") << page;
    }
  });
}

TEST(Listing, IsEmptyWhereTheServerHasNoSuchThing) {
  play([](World& w) -> Task<void> {
    Listed out;
    w.scope.spawn(list(w, Listing::prompts, out));
    auto request = co_await w.pipe.next();
    w.pipe.say(R"({"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}})");
    while (!out.outcome) co_await w.changed.wait();
    EXPECT_TRUE(*out.outcome && (**out.outcome).empty());
  });
}

Task<void> ping(World& w, std::optional<Result<void>>& out) {
  auto limit = Deadline::in(Millis(20'000));
  out = co_await w.client.ping(limit);
  w.changed.notify_all();
}

TEST(Ping, IsAnsweredOrNot) {
  play([](World& w) -> Task<void> {
    std::optional<Result<void>> good, bad;
    w.scope.spawn(ping(w, good));
    w.pipe.say(result(id_of(co_await w.pipe.next()), "{}"));
    while (!good) co_await w.changed.wait();
    EXPECT_TRUE(*good);
    w.scope.spawn(ping(w, bad));
    auto id = id_of(co_await w.pipe.next());
    w.pipe.say(R"({"jsonrpc":"2.0","id":)" + id + R"(,"error":{"code":1,"message":"sick"}})");
    while (!bad) co_await w.changed.wait();
    EXPECT_EQ(bad->error().message, "ev refused ping: sick");
  });
}

}  // namespace
}  // namespace brig::mcp::testing
