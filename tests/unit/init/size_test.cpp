// brig-init is small on disk and in memory, needs no library, and cannot be looked into.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "core/random.hpp"

namespace brig::init {
namespace {

#ifndef BRIG_SANITIZED  // a sanitizer's runtime is neither static nor small

TEST(Binary, IsBelowTwoMegabytes) {
  EXPECT_LT(std::filesystem::file_size(BRIG_INIT_BINARY), 2u * 1024 * 1024);
}

TEST(Binary, NeedsNoInterpreter) {
  std::ifstream file(BRIG_INIT_BINARY, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  EXPECT_EQ(bytes.str().find("/lib64/ld-linux"), std::string::npos);
}

long field_of(pid_t pid, const std::string& file, const std::string& name) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/" + file);
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with(name)) return std::stol(line.substr(name.size()));
  }
  return -1;
}

TEST(Binary, IdlesBelowOneMegabyte) {
  auto dir = std::filesystem::temp_directory_path() / ("brig-init-" + random_hex(6));
  std::filesystem::create_directories(dir);
  std::string socket = (dir / "sock").string();
  pid_t init = ::fork();
  if (init == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::execl(BRIG_INIT_BINARY, "brig-init", socket.c_str(), nullptr);
    ::_exit(127);
  }
  // It sleeps in epoll_wait between its attempts to connect.
  std::string state;
  while (state.find("S (sleeping)") == std::string::npos) {
    std::ifstream in("/proc/" + std::to_string(init) + "/status");
    std::stringstream all;
    all << in.rdbuf();
    state = all.str().find("brig-init") == std::string::npos ? "" : all.str();
  }
  EXPECT_LT(field_of(init, "status", "VmRSS:"), 1024);
  EXPECT_LT(field_of(init, "status", "RssAnon:"), 256);
  ::kill(init, SIGKILL);
  ::waitpid(init, nullptr, 0);
  std::filesystem::remove_all(dir);
}

#endif

}  // namespace
}  // namespace brig::init
