// What the tests of workspaces share: a mount namespace of their own, directories that go with the test, and
// looking at things as somebody else.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>

#include "core/paths.hpp"
#include "workspace/mounter.hpp"

namespace brig::workspace {

namespace fs = std::filesystem;

// STATE/sessions/0123456789abcdef and a place for projects, below one directory that everybody may enter.
class Place {
 public:
  Place() : root(make_root()), paths(root / "state") {
    ::chmod(root.c_str(), 0755);
    fs::create_directories(session());
    fs::create_directories(paths.layers());
    fs::create_directories(root / "home");
  }
  ~Place() {
    EXPECT_TRUE(unmount(session()));
    EXPECT_TRUE(destroy(session()));
    for (auto& layer : fs::directory_iterator(paths.layers())) EXPECT_TRUE(destroy(layer));
    std::error_code ignored;
    fs::remove_all(root, ignored);
  }
  fs::path state() const { return paths.root(); }
  fs::path sessions() const { return paths.sessions(); }
  fs::path session() const { return sessions() / "0123456789abcdef"; }
  fs::path workspace() const { return session() / "workspace"; }
  fs::path layer() const { return paths.layer(own); }
  fs::path upper() const { return layer() / "upper"; }
  MountSpec spec() const {
    MountSpec spec;
    spec.session = session();
    spec.layer = layer();
    return spec;
  }

  const fs::path root;
  const StatePaths paths;
  const LayerId own{"00000000000000aa"};

 private:
  static fs::path make_root() {
    std::string pattern = (fs::temp_directory_path() / "brig-workspace-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) std::abort();
    return pattern;
  }
};

// Which loop devices are bound to a file below `root`.
inline std::size_t loops_of(const fs::path& root) {
  std::size_t n = 0;
  for (auto& device : fs::directory_iterator("/sys/block")) {
    std::ifstream file(device.path() / "loop" / "backing_file");
    std::string name;
    n += std::getline(file, name) && name.starts_with(root.native());
  }
  return n;
}

// A device is let go of by a worker of the kernel, a moment after its last mount.
inline bool no_loops_of(const fs::path& root) {
  for (int i = 0; i < 60'000 && loops_of(root) > 0; ++i) ::usleep(1000);
  return loops_of(root) == 0;
}

inline void write_text(const fs::path& path, const std::string& text) {
  std::ofstream(path) << text;
}

inline std::string read_text(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void own(const fs::path& path, uid_t uid, gid_t gid) {
  EXPECT_EQ(::lchown(path.c_str(), uid, gid), 0) << path;
}

inline struct stat look(const fs::path& path) {
  struct stat st {};
  EXPECT_EQ(::lstat(path.c_str(), &st), 0) << path;
  return st;
}

// Runs `body` in a child that is uid:gid and nothing else; true if it returned true.
template <class F>
bool as(uid_t uid, gid_t gid, F body) {
  pid_t child = ::fork();
  if (child == 0) {
    bool ok = ::syscall(SYS_setgroups, 0, nullptr) == 0 && ::setresgid(gid, gid, gid) == 0 &&
              ::setresuid(uid, uid, uid) == 0 && body();
    ::_exit(ok ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Everything about a tree that a sandbox must not change: names, kinds, modes, owners, contents, times.
inline std::map<std::string, std::string> picture(const fs::path& root) {
  std::map<std::string, std::string> all;
  auto add = [&](const fs::path& path) {
    auto st = look(path);
    std::string text = std::to_string(st.st_mode) + " " + std::to_string(st.st_uid) + ":" +
                       std::to_string(st.st_gid) + " " + std::to_string(st.st_size) + " " +
                       std::to_string(st.st_mtim.tv_sec) + "." + std::to_string(st.st_mtim.tv_nsec) + " " +
                       std::to_string(st.st_nlink) + " ";
    if (S_ISREG(st.st_mode)) text += read_text(path);
    if (S_ISLNK(st.st_mode)) text += fs::read_symlink(path).string();
    all[fs::relative(path, root).string()] = text;
  };
  add(root);
  for (auto& entry : fs::recursive_directory_iterator(root)) add(entry.path());
  return all;
}

}  // namespace brig::workspace
