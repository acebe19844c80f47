#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "sandbox.hpp"

namespace brig::workspace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The tests' own mount namespace: whatever they leave mounted goes with the process.
class OwnMounts : public ::testing::Environment {
  void SetUp() override {
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0) << "these tests mount, which takes root";
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  }
};
[[maybe_unused]] auto* const kOwnMounts = ::testing::AddGlobalTestEnvironment(new OwnMounts);

// uid and gid of the project's owner, and how the layers are handed to the kernel.
struct Case {
  uid_t uid;
  gid_t gid;
  Mounter::Method method;
};

class Workspace : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    project_dir = place.root / "home" / "app";
    fs::create_directories(project_dir / "src" / "deep");
    write_text(project_dir / "README", "read me");
    write_text(project_dir / "src" / "main.c", "int main;");
    write_text(project_dir / "run", "#!/bin/sh\nexit 0\n");
    fs::permissions(project_dir / "run", fs::perms(0755));
    fs::create_symlink("README", project_dir / "link");
    for (auto& entry : fs::recursive_directory_iterator(project_dir)) own(entry.path(), uid(), gid());
    own(project_dir, uid(), gid());
    write_text(project_dir / "foreign", "secret of another");
    own(project_dir / "foreign", 4242, 4242);
    fs::permissions(project_dir / "foreign", fs::perms(0600));
    write_text(project_dir / "suid", "x");
    own(project_dir / "suid", uid(), gid());
    fs::permissions(project_dir / "suid", fs::perms(04755));
    before = picture(project_dir);
  }
  void TearDown() override {
    EXPECT_EQ(picture(project_dir), before) << "the host's tree has been written to";
  }

  uid_t uid() const { return GetParam().uid; }
  gid_t gid() const { return GetParam().gid; }

  Result<void> mount() {
    BRIG_TRY(Project project, open_project(project_dir.native(), std::nullopt, {}));
    auto spec = place.spec();
    spec.project = &project;
    return mounter.mount(spec);
  }

  Place place;
  fs::path project_dir;
  std::map<std::string, std::string> before;
  Mounter mounter{GetParam().method};
};

TEST_P(Workspace, TheOwnerIsThousandInsideAndHimselfOutside) {
  auto mounted = mount();
  ASSERT_TRUE(mounted) << mounted.error().message;
  auto w = place.workspace();
  for (auto path : {w, w / "README", w / "src", w / "link"}) {
    auto st = look(path);
    EXPECT_EQ(st.st_uid, 1000u) << path;
    EXPECT_EQ(st.st_gid, 1000u) << path;
  }
  EXPECT_TRUE(as(1000, 1000, [&] {
    write_text(w / "new", "made inside");
    write_text(w / "README", "changed");
    fs::create_directory(w / "src" / "sub");
    fs::remove(w / "src" / "main.c");
    fs::rename(w / "src" / "deep", w / "moved");
    return read_text(w / "README") == "changed" && !fs::exists(w / "src" / "main.c") &&
           fs::exists(w / "moved");
  }));
  auto u = place.upper();
  for (auto path : {u / "new", u / "README", u / "src" / "sub"}) {
    auto st = look(path);
    EXPECT_EQ(st.st_uid, uid()) << path;
    EXPECT_EQ(st.st_gid, gid()) << path;
  }
  EXPECT_EQ(read_text(u / "new"), "made inside");
  auto gone = look(u / "src" / "main.c");
  EXPECT_TRUE(S_ISCHR(gone.st_mode));
  EXPECT_EQ(gone.st_rdev, makedev(0, 0));
}

TEST_P(Workspace, OthersFilesBelongToNobodyAndStayShut) {
  ASSERT_TRUE(mount());
  auto w = place.workspace();
  EXPECT_EQ(look(w / "foreign").st_uid, 65534u);
  EXPECT_TRUE(
      as(1000, 1000, [&] { return ::open((w / "foreign").c_str(), O_RDONLY) < 0 && errno == EACCES; }));
  // Not even for root inside: nobody's capabilities reach a file that has no owner here.
  EXPECT_TRUE(as(0, 0, [&] { return ::chmod((w / "foreign").c_str(), 0777) < 0; }));
}

TEST_P(Workspace, MountFlagsHold) {
  ASSERT_TRUE(mount());
  auto w = place.workspace();
  EXPECT_TRUE(as(1000, 1000, [&] { return ::access((w / "run").c_str(), X_OK) == 0; }));
  struct statfs st {};
  ASSERT_EQ(::statfs(w.c_str(), &st), 0);
  EXPECT_TRUE(st.f_flags & ST_NOSUID);
  EXPECT_TRUE(st.f_flags & ST_NODEV);
  ASSERT_EQ(::mknod((w / "null").c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);
  EXPECT_LT(::open((w / "null").c_str(), O_RDONLY), 0);
  EXPECT_EQ(errno, EACCES);
}

TEST_P(Workspace, ItIsFoundMountedOnceAndUnmounted) {
  EXPECT_THAT(*list_mounts(place.sessions()), IsEmpty());
  ASSERT_TRUE(mount());
  EXPECT_THAT(*list_mounts(place.sessions()), ElementsAre(place.session()));
  auto again = mount();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::conflict);
  write_text(place.workspace() / "kept", "over a remount");
  EXPECT_EQ(destroy(place.session()).error().code, Code::conflict) << "nothing is deleted below a mount";
  ASSERT_TRUE(unmount(place.session()));
  EXPECT_TRUE(unmount(place.session())) << "a second time is nothing to do";
  EXPECT_THAT(*list_mounts(place.sessions()), IsEmpty());
  EXPECT_TRUE(fs::is_empty(place.workspace()));
  ASSERT_TRUE(mount());
  EXPECT_EQ(read_text(place.workspace() / "kept"), "over a remount");
  EXPECT_EQ(read_text(place.workspace() / "README"), "read me");
}

TEST_P(Workspace, ABusyOneGoesOnceItIsLeft) {
  ASSERT_TRUE(mount());
  UniqueFd busy(::open((place.workspace() / "README").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(busy);
  ASSERT_TRUE(unmount(place.session()));
  EXPECT_THAT(*list_mounts(place.sessions()), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Owners, Workspace,
    ::testing::Values(Case{1234, 1235, Mounter::Method::automatic},
                      Case{1000, 1000, Mounter::Method::automatic}, Case{0, 0, Mounter::Method::automatic},
                      Case{1234, 0, Mounter::Method::automatic}, Case{1234, 1235, Mounter::Method::attached},
                      Case{0, 0, Mounter::Method::attached}),
    [](auto& info) {
      return "Uid" + std::to_string(info.param.uid) + "Gid" + std::to_string(info.param.gid) +
             (info.param.method == Mounter::Method::automatic ? "Automatic" : "Attached");
    });

TEST_P(Workspace, ReadOnlyItIsTheProjectAsItIs) {
  auto project = open_project(project_dir.native(), std::nullopt, {});
  ASSERT_TRUE(project);
  auto spec = place.spec();
  spec.project = &*project;
  spec.mode = Mode::readonly;
  auto mounted = mounter.mount(spec);
  ASSERT_TRUE(mounted) << mounted.error().message;
  auto w = place.workspace();
  EXPECT_EQ(look(w / "README").st_uid, 1000u);
  EXPECT_TRUE(as(1000, 1000, [&] {
    bool refused = ::open((w / "README").c_str(), O_WRONLY) < 0 && errno == EROFS;
    return refused && read_text(w / "README") == "read me";
  }));
  EXPECT_FALSE(fs::exists(place.layer())) << "nothing is kept of what cannot be written";
}

TEST_P(Workspace, DirectItIsTheProjectUnlessThatIsRoots) {
  auto project = open_project(project_dir.native(), std::nullopt, {});
  ASSERT_TRUE(project);
  auto spec = place.spec();
  spec.project = &*project;
  spec.mode = Mode::direct;
  auto mounted = mounter.mount(spec);
  if (uid() == 0) {
    ASSERT_FALSE(mounted);
    EXPECT_EQ(mounted.error().code, Code::denied);
    EXPECT_THAT(*list_mounts(place.sessions()), IsEmpty());
    return;
  }
  ASSERT_TRUE(mounted) << mounted.error().message;
  auto w = place.workspace();
  EXPECT_TRUE(as(1000, 1000, [&] {
    write_text(w / "new", "made inside");
    return ::open((w / "foreign").c_str(), O_RDONLY) < 0 && errno == EACCES;
  }));
  EXPECT_EQ(read_text(project_dir / "new"), "made inside");
  EXPECT_EQ(look(project_dir / "new").st_uid, uid());
  EXPECT_EQ(look(project_dir / "new").st_gid, gid());
  struct statfs st {};
  ASSERT_EQ(::statfs(w.c_str(), &st), 0);
  EXPECT_TRUE(st.f_flags & ST_NOSUID);
  EXPECT_TRUE(st.f_flags & ST_NODEV);
  EXPECT_FALSE(fs::exists(place.layer()));
  before = picture(project_dir);
}

class EmptyWorkspace : public ::testing::TestWithParam<Mounter::Method> {};

TEST_P(EmptyWorkspace, WorksLikeOneWithAProject) {
  Place place;
  Mounter mounter(GetParam());
  auto spec = place.spec();
  spec.uid = 1234;
  spec.gid = 1235;
  auto mounted = mounter.mount(spec);
  ASSERT_TRUE(mounted) << mounted.error().message;
  EXPECT_EQ(look(place.workspace()).st_uid, 1000u);
  EXPECT_TRUE(as(1000, 1000, [&] {
    write_text(place.workspace() / "a", "b");
    return read_text(place.workspace() / "a") == "b";
  }));
  EXPECT_EQ(look(place.upper() / "a").st_uid, 1234u);
  EXPECT_EQ(look(place.upper() / "a").st_gid, 1235u);
}

INSTANTIATE_TEST_SUITE_P(Methods, EmptyWorkspace,
                         ::testing::Values(Mounter::Method::automatic, Mounter::Method::attached));

TEST(Mounter, MountsFromWhatWasOpenedNotFromThePath) {
  Place place;
  auto mine = place.root / "home" / "mine";
  fs::create_directory(mine);
  write_text(mine / "file", "mine");
  auto project = open_project(mine.native(), std::nullopt, {});
  ASSERT_TRUE(project) << project.error().message;
  // Between the check and the mount somebody puts a link to /etc where the project was.
  fs::rename(mine, place.root / "home" / "moved");
  fs::create_symlink("/etc", mine);
  Mounter mounter;
  auto spec = place.spec();
  spec.project = &*project;
  ASSERT_TRUE(mounter.mount(spec));
  EXPECT_EQ(read_text(place.workspace() / "file"), "mine");
  EXPECT_FALSE(fs::exists(place.workspace() / "passwd"));
}

TEST(Mounter, AMountBelowTheProjectIsNotCarriedIn) {
  Place place;
  auto app = place.root / "home" / "app";
  fs::create_directories(app / "below");
  ASSERT_EQ(::mount("tmpfs", (app / "below").c_str(), "tmpfs", 0, nullptr), 0);
  write_text(app / "below" / "file", "on another file system");
  auto project = open_project(app.native(), std::nullopt, {});
  ASSERT_TRUE(project);
  Mounter mounter;
  auto spec = place.spec();
  spec.project = &*project;
  ASSERT_TRUE(mounter.mount(spec));
  EXPECT_TRUE(fs::is_empty(place.workspace() / "below"));
  ASSERT_EQ(::umount((app / "below").c_str()), 0);
}

TEST(Mounter, AFailureLeavesNothingMounted) {
  Place place;
  Mounter mounter;
  auto spec = place.spec();
  spec.session = place.root / "nowhere";
  EXPECT_FALSE(mounter.mount(spec));
  // proc cannot be idmapped, whoever owns it.
  Project project;
  project.directory.reset(::open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC));
  project.uid = project.gid = 1234;
  project.mode = 0755;
  spec.session = place.session();
  spec.project = &project;
  auto refused = mounter.mount(spec);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unsupported);
  EXPECT_THAT(refused.error().message, HasSubstr("cannot be idmapped"));
  EXPECT_THAT(*list_mounts(place.sessions()), IsEmpty());
}

TEST(Mounter, SeveralAtOnceFromSeveralThreads) {
  Place place;
  Mounter mounter;
  std::vector<std::string> failures(8);
  std::vector<fs::path> sessions;
  for (int i = 0; i < 8; ++i) {
    sessions.push_back(place.sessions() / ("s" + std::to_string(i)));
    fs::create_directory(sessions.back());
  }
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      MountSpec spec;
      spec.session = sessions[i];
      spec.layer = place.paths.layers() / std::to_string(i);
      spec.uid = spec.gid = 1000 + static_cast<uid_t>(i % 3);
      auto mounted = mounter.mount(spec);
      if (!mounted) failures[i] = mounted.error().message;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(failures, ::testing::Each(""));
  EXPECT_EQ(list_mounts(place.sessions())->size(), 8u);
  for (auto& session : sessions) {
    EXPECT_TRUE(unmount(session));
    EXPECT_TRUE(destroy(session));
  }
  EXPECT_LT(::waitpid(-1, nullptr, __WALL | WNOHANG), 0) << "no helper process is left";
}

}  // namespace
}  // namespace brig::workspace
