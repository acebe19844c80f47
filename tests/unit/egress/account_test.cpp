#include <fstream>

#include "egress/audit.hpp"
#include "house.hpp"

namespace brig::egress::testing {
namespace {

TEST(Account, IsFollowedWhileItIsWritten) {
  House house(rules({}));
  auto follower = house.on([&] { return house.door->follow(); });
  house.ask("a.test", 443);
  auto line = house.wait(follower->next());
  ASSERT_TRUE(line);
  EXPECT_EQ(nlohmann::json::parse(*line)["outcome"], "denied");
}

TEST(Account, KeepsWithinItsBoundAndSurvivesATornLine) {
  char pattern[] = "/tmp/brig-account-XXXXXX";
  std::filesystem::path directory = ::mkdtemp(pattern);
  auto file = directory / "egress.log";
  std::ofstream(file) << "{\"torn";
  net::asio::io_context context(1);
  {
    Audit audit(context.get_executor(), file);
    std::string line = "{\"x\":\"" + std::string(1000, 'x') + "\"}";
    for (int i = 0; i < 12'000; ++i) audit.add(line);
    EXPECT_LE(std::filesystem::file_size(file), 4u << 20);
    EXPECT_LE(std::filesystem::file_size(directory / "egress.log.1"), 4u << 20);
    EXPECT_EQ(Audit::last(file, 5000).size(), 5000u);
    EXPECT_EQ(Audit::last(file, 10), std::vector<std::string>(10, line));
  }
  std::filesystem::remove_all(directory);
}

TEST(Account, TellsASlowFollowerWhatItMissed) {
  char pattern[] = "/tmp/brig-account-XXXXXX";
  std::filesystem::path directory = ::mkdtemp(pattern);
  net::asio::io_context context(1);
  auto next = [&](Audit::Follower& follower) {
    auto got = net::asio::co_spawn(context, follower.next(), net::asio::use_future);
    context.restart();
    context.run();
    return got.get();
  };
  std::shared_ptr<Audit::Follower> follower;
  {
    Audit audit(context.get_executor(), directory / "egress.log");
    follower = audit.follow();
    for (int i = 0; i < 1030; ++i) audit.add(std::to_string(i));
  }
  EXPECT_EQ(next(*follower), "{\"kind\":\"missed\",\"count\":6}");
  EXPECT_EQ(next(*follower), "6");
  for (int i = 7; i < 1030; ++i) EXPECT_EQ(next(*follower), std::to_string(i));
  EXPECT_EQ(next(*follower), std::nullopt);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace brig::egress::testing
