// Images that try to shape the container they are run in: by their metadata, and by files with powers. The
// instrument is the engine itself, which does what such an image says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/files.hpp"
#include "core/text.hpp"
#include "world/caller.hpp"

namespace brig::escape {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

const std::string kFrom = "FROM brig-test/busybox\n";
// Written into the image's files and metadata: each of these shows in what `kAsk` prints, or in the
// container.
const std::string kShaping =
    kFrom +
    "COPY euid entry /\nRUN chown 0:0 /euid && chmod 6755 /euid && chmod 755 /entry && "
    "echo 'agent:x:0:0::/:/bin/sh' > /etc/passwd && echo /evil.so > /etc/ld.so.preload\n"
    "ENV LD_PRELOAD=/evil.so SHAPED=yes\nUSER 0:0\nWORKDIR /etc\nENTRYPOINT [\"/entry\"]\nSTOPSIGNAL "
    "SIGKILL\n"
    "EXPOSE 80\nHEALTHCHECK --interval=1s CMD touch /tmp/healthy\nLABEL maintainer=evil\n";
const char* const kAsk =
    "echo user $(id -u); echo entry ${ENTERED:-none}; echo at $PWD; echo euid $(/euid); echo first $(cat "
    "/proc/1/comm)";

class HostileImage : public testing::TestWithParam<const char*> {
 protected:
  HostileImage() : brigd(kApiConfig, "ip link set lo up"), user(brigd, "user") {
    EXPECT_TRUE(harness::Engine::shared().ensure_image("brig-test/busybox"));
  }
  ~HostileImage() override {
    for (const auto& tag : built_) docker({"image", "rm", "--force", tag});
  }
  harness::Finished docker(std::vector<std::string> words) {
    words.insert(words.begin(), "docker");
    harness::SpawnOptions options;
    options.env = {{"DOCKER_HOST", harness::Engine::shared().docker_host()}, {"DOCKER_BUILDKIT", "0"}};
    auto done = harness::run(words, "", options);
    EXPECT_TRUE(done) << done.error().message;
    return done ? *done : harness::Finished{};
  }
  // Its tag.
  std::string build(const std::string& name, const std::string& dockerfile) {
    auto dir = brigd.dir() / name;
    fs::create_directory(dir);
    std::ofstream(dir / "Dockerfile") << dockerfile;
    std::ofstream(dir / "entry") << "#!/bin/sh\nexport ENTERED=yes\nexec \"$@\"\n";
    fs::copy_file(EUID_PROGRAM, dir / "euid");
    auto tag = "brig-escape/" + name + ":latest";
    auto done = docker({"build", "-q", "-t", tag, dir.string()});
    EXPECT_EQ(done.code, 0) << done.out << done.err;
    built_.push_back(tag);
    return tag;
  }
  Reply start(const std::string& image, std::vector<std::string> args) {
    return user.call("POST", "/v1/sessions",
                     json{{"provider", "box"},
                          {"name", "fix"},
                          {"image", image},
                          {"args", std::move(args)},
                          {"policy", {{"runtime", GetParam()}}}}
                         .dump());
  }

  test::Brigd brigd;
  Caller user;

 private:
  std::vector<std::string> built_;
};

TEST_P(HostileImage, ShapesNothing) {
  auto image = build("shaping", kShaping);
  auto plain = docker({"run", "--rm", "--network", "none", "--runtime", GetParam(), image, "sh", "-c", kAsk});
  EXPECT_THAT(plain.out, HasSubstr("user 0\nentry yes\nat /etc\neuid 0 0\n")) << plain.err;
  // gVisor as Debian has it heeds no setuid at all.
  auto unarmed =
      docker({"run", "--rm", "--network", "none", "--user", "1000:1000", "--entrypoint", "/euid", image});
  EXPECT_EQ(unarmed.out, "0 0\n") << "setuid counts where nothing is done about it: " << unarmed.err;

  auto made = start(image, {"sh", "-c", std::string(kAsk) + "; exec sleep 1000"});
  ASSERT_EQ(made.status, 201) << made.body;
  std::string said;
  ASSERT_TRUE(test::eventually(
      [&] {
        said = brigd.brig({"logs", "fix"}).out;
        return said.find("first") != std::string::npos;
      },
      "it says what it is"));
  EXPECT_THAT(said, HasSubstr("user 1000\nentry none\nat /workspace\neuid 1000 1000\n"));
  EXPECT_THAT(said, Not(HasSubstr("first sh")));

  auto id = json::parse(brigd.brig({"show", "fix", "--json"}).out)["container"].get<std::string>();
  auto container = json::parse(*harness::Engine::shared().request("GET", "/containers/" + id + "/json"));
  const auto& config = container["Config"];
  EXPECT_EQ(config["Entrypoint"], json::array({"/run/brig/init"}));
  EXPECT_NE(config["User"], "0:0");
  EXPECT_EQ(config["Healthcheck"]["Test"], json::array({"NONE"}));
  EXPECT_EQ(config.value("StopSignal", ""), "SIGTERM");
  for (const auto& mount : container["Mounts"]) EXPECT_NE(mount["Type"], "volume") << mount;
  EXPECT_TRUE(container["HostConfig"]["PortBindings"].empty());
  if (std::string(GetParam()) != "runsc") {
    // The supervisor is one static file: there is no loader that would heed LD_PRELOAD or ld.so.preload.
    auto maps = "/proc/" + std::to_string(container["State"]["Pid"].get<int>()) + "/maps";
    auto text = read_file(maps, 1 << 20);
    ASSERT_TRUE(text);
    EXPECT_THAT(*text, HasSubstr("/init"));
    EXPECT_THAT(*text, Not(HasSubstr(".so")));
    EXPECT_THAT(*read_file("/proc/self/maps", 1 << 20), HasSubstr(".so")) << "where there is one, it shows";
  }
  EXPECT_EQ(brigd.brig({"rm", "--force", "fix"}).code, 0);
}

// What the engine would take from an image although the request does not say it.
TEST_P(HostileImage, IsRefusedWhereTheEngineWouldListenToIt) {
  struct Sting {
    const char *name, *line, *said;
  };
  for (const auto& [name, line, said] :
       {Sting{"volume", "VOLUME /tmp/unbounded", "/tmp/unbounded"},
        Sting{"volume-over-link", "VOLUME [\"/run/brig\"]", "/run/brig"},
        Sting{"label-session", "LABEL brig.session=0123456789abcdef", "brig.session"},
        Sting{"label-installation", "LABEL brig.installation=x brig.owner=uid:0", "brig.installation"},
        Sting{"label-unknown", "LABEL brig.clone=yes", "brig.clone"}}) {
    auto got = start(build(name, kFrom + line + "\n"), {"true"});
    EXPECT_GE(got.status, 400) << name;
    EXPECT_LT(got.status, 500) << name;
    EXPECT_THAT(got.body, HasSubstr(said)) << name;
  }
  EXPECT_TRUE(brigd.sessions().empty());
  auto harmless = start(build("harmless", kFrom + "LABEL other.session=x\n"), {"true"});
  EXPECT_EQ(harmless.status, 201) << harmless.body;
}

INSTANTIATE_TEST_SUITE_P(Under, HostileImage, testing::Values("runc", "crun", "runsc"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace brig::escape
