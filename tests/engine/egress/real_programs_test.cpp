// Programs as they are, through the door out of real sandboxes: git, npm, pip, curl, node and python, told of
// the proxy inside and not. Their hosts are one server of the test's, in brigd's network.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "brigd.hpp"
#include "core/files.hpp"
#include "core/text.hpp"
#include "own_hosts.hpp"

namespace brig::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kAddress = "93.184.215.14";

// A directory like images/, with one provider that has all those programs.
class Programs {
 public:
  Programs() {
    auto dir = harness::Engine::shared().scratch("programs");
    if (!dir) std::abort();
    dir_ = *dir;
    fs::create_directories(dir_ / "images");
    fs::copy(BRIG_SOURCE_DIR "/images/base", dir_ / "images/base", fs::copy_options::recursive);
    fs::copy(BRIG_SOURCE_DIR "/images/versions.lock", dir_ / "images/versions.lock");
    fs::copy(PROGRAMS_DIR "/image", dir_ / "images/programs");
  }
  ~Programs() {
    (void)harness::Engine::shared().request("DELETE", "/images/brig-real/programs:latest");
    std::error_code ec;
    fs::remove_all(dir_, ec);
  }
  const fs::path& directory() const { return dir_; }
  // For a brigd whose sandboxes trust `trust` beside what they trust anyway.
  Images images(const std::string& trust) const { return {dir_ / "images", "brig-real", trust}; }

  // The image, and what the server needs: a node of its own, packages that npm has in the image.
  void prepare() {
    Brigd brigd({}, {}, images("auto"));
    auto built = harness::run(brigd.command({"image", "build", "programs"}), {}, brigd.options(),
                              std::chrono::minutes(10));
    ASSERT_TRUE(built && built->code == 0) << (built ? built->err : built.error().message);
    fs::create_directories(dir_ / "git");
    auto kit = brigd.brig({"run", "programs", "--name", "kit", "-d", "--empty", "--", "sleep", "1000"});
    ASSERT_EQ(kit.code, 0) << kit.err;
    auto packed = brigd.brig({"exec", "kit", "--", "sh", "-ec",
                              "cd /opt/node/lib/node_modules/npm/node_modules; mkdir /workspace/packages; "
                              "needed=which/node_modules/isexe; [ -d $needed ] || needed=isexe; npm pack "
                              "--ignore-scripts --pack-destination /workspace/packages ./which ./$needed"});
    ASSERT_EQ(packed.code, 0) << packed.err;
    for (const char* what : {"/workspace/packages", "/opt/node/bin/node"}) {
      auto copied = brigd.brig({"cp", "kit:" + std::string(what), dir_.string()});
      ASSERT_EQ(copied.code, 0) << copied.err;
    }
    auto made = harness::run({"sh", PROGRAMS_DIR "/prepare.sh", dir_.string()});
    ASSERT_TRUE(made && made->code == 0) << (made ? made->err : made.error().message);
  }

 private:
  fs::path dir_;
};

class RealPrograms : public testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() {
    programs.emplace();
    programs->prepare();
    if (HasFatalFailure()) return;
    hosts.emplace(kAddress + " git.test registry.test api.test other.test\n127.0.0.1 localhost\n");
    // Routed there without being an address of the machine's own, which no name may lead to.
    brigd.emplace("", "ip link set lo up && ip route add local " + kAddress + " dev lo",
                  programs->images((programs->directory() / "authority.crt").string()));
    auto command = "exec nsenter --net=/proc/" + std::to_string(brigd->pid()) + "/ns/net -- \"$0/node\" " +
                   PROGRAMS_DIR "/server.mjs " + kAddress + " \"$0\" > \"$0/heard\" 2>&1";
    auto child = harness::Child::spawn({"sh", "-c", command, programs->directory().string()});
    ASSERT_TRUE(child);
    server.emplace(std::move(*child));
    ASSERT_TRUE(eventually([] { return heard().find("ready") != std::string::npos; }, "the hosts are there"));
  }
  static void TearDownTestSuite() {
    if (server) server->kill(SIGKILL);
    server.reset();
    brigd.reset();
    hosts.reset();
    programs.reset();
  }
  static std::string heard() {
    std::ifstream in(programs->directory() / "heard");
    return {std::istreambuf_iterator<char>(in), {}};
  }

  inline static std::optional<Programs> programs;
  inline static std::optional<OwnHosts> hosts;
  inline static std::optional<Brigd> brigd;
  inline static std::optional<harness::Child> server;
};

TEST_P(RealPrograms, WorkWithTheHostsTheyNeed) {
  auto project = brigd->project(std::string("app-") + GetParam());
  fs::copy_file(PROGRAMS_DIR "/agent.sh", project / "agent.sh");
  for (const std::string mode : {"proxy", "names"}) {
    auto name = std::string(GetParam()) + "-" + mode;
    auto done = brigd->brig({"run", "programs", "--name", name, "--runtime", GetParam(), "--project",
                             project.string(), "--allow", "git.test", "--allow", "registry.test", "--allow",
                             "api.test", "--", "sh", "agent.sh", mode});
    EXPECT_EQ(done.code, 0) << done.err;
    std::size_t worked = 0;
    for (auto line : split(done.out, '\n')) worked += line.starts_with("ok ");

    std::set<std::string> ways, outcomes;
    auto account = brigd->brig({"egress", "tail", name, "--no-follow", "--json", "-n", "1000"}).out;
    EXPECT_EQ(worked, 15u) << mode << ":\n" << done.out << done.err << account << heard();
    for (auto text : split(account, '\n')) {
      if (text.empty()) continue;
      auto line = json::parse(text, nullptr, false);
      if (line["host"] == "other.test")
        outcomes.insert(line["outcome"]);
      else
        ways.insert(line["via"]);
    }
    EXPECT_EQ(outcomes, std::set<std::string>{"denied"});
    EXPECT_EQ(ways.contains(mode == "proxy" ? "http_connect" : "transparent"), true) << account;
    EXPECT_EQ(ways.contains(mode == "proxy" ? "transparent" : "http_connect"), false) << account;
  }
  EXPECT_THAT(heard(), HasSubstr("tls api.test"));
  EXPECT_THAT(heard(), Not(HasSubstr("other.test")));
}

INSTANTIATE_TEST_SUITE_P(All, RealPrograms, testing::Values("runc", "crun", "runsc"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace brig::test
