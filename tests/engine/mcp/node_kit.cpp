#include "node_kit.hpp"

#include <gtest/gtest.h>

namespace brig::test {

namespace fs = std::filesystem;

std::string done(const Brigd& brigd, const std::vector<std::string>& args) {
  auto finished = harness::run(brigd.command(args), {}, brigd.options(), std::chrono::minutes(10));
  EXPECT_TRUE(finished && finished->code == 0)
      << args[0] << ": " << (finished ? finished->err : finished.error().message);
  return finished ? finished->out : "";
}

NodeKit::NodeKit(const Brigd& brigd, const std::vector<std::string>& packages)
    : directory_(brigd.dir() / "kit") {
  fs::create_directories(directory_);
  done(brigd, {"run", "node", "--name", "kit", "-d", "--empty", "--", "sleep", "1000"});
  done(brigd, {"cp", "kit:/opt/node/bin/node", directory_.string()});
  done(brigd, {"rm", "--force", "kit"});
  std::vector<std::string> install = {"npm",        "install",   "--prefix",        directory_.string(),
                                      "--no-audit", "--no-fund", "--ignore-scripts"};
  install.insert(install.end(), packages.begin(), packages.end());
  auto finished = harness::run(install, {}, brigd.options(), std::chrono::minutes(10));
  EXPECT_TRUE(finished && finished->code == 0) << (finished ? finished->err : finished.error().message);
}

std::vector<std::string> NodeKit::command(const std::string& script, std::vector<std::string> args) const {
  auto packaged = directory_ / "node_modules" / script;
  auto node = (directory_ / "node").string();
  args.insert(args.begin(), {node, fs::exists(packaged) ? packaged.string() : script});
  return args;
}

}  // namespace brig::test
