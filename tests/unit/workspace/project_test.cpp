#include "workspace/project.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "sandbox.hpp"

namespace brig::workspace {
namespace {

using ::testing::HasSubstr;

class ProjectCheck : public ::testing::Test {
 protected:
  ProjectCheck() {
    mine = place.root / "home" / "mine";
    fs::create_directory(mine);
    own(mine, 1234, 1235);
    forbidden = {{place.state(), "Brig's state directory"}};
  }
  Result<Project> open(const std::string& path) { return open_project(path, caller, forbidden); }
  void expect_refused(const std::string& path, Code code, const std::string& why) {
    auto project = open(path);
    ASSERT_FALSE(project) << path;
    EXPECT_EQ(project.error().code, code) << project.error().message;
    EXPECT_THAT(project.error().message, HasSubstr(why));
  }

  Place place;
  fs::path mine;
  std::optional<Identity> caller = Identity{1234, 1235, {}};
  std::vector<Forbidden> forbidden;
};

TEST_F(ProjectCheck, OnesOwnDirectoryIsFine) {
  fs::create_symlink(mine, place.root / "home" / "link");
  for (auto path : {mine.native(), mine.native() + "/", (place.root / "home" / "link").native(),
                    mine.native() + "/../mine/./"}) {
    auto project = open(path);
    ASSERT_TRUE(project) << project.error().message;
    EXPECT_EQ(project->path, mine);
    EXPECT_EQ(project->uid, 1234u);
    EXPECT_EQ(project->gid, 1235u);
    EXPECT_EQ(project->mode, 0755u);
  }
}

TEST_F(ProjectCheck, PathsThatAreNone) {
  expect_refused("", Code::invalid, "empty path");
  expect_refused("mine", Code::invalid, "not an absolute path");
  expect_refused("../mine", Code::invalid, "not an absolute path");
  expect_refused(std::string("/home\0/x", 8), Code::invalid, "not an absolute path");
  expect_refused("/" + std::string(5000, 'x'), Code::invalid, "too long");
  expect_refused("/" + std::string(300, 'x'), Code::invalid, "too long");
  expect_refused((mine / "nothing").native(), Code::not_found, "does not exist");
}

TEST_F(ProjectCheck, WhatIsNoDirectory) {
  write_text(mine / "file", "x");
  expect_refused((mine / "file").native(), Code::invalid, "is a file, not a directory");
  expect_refused((mine / "file" / "below").native(), Code::invalid, "leads through something");
  UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{AF_UNIX, {}};
  auto path = (mine / "sock").native();
  ASSERT_LT(path.size(), sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  expect_refused(path, Code::invalid, "is a socket, not a directory");
}

TEST_F(ProjectCheck, TheSystemsDirectories) {
  caller.reset();
  expect_refused("/", Code::invalid, "whole machine");
  expect_refused("/../..", Code::invalid, "whole machine");
  for (const char* path : {"/proc", "/proc/sys", "/sys", "/dev", "/run", "/boot", "/etc", "/etc/ssl", "/usr",
                           "/var", "/home", "/tmp", "/proc/self/task"}) {
    expect_refused(path, Code::invalid, "belongs to the system");
  }
  fs::create_symlink("/etc", mine / "innocent");
  expect_refused((mine / "innocent").native(), Code::invalid, "belongs to the system");
}

TEST_F(ProjectCheck, LinksOfProcLeadNowhere) {
  expect_refused("/proc/self/cwd", Code::invalid, "link of /proc");
  UniqueFd fd(::open(mine.c_str(), O_PATH | O_CLOEXEC));
  caller.reset();
  expect_refused("/proc/self/fd/" + std::to_string(fd.get()), Code::invalid, "link of /proc");
}

TEST_F(ProjectCheck, TheKernelsStateUnderAnotherName) {
  caller.reset();
  auto alias = mine / "alias";
  fs::create_directory(alias);
  ASSERT_EQ(::mount("/proc", alias.c_str(), nullptr, MS_BIND, nullptr), 0);
  expect_refused(alias.native(), Code::invalid, "shows the kernel's state");
  ASSERT_EQ(::umount(alias.c_str()), 0);
}

TEST_F(ProjectCheck, BrigsOwnPlacesInAnyRelation) {
  caller.reset();
  expect_refused(place.state().native(), Code::invalid, "is Brig's state directory");
  expect_refused(place.session().native(), Code::invalid, "lies in Brig's state directory");
  expect_refused(place.root.native(), Code::invalid, "contains Brig's state directory");
  fs::create_symlink(place.state(), mine / "link");
  expect_refused((mine / "link" / "sessions").native(), Code::invalid, "lies in Brig's state directory");
  // A place may not be there yet.
  forbidden = {{mine / "not" / "yet", "the engine's data"}};
  expect_refused(mine.native(), Code::invalid, "contains the engine's data");
}

TEST_F(ProjectCheck, TheEnginesSocketInside) {
  write_text(mine / "docker.sock", "");
  forbidden = {{mine / "docker.sock", "the engine's socket"}};
  expect_refused(mine.native(), Code::invalid, "contains the engine's socket");
  // Named by way of a link elsewhere.
  fs::create_symlink(mine / "docker.sock", place.root / "link.sock");
  forbidden = {{place.root / "link.sock", "the engine's socket"}};
  expect_refused(mine.native(), Code::invalid, "contains the engine's socket");
}

TEST_F(ProjectCheck, ABindMountIsSeenThrough) {
  caller.reset();
  auto alias = place.root / "home" / "alias";
  fs::create_directory(alias);
  ASSERT_EQ(::mount(place.root.c_str(), alias.c_str(), nullptr, MS_BIND, nullptr), 0);
  expect_refused(alias.native(), Code::invalid, "contains Brig's state directory");
  expect_refused((alias / "state" / "sessions").native(), Code::invalid, "lies in Brig's state directory");
  ASSERT_EQ(::umount(alias.c_str()), 0);
}

TEST_F(ProjectCheck, OnlyWhatTheCallerMayOpen) {
  auto locked = place.root / "home" / "locked";
  fs::create_directories(locked / "app");
  own(locked / "app", 1234, 1235);
  fs::permissions(locked, fs::perms(0700));
  expect_refused((locked / "app").native(), Code::denied, "not open to you");
  expect_refused((locked / "nothing").native(), Code::denied,
                 "not open to you");  // whether it exists stays unknown
  // A group can open the way.
  own(locked, 0, 777);
  fs::permissions(locked, fs::perms(0710));
  expect_refused((locked / "app").native(), Code::denied, "not open to you");
  caller->groups = {777};
  EXPECT_TRUE(open((locked / "app").native()));
  caller->groups = {};
  // The caller's own, but shut even to the caller.
  fs::permissions(mine, fs::perms(0300));
  expect_refused(mine.native(), Code::denied, "not open to you");
  caller = Identity{0, 0, {}};
  EXPECT_TRUE(open(mine.native()));
}

TEST_F(ProjectCheck, OnlyWhatBelongsToTheCaller) {
  auto shared = place.root / "home" / "shared";
  fs::create_directory(shared);
  fs::permissions(shared, fs::perms(0777));
  expect_refused(shared.native(), Code::denied, "belongs to uid 0, not to you (uid 1234)");
}

TEST_F(ProjectCheck, OpeningAsSomebodyElseLeavesUsAsWeAre) {
  ASSERT_TRUE(open(mine.native()));
  EXPECT_EQ(::geteuid(), 0u);
  EXPECT_EQ(::access("/root", R_OK), 0);
}

TEST(Identity, KnowsTheGroupsOfKnownUsers) {
  auto root = identity_of(0, 0);
  EXPECT_EQ(root.uid, 0u);
  EXPECT_THAT(root.groups, ::testing::Contains(0u));
  EXPECT_TRUE(identity_of(3'000'000'000u, 7).groups.empty());
}

}  // namespace
}  // namespace brig::workspace
