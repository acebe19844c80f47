// Workspaces cloned from a repository, by git in a sandbox. The server is the test's own, in brigd's network.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <map>
#include <nlohmann/json.hpp>

#include "brigd.hpp"
#include "core/files.hpp"

namespace brig::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kAddress = "93.184.215.14";  // on the loopback interface of brigd's namespace
const Images kImages{BRIG_SOURCE_DIR "/images", "brig-real", "auto"};

std::string network_setup() {
  return std::string("ip link set lo up && ip addr add ") + kAddress + "/32 dev lo";
}

class Git : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    // In a namespace with a network, for the packages.
    Brigd brigd({}, {}, kImages);
    auto built = harness::run(brigd.command({"image", "build", "shell"}), {}, brigd.options(),
                              std::chrono::minutes(10));
    ASSERT_TRUE(built && built->code == 0) << (built ? built->err : built.error().message);
  }
  static void TearDownTestSuite() {
    (void)harness::Engine::shared().request("DELETE", "/images/brig-real/shell:latest");
  }
  Git() : brigd({}, network_setup(), kImages) {
    repositories = brigd.project("repositories", 0);
    server =
        inside({"python3", "-m", "http.server", "8080", "--bind", kAddress, "--directory", repositories});
    eventually([&] { return answers(8080); }, "the git server answers");
  }

  harness::Child inside(std::vector<std::string> command) {
    std::vector<std::string> args = {"nsenter", "--net=/proc/" + std::to_string(brigd.pid()) + "/ns/net",
                                     "--"};
    args.insert(args.end(), command.begin(), command.end());
    auto options = brigd.options();
    options.pipe_err = true;
    auto child = harness::Child::spawn(args, options);
    if (!child) std::abort();
    return std::move(*child);
  }
  bool answers(int port) {
    auto done =
        harness::run({"nsenter", "--net=/proc/" + std::to_string(brigd.pid()) + "/ns/net", "--", "bash", "-c",
                      "exec 3<>/dev/tcp/" + std::string(kAddress) + "/" + std::to_string(port)});
    return done && done->code == 0;
  }
  // A bare repository made by this script in a work tree, served without a program of its own.
  std::string repository(const std::string& name, const std::string& script) {
    auto tree = brigd.project(name + "-tree", 0);
    auto bare = (repositories / (name + ".git")).string();
    auto done = harness::run(
        {"bash", "-ec",
         "cd \"$0\"; git init -q -b main .; git config user.name t; git config user.email t@example.com; " +
             script +
             "; git add -A; git commit -q -m one; git clone -q --bare . \"$1\"; git -C \"$1\" "
             "update-server-info",
         tree.string(), bare},
        {}, brigd.options());
    EXPECT_TRUE(done && done->code == 0) << (done ? done->err : "");
    return "http://" + std::string(kAddress) + ":8080/" + name + ".git";
  }
  harness::Finished run(const std::string& url, std::vector<std::string> options,
                        std::vector<std::string> command) {
    std::vector<std::string> args = {"run", "shell", "--git", url};
    args.insert(args.end(), options.begin(), options.end());
    args.push_back("--");
    args.insert(args.end(), command.begin(), command.end());
    return brigd.brig(args);
  }

  Brigd brigd;
  std::filesystem::path repositories;
  std::optional<harness::Child> server;
};

TEST_F(Git, ACloneIsTheWorkspaceAndChangesAreComparedWithIt) {
  auto url = repository("app",
                        "mkdir src; echo one > src/a; echo old > b; git add -A; git commit -q -m zero; "
                        "git branch before; echo two > c");
  auto done = run(url, {"--name", "fix"},
                  {"sh", "-c",
                   "git log --format=%s; cat src/a c; id -u; stat -c %u src; git status --short; "
                   "echo changed > src/a; rm b; echo new > d"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "one\nzero\none\ntwo\n1000\n1000\n");
  auto shown = nlohmann::json::parse(brigd.brig({"show", "fix", "--json"}).out, nullptr, false);
  EXPECT_EQ(shown["source"], url);
  EXPECT_FALSE(shown.contains("project"));
  eventually([&] { return brigd.sessions().size() == 1; }, "what it was cloned in is gone");

  auto summary = brigd.brig({"diff", "fix", "--json"});
  auto changes = nlohmann::json::parse(summary.out, nullptr, false)["changes"];
  std::map<std::string, std::string> kinds;
  for (const auto& change : changes)
    if (!change["path"].get<std::string>().starts_with(".git/")) kinds[change["path"]] = change["kind"];
  EXPECT_EQ(kinds,
            (std::map<std::string, std::string>{{"src/a", "modified"}, {"b", "deleted"}, {"d", "added"}}))
      << summary.out << summary.err;
  auto patch = brigd.brig({"diff", "fix", "src"}).out;
  EXPECT_THAT(patch, HasSubstr("-one\n+changed"));

  auto applied = brigd.brig({"apply", "fix", "-y"});
  EXPECT_NE(applied.code, 0);
  EXPECT_THAT(applied.err, HasSubstr("brig cp"));

  // A fork goes on from it; discarding goes back to what was cloned, not to nothing.
  auto fork = brigd.brig({"fork", "fix", "--name", "again"});
  EXPECT_EQ(fork.code, 0) << fork.err;
  eventually(
      [&] {
        return nlohmann::json::parse(brigd.brig({"show", "again", "--json"}).out)["state"] == "ended";
      },
      "the fork has ended");
  EXPECT_THAT(brigd.brig({"diff", "again", "src"}).out, HasSubstr("-one\n+changed"));
  EXPECT_EQ(brigd.brig({"rm", "again"}).code, 0);
  EXPECT_EQ(brigd.brig({"discard", "fix"}).code, 0);
  EXPECT_EQ(brigd.brig({"diff", "fix"}).out, "");

  auto branch = run(url, {"--rm", "--ref", "before"}, {"sh", "-c", "ls; git log --format=%s"});
  EXPECT_EQ(branch.out, "b\nsrc\nzero\n") << branch.err;
}

TEST_F(Git, AHostileRepositoryReachesNothing) {
  auto other = repository("other", "echo fetched > f");
  auto url = repository("bad",
                        "ln -s /etc/passwd link; ln -s ../../../../run/brig way; mkdir hooks; printf "
                        "'#!/bin/sh\\ntouch planted-by-git' > "
                        "hooks/post-checkout; chmod 755 hooks/post-checkout; printf '* filter=evil\\n' > "
                        ".gitattributes; printf "
                        "'[submodule \"s\"]\\n\\tpath = s\\n\\turl = " +
                            other +
                            "\\n\\tupdate = !touch planted-by-git\\n' > .gitmodules; git -c "
                            "protocol.file.allow=always submodule add -q " +
                            "--name s -f \"$PWD/../other-tree\" s 2>/dev/null || true");
  auto done = run(url, {"--rm"}, {"sh", "-c", "readlink link; ls s 2>/dev/null; ls; cat .git/config"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("/etc/passwd\n"));
  EXPECT_THAT(done.out, Not(HasSubstr("fetched")));
  EXPECT_THAT(done.out, Not(HasSubstr("planted")));
  EXPECT_THAT(done.out, Not(HasSubstr("submodule")));
}

TEST_F(Git, WhatCannotBeClonedSaysWhyAndLeavesNothing) {
  auto url = repository("app", "echo one > a");
  auto refused = [&](const std::string& what, std::vector<std::string> options, const std::string& says) {
    auto done = run(what, std::move(options), {"true"});
    EXPECT_NE(done.code, 0);
    EXPECT_THAT(done.err, HasSubstr(says)) << what;
  };
  refused("http://" + std::string(kAddress) + ":8080/none.git", {}, "could not clone");
  refused(url, {"--ref", "no-such-branch"}, "no-such-branch");
  refused(url, {"--ref", "--upload-pack=x"}, "begins with '-'");
  refused("http://10.66.0.9:8080/app.git", {}, "could not clone");  // nobody is there
  refused("file:///etc", {}, "https://");
  refused("ext::sh -c id", {}, "https://");
  refused("git@example.com:app.git", {}, "https://");
  refused("https://*/app.git", {}, "no single host");
  refused("https://*.example.com/app.git", {}, "no single host");
  refused("https://user:s3cret@example.com/app.git", {}, "leave it out");
  EXPECT_THAT(run("https://user:s3cret@example.com/app.git", {}, {"true"}).err, Not(HasSubstr("s3cret")));
  refused(repository("giant", "head -c 40000000 /dev/urandom > big"), {"--disk", "16M"}, "could not clone");
  brigd.expect_nothing_left();
}

TEST_F(Git, KilledWhileItClonesNothingIsLeft) {
  // Each brigd has a network of its own.
  std::optional<harness::Child> silent;
  auto listen = [&] {
    silent = inside({"python3", "-c",
                     "import socket,time\ns=socket.create_server(('" + std::string(kAddress) +
                         "',8081))\ntime.sleep(1000)"});
    eventually([&] { return answers(8081); }, "somebody listens, and says nothing");
  };
  listen();
  auto options = brigd.options();
  options.env.push_back({"BRIG_RECONNECT", "0"});
  auto begun =
      harness::Child::spawn(brigd.command({"run", "shell", "--git",
                                           "http://" + std::string(kAddress) + ":8081/x.git", "--", "true"}),
                            options);
  ASSERT_TRUE(begun);
  eventually(
      [&] {
        auto all = brigd.sessions();
        return all.size() == 1 && all[0]["state"] == "running";
      },
      "it is being cloned");
  auto shown = brigd.sessions()[0];
  EXPECT_THAT(shown["name"].get<std::string>(), HasSubstr("clone-"));
  brigd.kill_hard();
  (void)begun->wait();
  brigd.start();
  eventually([&] { return brigd.sessions().empty(); }, "the clone's sandbox is forgotten");

  // And when whoever asked goes away.
  listen();
  auto again =
      harness::Child::spawn(brigd.command({"run", "shell", "--git",
                                           "http://" + std::string(kAddress) + ":8081/x.git", "--", "true"}),
                            options);
  ASSERT_TRUE(again);
  eventually([&] { return brigd.sessions().size() == 1; }, "it is being cloned");
  again->kill(SIGKILL);
  (void)again->wait();
  eventually([&] { return brigd.sessions().empty(); }, "it is given up");
  brigd.expect_nothing_left();
}

}  // namespace
}  // namespace brig::test
