// Stacks of layers, as checkpoints and forks make them, with real mounts.
#include "workspace/layers.hpp"

#include <gmock/gmock.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "sandbox.hpp"
#include "workspace/freeze.hpp"

namespace brig::workspace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Case {
  uid_t uid;
  Mounter::Method method;
};

// A session whose own layer is frozen, and others that go on from there.
class Stack : public ::testing::TestWithParam<Case> {
 protected:
  static constexpr std::uint64_t kLimit = 64u << 20;

  void SetUp() override {
    project_dir = place.root / "home" / "app";
    fs::create_directories(project_dir / "src" / "deep");
    fs::create_directories(project_dir / "docs");
    write_text(project_dir / "README", "read me");
    write_text(project_dir / "src" / "a.c", "a of the host");
    write_text(project_dir / "src" / "deep" / "b.c", "b of the host");
    write_text(project_dir / "docs" / "manual", "old");
    for (auto& entry : fs::recursive_directory_iterator(project_dir)) own(entry.path(), uid(), uid());
    own(project_dir, uid(), uid());
    before = picture(project_dir);
  }
  void TearDown() override {
    EXPECT_EQ(picture(project_dir), before) << "the host's tree has been written to";
    for (auto& session : sessions) {
      EXPECT_TRUE(unmount(session));
      EXPECT_TRUE(destroy(session));
    }
    EXPECT_TRUE(unmount(place.session()));
    EXPECT_TRUE(no_loops_of(place.root));
  }

  uid_t uid() const { return GetParam().uid; }

  Result<void> mount(MountSpec spec, bool with_project = true) {
    BRIG_TRY(Project project, open_project(project_dir.native(), std::nullopt, {}));
    if (with_project) spec.project = &project;
    spec.disk_bytes = kLimit;
    return mounter.mount(spec);
  }
  // Another session on top of `frozen`; where its workspace is.
  fs::path stack_on(const std::vector<LayerId>& frozen, LayerId layer, bool with_project = true) {
    auto session = place.sessions() / ("s" + layer.str());
    fs::create_directory(session);
    sessions.push_back(session);
    MountSpec spec;
    spec.session = session;
    spec.layer = place.paths.layer(layer);
    for (auto& id : frozen) spec.frozen.push_back(place.paths.layer(id));
    auto mounted = mount(spec, with_project);
    EXPECT_TRUE(mounted) << mounted.error().message;
    return session / "workspace";
  }
  Result<std::uint64_t> copy(const LayerId& from, const LayerId& to) {
    return copy_layer(place.paths.layer(from), place.paths.layer(to));
  }
  static std::set<std::string> names(const fs::path& directory) {
    std::set<std::string> all;
    for (auto& entry : fs::directory_iterator(directory)) all.insert(entry.path().filename());
    return all;
  }

  Place place;
  fs::path project_dir;
  std::map<std::string, std::string> before;
  std::vector<fs::path> sessions;
  Mounter mounter{GetParam().method};
  const LayerId first{"0000000000000001"}, second{"0000000000000002"}, third{"0000000000000003"};
};

TEST_P(Stack, ACopyTakenWhileItIsMountedIsWhatTheNextSessionSees) {
  ASSERT_TRUE(mount(place.spec()));
  auto w = place.workspace();
  ASSERT_TRUE(as(1000, 1000, [&] {
    write_text(w / "new", "one");
    write_text(w / "README", "changed");
    fs::remove(w / "src" / "a.c");
    fs::rename(w / "src" / "deep", w / "moved");
    fs::remove_all(w / "docs");
    fs::create_directory(w / "docs");
    write_text(w / "docs" / "fresh", "x");
    return true;
  }));
  auto seen = picture(w);
  auto bytes = copy(place.own, first);
  ASSERT_TRUE(bytes) << bytes.error().message;
  EXPECT_GT(*bytes, 0u);
  // The one goes on, the other does not see it.
  ASSERT_TRUE(as(1000, 1000, [&] {
    write_text(w / "new", "two");
    write_text(w / "later", "x");
    return true;
  }));
  auto fork = stack_on({first}, second);
  auto other = picture(fork);
  for (auto& [name, text] : seen) {
    if (name == ".") continue;
    EXPECT_EQ(other[name], text) << name;
  }
  EXPECT_EQ(other.size(), seen.size());
  EXPECT_TRUE(as(1000, 1000, [&] {
    write_text(fork / "new", "three");
    write_text(fork / "moved" / "b.c", "b of the fork");
    return read_text(fork / "new") == "three";
  }));
  EXPECT_EQ(read_text(w / "new"), "two");
  EXPECT_EQ(read_text(w / "moved" / "b.c"), "b of the host");
}

TEST_P(Stack, WhiteoutsAndOpaqueDirectoriesHoldAcrossLayers) {
  ASSERT_TRUE(mount(place.spec()));
  auto w = place.workspace();
  ASSERT_TRUE(as(1000, 1000, [&] {
    fs::remove(w / "README");
    fs::remove_all(w / "docs");
    fs::create_directory(w / "docs");
    write_text(w / "docs" / "one", "1");
    write_text(w / "only here", "x");
    return true;
  }));
  ASSERT_TRUE(copy(place.own, first));
  auto two = stack_on({first}, second);
  EXPECT_EQ(names(two), (std::set<std::string>{"docs", "only here", "src"}));
  EXPECT_EQ(names(two / "docs"), (std::set<std::string>{"one"}));
  ASSERT_TRUE(as(1000, 1000, [&] {
    write_text(two / "README", "back again");  // over a whiteout
    fs::remove(two / "only here");             // what a frozen layer brought
    fs::remove_all(two / "docs");              // an opaque directory of a frozen layer
    fs::create_directory(two / "docs");
    write_text(two / "docs" / "two", "2");
    fs::remove_all(two / "src");
    return true;
  }));
  ASSERT_TRUE(copy(second, third));
  auto three = stack_on({third, first}, LayerId("0000000000000004"));
  EXPECT_EQ(names(three), (std::set<std::string>{"README", "docs"}));
  EXPECT_EQ(read_text(three / "README"), "back again");
  EXPECT_EQ(names(three / "docs"), (std::set<std::string>{"two"}));
  EXPECT_TRUE(as(1000, 1000, [&] {
    write_text(three / "only here", "made anew");
    fs::create_directories(three / "src" / "deep");
    return names(three / "src" / "deep").empty();
  }));
  // Going back to the first is a matter of leaving out the others.
  auto back = stack_on({first}, LayerId("0000000000000005"));
  EXPECT_EQ(names(back / "docs"), (std::set<std::string>{"one"}));
  EXPECT_EQ(read_text(back / "src" / "a.c"), "a of the host");
}

TEST_P(Stack, OwnersAreMappedInEveryLayer) {
  ASSERT_TRUE(mount(place.spec()));
  ASSERT_TRUE(as(1000, 1000, [&] {
    write_text(place.workspace() / "private", "x");
    return ::chmod((place.workspace() / "private").c_str(), 0600) == 0;
  }));
  ASSERT_TRUE(copy(place.own, first));
  auto fork = stack_on({first}, second);
  EXPECT_EQ(look(fork / "private").st_uid, 1000u);
  EXPECT_TRUE(as(1000, 1000, [&] {
    write_text(fork / "private", "mine to change");
    return read_text(fork / "private") == "mine to change" && fs::remove(fork / "src" / "a.c");
  }));
  auto layers = OpenLayers::open(place.paths, second, std::vector{first});
  ASSERT_TRUE(layers) << layers.error().message;
  ASSERT_EQ(layers->roots().size(), 2u);
  for (auto& root : layers->roots()) {
    struct stat st {};
    ASSERT_EQ(::fstatat(root.get(), "private", &st, 0), 0);
    EXPECT_EQ(st.st_uid, uid());
  }
}

TEST_P(Stack, AnEmptyWorkspaceBelongsToWhoeverWroteWhatIsFrozen) {
  auto spec = place.spec();
  spec.uid = spec.gid = uid();
  ASSERT_TRUE(mount(spec, false));
  ASSERT_TRUE(as(1000, 1000, [&] {
    write_text(place.workspace() / "a", "b");
    return true;
  }));
  ASSERT_TRUE(copy(place.own, first));
  auto fork = stack_on({first}, second, false);
  EXPECT_EQ(names(fork), (std::set<std::string>{"a"}));
  EXPECT_TRUE(as(1000, 1000, [&] {
    write_text(fork / "a", "c");
    return true;
  }));
}

TEST_P(Stack, LayersAreReadWhileTheyAreWrittenAndAfterwards) {
  EXPECT_THAT(OpenLayers::open(place.paths, place.own, {})->roots(), IsEmpty()) << "never mounted";
  ASSERT_TRUE(mount(place.spec()));
  {
    auto layers = OpenLayers::open(place.paths, place.own, {});
    ASSERT_TRUE(layers) << layers.error().message;
    ASSERT_EQ(layers->roots().size(), 1u);
    EXPECT_TRUE(layers->has_own());
    EXPECT_EQ(loops_of(place.root), 1u) << "one image, one device";
    EXPECT_THAT(*list_mounts(place.sessions()), ElementsAre(place.session())) << "and no mount to be seen";
    int root = layers->roots()[0].get();
    write_text(place.workspace() / "now", "x");
    EXPECT_EQ(::faccessat(root, "now", F_OK, 0), 0);
    EXPECT_LT(::openat(root, "planted", O_WRONLY | O_CREAT, 0600), 0);
    EXPECT_EQ(errno, EROFS);
    EXPECT_EQ(fs::remove(place.workspace() / "README"), true);
    struct stat st {};
    ASSERT_EQ(::fstatat(root, "README", &st, AT_SYMLINK_NOFOLLOW), 0);
    EXPECT_TRUE(S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0));
    // It outlives the workspace it is of.
    ASSERT_TRUE(unmount(place.session()));
    EXPECT_EQ(::faccessat(root, "now", F_OK, 0), 0);
  }
  EXPECT_TRUE(no_loops_of(place.root));
  auto ended = OpenLayers::open(place.paths, place.own, {});
  ASSERT_TRUE(ended) << ended.error().message;
  EXPECT_EQ(::faccessat(ended->roots()[0].get(), "now", F_OK, 0), 0);
  EXPECT_FALSE(OpenLayers::open(place.paths, place.own, std::vector{first}))
      << "a frozen layer has to be there";
}

TEST_P(Stack, WhoeverWritesWhileItIsCopiedWaitsAndThenGoesOn) {
  ASSERT_TRUE(mount(place.spec()));
  write_text(place.workspace() / "log", "");
  // Writes a line at a time, each a multiple of what a torn copy would show.
  pid_t writer = ::fork();
  if (writer == 0) {
    UniqueFd fd(::open((place.workspace() / "log").c_str(), O_WRONLY | O_APPEND));
    std::string line(63, 'x');
    line += '\n';
    while (::write(fd.get(), line.data(), line.size()) == 64) {
      if (::lseek(fd.get(), 0, SEEK_END) > 8 << 20) {
        if (::ftruncate(fd.get(), 0) != 0) ::_exit(1);
      }
    }
    ::_exit(1);
  }
  while (look(place.workspace() / "log").st_size == 0) ::usleep(100);
  for (auto& layer : {first, second, third}) {
    auto copied = copy(place.own, layer);
    ASSERT_TRUE(copied) << copied.error().message;
    auto now = look(place.workspace() / "log").st_size;
    while (look(place.workspace() / "log").st_size == now) ::usleep(100);  // it goes on
  }
  ::kill(writer, SIGKILL);
  ::waitpid(writer, nullptr, 0);
  auto fork = stack_on({second}, LayerId("0000000000000009"));
  EXPECT_EQ(look(fork / "log").st_size % 64, 0);
  EXPECT_EQ(read_text(fork / "log").find_first_not_of("x\n"), std::string::npos);
}

TEST_P(Stack, KilledInTheMiddleNobodyIsLeftWaiting) {
  ASSERT_TRUE(mount(place.spec()));
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd told(ends[0]), tell(ends[1]);
  pid_t child = ::fork();
  if (child == 0) {
    // As copy_layer() does, but for the copy.
    auto mount = mount_layer(place.layer());
    auto still = Freeze::hold(UniqueFd(::openat(mount->get(), ".", O_RDONLY | O_DIRECTORY)));
    char byte = still ? 'y' : 'n';
    if (::write(tell.get(), &byte, 1) == 1) ::pause();
    ::_exit(1);
  }
  char byte = 0;
  ASSERT_EQ(::read(told.get(), &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  // Would wait for ever, were it still held.
  write_text(place.workspace() / "after", "x");
  EXPECT_EQ(read_text(place.workspace() / "after"), "x");
}

TEST_P(Stack, OneLeftHeldIsReleased) {
  ASSERT_TRUE(mount(place.spec()));
  {
    auto mount = mount_layer(place.layer());
    ASSERT_TRUE(mount);
    UniqueFd root(::openat(mount->get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_EQ(::ioctl(root.get(), FIFREEZE, 0), 0);
  }
  auto busy = copy(place.own, first);
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code, Code::conflict);
  ASSERT_TRUE(release_layer(place.layer()));
  EXPECT_TRUE(release_layer(place.layer())) << "a second time is nothing to do";
  write_text(place.workspace() / "after", "x");
  EXPECT_TRUE(copy(place.own, second));
}

TEST_P(Stack, ManyLayers) {
  ASSERT_TRUE(mount(place.spec()));
  std::vector<LayerId> frozen;
  auto at = place.workspace();
  auto from = place.own;
  for (int i = 0; i < 12; ++i) {
    ASSERT_TRUE(as(1000, 1000, [&] {
      write_text(at / ("file" + std::to_string(i)), "x");
      write_text(at / "README", std::to_string(i));
      return true;
    }));
    LayerId copied("00000000000001" + std::to_string(10 + i));
    ASSERT_TRUE(copy(from, copied));
    frozen.insert(frozen.begin(), copied);
    from = LayerId("00000000000002" + std::to_string(10 + i));
    at = stack_on(frozen, from);
  }
  EXPECT_EQ(read_text(at / "README"), "11");
  EXPECT_EQ(names(at).size(), 15u);
}

INSTANTIATE_TEST_SUITE_P(
    Owners, Stack,
    ::testing::Values(Case{1234, Mounter::Method::automatic}, Case{0, Mounter::Method::automatic},
                      Case{1000, Mounter::Method::automatic}, Case{1234, Mounter::Method::attached},
                      Case{0, Mounter::Method::attached}),
    [](auto& info) {
      return "Uid" + std::to_string(info.param.uid) +
             (info.param.method == Mounter::Method::automatic ? "Automatic" : "Attached");
    });

TEST(Layers, WithoutADiskLimitTheyAreReadButNotFrozen) {
  Place place;
  Mounter mounter;
  auto spec = place.spec();
  ASSERT_TRUE(mounter.mount(spec));
  write_text(place.workspace() / "a", "b");
  auto layers = OpenLayers::open(place.paths, place.own, {});
  ASSERT_TRUE(layers) << layers.error().message;
  EXPECT_EQ(::faccessat(layers->roots()[0].get(), "a", F_OK, 0), 0);
  auto refused = copy_layer(place.layer(), place.paths.layer(LayerId("0000000000000001")));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("limits.disk"));
  EXPECT_THAT(*list_layers(place.paths), ElementsAre(place.own));
}

}  // namespace
}  // namespace brig::workspace
