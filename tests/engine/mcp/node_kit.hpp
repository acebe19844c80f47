// Packages of the registry beside brigd, for clients and servers that run outside of any sandbox: by the node
// of the image, as brigd's services have it. This host's npm fetches them, which brigd needs for its own,
// too.
//
// Ownership: the files are in brigd's directory and go with it. Threads: one. Failure: a test failure.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "brigd.hpp"

namespace brig::test {

class NodeKit {
 public:
  NodeKit(const Brigd& brigd, const std::vector<std::string>& packages);

  // Where node_modules is; scripts beside it find them.
  const std::filesystem::path& directory() const { return directory_; }
  // A command line: that node, a file of a package ("name/dist/index.js") or another script, and what it is
  // given.
  std::vector<std::string> command(const std::string& script, std::vector<std::string> args = {}) const;

 private:
  std::filesystem::path directory_;
};

// brig with those arguments, which may take minutes; a test failure if it fails. What it printed.
std::string done(const Brigd& brigd, const std::vector<std::string>& args);

}  // namespace brig::test
