// Services that come as a zip, which somebody hands in and brigd does not open itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services_house.hpp"

namespace brig::test {
namespace {

using ::testing::HasSubstr;

class Zips : public ServicesHouse {
 protected:
  // Made by this script, which has `z`, a zip that is open for writing.
  std::string zip(const std::string& name, const std::string& script) {
    auto path = (brigd.dir() / name).string();
    auto done = harness::run({"python3", "-c",
                              "import sys, zipfile, stat\n"
                              "with zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED) as z:\n    " +
                                  script,
                              path, SERVER_DIR});
    EXPECT_TRUE(done && done->code == 0) << (done ? done->err : done.error().message);
    return path;
  }
  std::size_t uploads() {
    std::error_code ec;
    fs::directory_iterator all(brigd.dir() / "state" / "uploads", ec);
    return ec ? 0 : static_cast<std::size_t>(std::distance(fs::begin(all), fs::end(all)));
  }
};

TEST_F(Zips, AreUnpackedBuiltAndRun) {
  auto path =
      zip("mine.zip",
          "[z.write(f'{sys.argv[2]}/{n}', f'server-main/{n}') for n in ('index.mjs', 'package.json')]");
  auto done = brig({"deploy", "mine", "--zip", path});
  EXPECT_EQ(done.out, "mine running, version 1.2.3, 11 tools\n") << done.err;
  EXPECT_EQ(said("echo", {{"message", "hi"}}), "hi\n");
  EXPECT_EQ(show("mine")["source_type"], "zip");
  EXPECT_EQ(uploads(), 0u);
  auto update = brig({"update", "mine"});
  EXPECT_NE(update.code, 0);
  EXPECT_THAT(update.err, HasSubstr("nothing newer"));

  // What was written down is made whole after a kill.
  auto again = harness::Child::spawn(
      brigd.command({"service", "deploy", "other", "--zip", path, "--mesh", "acme"}), brigd.options());
  ASSERT_TRUE(again);
  eventually([&] { return list().size() == 2; }, "the wish is written down");
  brigd.kill_hard();
  EXPECT_TRUE(again->wait());
  brigd.start();
  eventually([&] { return state("other") == "running" && uploads() == 0; },
             "the other runs, and has its zip");
}

TEST_F(Zips, AreRefusedForWhatIsWrongWithThem) {
  ASSERT_EQ(brigd.brig({"image", "build", "python"}).code, 0);
  int number = 0;
  auto refused = [&](const std::string& script, const std::string& why) {
    auto done = brig({"deploy", "bad", "--zip", zip(std::to_string(++number) + ".zip", script)});
    EXPECT_NE(done.code, 0) << why;
    EXPECT_THAT(done.err, HasSubstr(why));
  };
  refused("z.writestr('../up.js', 'x')", "no path within it");
  refused("z.writestr('/etc/x', 'x')", "no path within it");
  refused(
      "i = zipfile.ZipInfo('link'); i.external_attr = (stat.S_IFLNK | 0o777) << 16; z.writestr(i, "
      "'/etc/passwd')",
      "is a link or a device");
  refused("z.writestr('index.js', '0' * (300 << 20))", "as bombs do");
  refused("[z.writestr(f'd/{i}', '') for i in range(20_001)]", "over 20000 entries");
  put_file(brigd.dir() / "no.zip", "this is no zip");
  auto none = brig({"deploy", "bad", "--zip", (brigd.dir() / "no.zip").string()});
  EXPECT_THAT(none.err, HasSubstr("the zip is refused"));
  put_file(brigd.dir() / "empty.zip", "");
  EXPECT_THAT(brig({"deploy", "bad", "--zip", (brigd.dir() / "empty.zip").string()}).err,
              HasSubstr("is empty"));
  EXPECT_THAT(brig({"deploy", "bad", "--zip", "/nowhere.zip"}).err, HasSubstr("cannot read '/nowhere.zip'"));
}

}  // namespace
}  // namespace brig::test
