// The stream of events over HTTP: whose, in which order, and from where.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <future>
#include <sstream>

#include "support/schema.hpp"
#include "support/server.hpp"

namespace brig::api::test {
namespace {

using nlohmann::json;
using Role = session::Caller::Role;

struct Message {
  std::string id, event;
  json data;
};

std::vector<Message> messages(const std::string& body) {
  std::vector<Message> out;
  Message message;
  std::istringstream in(body);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("id: ")) message.id = line.substr(4);
    if (line.starts_with("event: ")) message.event = line.substr(7);
    if (line.starts_with("data: ")) message.data = json::parse(line.substr(6), nullptr, false);
    if (!line.empty()) continue;
    if (!message.data.is_null()) out.push_back(message);
    message = {};
  }
  return out;
}

std::vector<std::string> kinds(const std::vector<Message>& all) {
  std::vector<std::string> out;
  for (const auto& message : all) out.push_back(message.event);
  return out;
}

class Events : public ::testing::Test {
 protected:
  // Committed when it returns.
  void add(std::vector<events::Event> what) {
    std::promise<void> done;
    boost::asio::co_spawn(server.io, commit(std::move(what)), [&](std::exception_ptr) { done.set_value(); });
    done.get_future().wait();
  }
  net::Task<void> commit(std::vector<events::Event> what) {
    for (auto& event : what) server.events->add(std::move(event));
    auto flushed = co_await server.events->flush();
    EXPECT_TRUE(flushed);
  }
  std::string token_for(const std::string& owner, const std::string& mesh) {
    auto text = server.token(Role::viewer);
    server.on_loop([&] {
      for (auto& [id, token] : server.tokens.tokens)
        if (text.find(id) != std::string::npos) {
          token.owner = owner;
          token.mesh = mesh;
        }
    });
    return "Authorization: Bearer " + text + "\r\n";
  }

  TestServer server;
};

TEST_F(Events, ComeInOrderAndMatchTheDocument) {
  add({{"session.running", SessionId("00000000000000aa"), "uid:1000", "acme", R"({"name":"fix"})"},
       {"token.created", {}, "", "", "{}"},
       {"x.y", {}, "uid:1000", "", std::string(10'000, 'x')}});
  auto answer = Client::local(server).ask("GET", "/v1/events?once=1");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("Content-Type"), "text/event-stream");
  EXPECT_TRUE(answer.complete);
  auto all = messages(answer.body);
  EXPECT_THAT(kinds(all), testing::ElementsAre("session.running", "token.created", "x.y"));
  Document document;
  for (const auto& message : all) {
    EXPECT_EQ(document.mismatch("/components/schemas/Event", message.data), "") << message.data;
    EXPECT_EQ(message.id, std::to_string(message.data["number"].get<int>()));
  }
  EXPECT_TRUE(all[2].data["detail"].contains("omitted"));  // what is too long or no JSON
}

TEST_F(Events, AreShownToWhomTheyConcern) {
  add({{"a.one", {}, "alice", "red", "{}"},
       {"a.two", {}, "alice", "blue", "{}"},
       {"b.one", {}, "bob", "red", "{}"},
       {"operator.only", {}, "", "", "{}"}});
  const std::tuple<std::string, std::string, std::string, std::vector<std::string>> cases[] = {
      {"alice", "", "", {"a.one", "a.two"}},
      {"alice", "red", "", {"a.one"}},
      {"alice", "", "&mesh=blue", {"a.two"}},
      {"alice", "", "&kind=a.two", {"a.two"}},
      {"alice", "", "&kind=a", {"a.one", "a.two"}},
      {"alice", "", "&kind=b", {}},
      {"alice", "green", "", {}},
      {"bob", "red", "", {"b.one"}},
      {"carol", "", "", {}},
  };
  for (const auto& [owner, mesh, query, expected] : cases) {
    auto answer = Client::tls(server).ask("GET", "/v1/events?once=1" + query, "", token_for(owner, mesh));
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(kinds(messages(answer.body)), expected) << owner << " " << mesh << " " << query;
  }
  auto ask = [&](const std::string& query) {
    return Client::tls(server).ask("GET", "/v1/events?once=1" + query, "", token_for("alice", "red")).status;
  };
  EXPECT_EQ(ask("&owner=bob"), 403);
  EXPECT_EQ(ask("&mesh=blue"), 403);
  EXPECT_EQ(ask("&kind="), 400);
  EXPECT_EQ(ask("&since=x"), 400);
  EXPECT_EQ(ask("&session=nobody"), 404);
  EXPECT_EQ(ask("&session=00000000000000ff"), 200);  // gone, as far as anybody can tell
  EXPECT_EQ(kinds(messages(Client::local(server).ask("GET", "/v1/events?once=1&owner=bob").body)),
            std::vector<std::string>{"b.one"});
}

TEST_F(Events, GoOnWhereAReaderLeft) {
  add({{"n.1", {}, "", "", "{}"}, {"n.2", {}, "", "", "{}"}});
  auto client = Client::local(server);
  client.send("GET /v1/events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 1\r\n\r\n");
  std::string seen;
  auto until = [&](const std::string& what) {
    while (seen.find(what) == std::string::npos) {
      auto more = client.receive();
      if (more.empty()) return false;
      seen += more;
    }
    return true;
  };
  EXPECT_TRUE(until("event: n.2\n"));
  EXPECT_EQ(seen.find("event: n.1\n"), std::string::npos);
  add({{"n.3", {}, "", "", "{}"}});
  EXPECT_TRUE(until("event: n.3\n"));
  // Without a place it begins now.
  auto later = Client::local(server);
  later.send("GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
  std::string begun;
  while (begun.find("id: 3\n") == std::string::npos) begun += later.receive();
  EXPECT_EQ(begun.find("event:"), std::string::npos);
}

}  // namespace
}  // namespace brig::api::test
