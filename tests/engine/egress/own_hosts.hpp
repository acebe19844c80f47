// The hosts file of the engine's mount namespace, as brigd reads it there, for as long as this lives.
//
// Ownership: its file and its mount. Threads: one. Failure: aborts.
#pragma once

#include <filesystem>
#include <string>

namespace brig::test {

class OwnHosts {
 public:
  explicit OwnHosts(const std::string& content);
  OwnHosts(const OwnHosts&) = delete;
  ~OwnHosts();
  std::filesystem::path directory() const { return file_.parent_path(); }

 private:
  std::filesystem::path file_;
};

}  // namespace brig::test
