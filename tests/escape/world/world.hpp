// The service under test, in the world outside that it is shown, with its sandboxes.
//
// One sandbox may reach good.test and nothing else ("narrow"), one every name on every port ("wide"), and a
// third has what both would like to have ("neighbour").
//
// Ownership: the destructor ends the service and its sandboxes. Threads: one. Failure: test failures.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "brigd.hpp"
#include "outside.hpp"

namespace brig::escape {

// What attempts want: on the host, in the neighbour's files, environment and output.
inline constexpr const char* kSecret = "the-secret-that-nobody-may-have-4711";
// What the project on the host holds, before and after.
inline constexpr const char* kProject = "as it is on the host\n";

// A line that the agent prints.
struct Made {
  std::string id, became, how;
  std::vector<std::string> asked;
};

class World {
 public:
  World();

  // Starts `name` with these options of `brig run`, waiting.
  bool start(const std::string& name, const std::string& runtime, std::vector<std::string> options);
  void start_three(const std::string& runtime);
  // One with little of everything.
  bool start_glutton(const std::string& runtime);
  void remove(const std::string& name);

  // The agent's lines; in a sandbox (which `may_die`), or as root in brigd's namespaces.
  std::vector<Made> agent(const std::string& sandbox, std::vector<std::string> args,
                          const std::string& runtime = {}, bool may_die = false);
  std::vector<Made> agent_on_host(std::vector<std::string> args);

  // How often the account says that this was not let through.
  std::map<std::string, std::size_t> denials(const std::string& sandbox);

  std::filesystem::path project() const { return project_; }

 private:
  std::filesystem::path profiles_;
  OwnFile hosts_, resolver_;

 public:
  Outside outside;
  test::Brigd brigd;

 private:
  std::filesystem::path project_, control_;
};

std::vector<Made> read_lines(const std::string& text);

}  // namespace brig::escape
