// What a service asks back, and who gets to hear it.
#include "gateway_world.hpp"

namespace brig::mcp::testing {
namespace {

using net::Task;

constexpr const char* kAll = R"({"sampling":{},"roots":{}})";

Task<void> ask(Mesh& mesh, std::string method, std::string params, std::size_t in_flight,
               std::optional<Answer>& out) {
  out = co_await mesh.gateway.ask("acme", "ev", std::move(method), std::move(params), in_flight);
  mesh.changed.notify_all();
}

Task<Answer> asked(Mesh& mesh, std::string method, std::size_t in_flight) {
  co_return co_await mesh.gateway.ask("acme", "ev", std::move(method), "{}", in_flight);
}

TEST(Asks, GoToTheCallInFlight) {
  play_gateway([](Mesh& mesh) -> Task<void> {
    mesh.services["ev"].hold = true;
    auto caller = mesh.from("ann", co_await mesh.begin("ann", "ev", kAll), "ev");
    co_await mesh.begin("ann", "", kAll);
    co_await mesh.begin("bob", "", kAll);
    auto stream = co_await mesh.call(caller, "1", "tools/call", R"({"name":"echo"})");
    co_await mesh.until(mesh.services["ev"].requests, 1);
    std::optional<Answer> answer;
    mesh.scope.spawn(
        ask(mesh, "sampling/createMessage", R"({"messages":[],"_meta":{"progressToken":"s"}})", 1, answer));
    EXPECT_EQ(
        co_await next_of(*stream),
        R"({"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{"messages":[],"_meta":{"progressToken":1}}})");
    // Progress goes back under the server's own token.
    co_await mesh.post(
        caller,
        R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":0.5}})");
    co_await mesh.until(mesh.services["ev"].notes, 1);
    EXPECT_EQ(mesh.services["ev"].notes[0], R"(notifications/progress {"progressToken":"s","progress":0.5})");
    co_await mesh.post(caller, R"({"jsonrpc":"2.0","id":7,"result":{"not":"asked"}})");
    co_await mesh.post(caller, R"({"jsonrpc":"2.0","id":1,"result":{"model":"m","x":1e400}})");
    while (!answer) co_await mesh.changed.wait();
    EXPECT_EQ(answer->json, R"({"model":"m","x":1e400})");
  });
}

TEST(Asks, GoToTheOnlyOneWhoSeesTheService) {
  play_gateway([](Mesh& mesh) -> Task<void> {
    mesh.services["ev"];
    auto ann = mesh.from("ann", co_await mesh.begin("ann", "ev", kAll), "ev");
    std::optional<Answer> answer;
    mesh.scope.spawn(ask(mesh, "roots/list", "", 0, answer));
    auto ears = mesh.gateway.listen(ann, "");
    EXPECT_EQ(co_await next_of(std::get<Gateway::Streamed>(ears).reader),
              R"({"jsonrpc":"2.0","id":1,"method":"roots/list"})");
    co_await mesh.post(ann, R"({"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no"}})");
    while (!answer) co_await mesh.changed.wait();
    EXPECT_TRUE(answer->is_error);
    co_await mesh.post(ann, R"({"jsonrpc":"2.0","method":"notifications/roots/list_changed"})");
    co_await mesh.until(mesh.services["ev"].notes, 1);
    EXPECT_EQ(mesh.services["ev"].notes[0], "notifications/roots/list_changed ");
  });
}

TEST(Asks, AreRefusedWhereItIsNotClearForWhomTheyAre) {
  play_gateway([](Mesh& mesh) -> Task<void> {
    auto& ev = mesh.services["ev"];
    ev.hold = true;
    EXPECT_TRUE((co_await asked(mesh, "roots/list", 0)).is_error);  // nobody is there
    auto ann = mesh.from("ann", co_await mesh.begin("ann", "ev", kAll), "ev");
    EXPECT_TRUE(
        (co_await asked(mesh, "roots/list", 1)).is_error);  // a call that did not come through the gateway
    EXPECT_TRUE((co_await asked(mesh, "elicitation/create", 0)).is_error);  // which ann's client cannot do
    EXPECT_TRUE((co_await asked(mesh, "odd/method", 0)).is_error);
    auto bob = mesh.from("bob", co_await mesh.begin("bob", "", kAll));
    EXPECT_TRUE((co_await asked(mesh, "roots/list", 0)).is_error);  // two who could
    auto first = co_await mesh.call(ann, "1", "tools/call", R"({"name":"echo"})");
    auto second = co_await mesh.call(bob, "1", "tools/call", R"({"name":"ev__echo"})");
    co_await mesh.until(ev.requests, 2);
    EXPECT_TRUE((co_await asked(mesh, "roots/list", 2)).is_error);  // two who call
  });
}

TEST(Asks, AreTakenBackWithTheServer) {
  play_gateway([](Mesh& mesh) -> Task<void> {
    mesh.services["ev"];
    auto ann = mesh.from("ann", co_await mesh.begin("ann", "ev", kAll), "ev");
    auto ears = mesh.gateway.listen(ann, "");
    auto& reader = std::get<Gateway::Streamed>(ears).reader;
    std::optional<Answer> answer;
    net::Scope server(mesh.scope.executor(), "server");
    server.spawn(ask(mesh, "roots/list", "", 0, answer));
    EXPECT_EQ(member(co_await next_of(reader), "method"), R"("roots/list")");
    co_await server.close();
    EXPECT_EQ(co_await next_of(reader),
              R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}})");
    EXPECT_FALSE(answer);
  });
}

TEST(Asks, EndWithTheirClient) {
  play_gateway([](Mesh& mesh) -> Task<void> {
    mesh.services["ev"];
    auto ann = mesh.from("ann", co_await mesh.begin("ann", "ev", kAll), "ev");
    std::optional<Answer> answer;
    mesh.scope.spawn(ask(mesh, "roots/list", "", 0, answer));
    auto ears = mesh.gateway.listen(ann, "");
    co_await next_of(std::get<Gateway::Streamed>(ears).reader);
    mesh.gateway.end(ann);
    while (!answer) co_await mesh.changed.wait();
    EXPECT_TRUE(answer->is_error);
  });
}

}  // namespace
}  // namespace brig::mcp::testing
