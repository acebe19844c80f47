// main() of tests that need an engine: runs them inside a private engine's namespaces.
//
// Under ctest, BRIG_TEST_ENGINE_FILE names the engine that the fixture started; by hand, one is started for
// this run. Either way the program runs itself again inside, with BRIG_TEST_ENGINE set, and passes on how
// that ended.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "core/files.hpp"
#include "harness/child.hpp"
#include "harness/engine.hpp"

namespace {

brig::Result<int> run_inside(int argc, char** argv) {
  using brig::harness::Engine;
  std::optional<Engine> engine;
  if (const char* file = std::getenv("BRIG_TEST_ENGINE_FILE")) {
    BRIG_TRY(std::string dir, brig::read_file(file, 4096));
    BRIG_TRY(engine, Engine::attach(dir.substr(0, dir.find('\n'))));
  } else {
    BRIG_TRY(engine, Engine::start());
  }
  std::vector<std::string> words{"/proc/self/exe"};
  std::error_code ec;
  words[0] = std::filesystem::read_symlink("/proc/self/exe", ec).string();
  words.insert(words.end(), argv + 1, argv + argc);
  BRIG_TRY(auto child, brig::harness::Child::spawn(engine->inside(words)));
  return child.wait(std::chrono::hours(1));
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (std::getenv("BRIG_TEST_ENGINE") || GTEST_FLAG_GET(list_tests)) return RUN_ALL_TESTS();
  // gtest has taken its own flags out of argv: hand the environment form of the one people use.
  if (!GTEST_FLAG_GET(filter).empty()) ::setenv("GTEST_FILTER", GTEST_FLAG_GET(filter).c_str(), 1);
  auto code = run_inside(argc, argv);
  if (code) return *code;
  std::fprintf(stderr, "harness: %s\n", code.error().message.c_str());
  return 1;
}
