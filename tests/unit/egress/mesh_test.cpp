// The one name that no rule decides about.
#include <fcntl.h>
#include <gmock/gmock.h>

#include "house.hpp"

namespace brig::egress::testing {
namespace {

using ::testing::HasSubstr;

const std::string kHost(kMeshHost);

// A house whose session has a mesh: whoever comes is put into `came`.
struct Mesh {
  explicit Mesh(Rules rules)
      : house(std::move(rules), {}, {}, [this](Shared&, Door::About& about) {
          about.endpoint = [this](UniqueFd end) { came.emplace_back(end.release()); };
        }) {}
  // The other end of a connection that was let through.
  Socket taken() {
    EXPECT_TRUE(house.eventually([&] { return !came.empty(); }));
    return house.on([&] {
      Socket out = std::move(came.back());
      came.pop_back();
      ::fcntl(out.get(), F_SETFL, ::fcntl(out.get(), F_GETFL) & ~O_NONBLOCK);
      return out;
    });
  }

  std::vector<Socket> came;
  House house;
};

TEST(MeshDoor, LeadsToTheEndpointWhateverTheRulesSay) {
  Mesh mesh(rules({}, {"*", "*.internal", kHost}));
  auto [asking, names] = mesh.house.ask(kHost, 0);
  EXPECT_EQ(names.status, Status::ok) << names.message;
  EXPECT_EQ(names.ports, std::vector<std::uint16_t>{80});

  auto [near, said] = mesh.house.ask("Mesh.Brig.Internal.", 80);
  ASSERT_EQ(said.status, Status::ok) << said.message;
  auto far = mesh.taken();
  std::string request = "POST /mcp HTTP/1.1\r\nHost: " + kHost + "\r\n\r\n";
  near.send(request);
  EXPECT_EQ(far.read(request.size()), request);
  // New rules do not concern it, and what is resolved to that name elsewhere neither.
  mesh.house.on([&] { mesh.house.door->set_rules(rules({}, {"*"})); });
  far.send("an answer");
  EXPECT_EQ(near.read(9), "an answer");
  EXPECT_EQ(mesh.house.resolver.asked.size(), 0u);
  mesh.house.close();
  EXPECT_EQ(far.rest(), "") << "it ends with its session";
  auto line = mesh.house.account()[0];
  EXPECT_EQ(line["host"], kHost);
  EXPECT_EQ(line["from"], "its mesh");
  // It has done something only as far as it asked.
  auto counts = mesh.house.on([&] { return mesh.house.door->counts(); });
  EXPECT_EQ(counts.sent, request.size());
  EXPECT_EQ(counts.received, 0u);
}

TEST(MeshDoor, HasItsOnePortAndItsOneName) {
  Mesh mesh(rules({"*", "tcp://" + kHost + ":443"}));
  EXPECT_THAT(mesh.house.ask(kHost, 443).second.message, HasSubstr("nothing at port 443"));
  EXPECT_EQ(mesh.house.ask("x." + kHost, 80).second.status, Status::unresolvable);
  auto [near, said] = mesh.house.ask(kHost, 80);
  ASSERT_EQ(said.status, Status::ok);
  near.send("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n");
  EXPECT_THAT(near.rest(), HasSubstr("403 Forbidden"));
  EXPECT_EQ(mesh.taken().rest(), "");
  auto tried = mesh.house.wait(mesh.house.door->test({read_host(kHost).value(), 80}));
  EXPECT_EQ(tried.decision.verdict, Decision::Verdict::allowed);
}

TEST(MeshDoor, IsNobodysWithoutAMesh) {
  Listener far;
  House house(rules({"*", kHost, "127.0.0.1"}));
  house.resolver.answers[kHost] = {{"127.0.0.1"}};
  house.on([&] { house.door->allow_once(rule(kHost)); });
  for (std::uint16_t port : {std::uint16_t{0}, std::uint16_t{80}, far.port()}) {
    auto said = house.ask(kHost, port).second;
    EXPECT_EQ(said.status, Status::denied);
    EXPECT_EQ(said.message,
              "Brig: mesh.brig.internal is where a session finds the services of its mesh, and this one is "
              "of none");
  }
  EXPECT_FALSE(far.was_hit());
  EXPECT_EQ(house.resolver.asked.size(), 0u);
}

}  // namespace
}  // namespace brig::egress::testing
