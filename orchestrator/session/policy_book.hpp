// The operator's ceiling and every profile: those built in, and those in the operator's directory.
//
// Read once at start; a profile that does not parse stops the service with its file and line, because a
// policy that is silently missing is worse than none.
//
// Threads: immutable after load(). Failure: as Result; an unknown profile names the nearest known one.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "policy/effective.hpp"
#include "policy/explain.hpp"
#include "policy/profile.hpp"

namespace brig::session {

class PolicyBook {
 public:
  struct Sources {
    std::filesystem::path ceiling;       // need not exist: then nothing is bounded beyond the host itself
    std::filesystem::path profiles_dir;  // need not exist
    std::string default_profile = "default";
  };
  static Result<PolicyBook> load(const Sources& sources);

  const std::string& default_profile() const { return default_profile_; }
  const policy::Ceiling& ceiling() const { return ceiling_; }
  std::vector<const policy::Profile*> profiles() const;
  // An empty name is the default profile.
  Result<const policy::Profile*> find(const std::string& name) const;

  Result<policy::Effective> resolve(const std::string& profile, const policy::Request& request) const;
  Result<policy::Explanation> explain(const std::string& profile, const policy::Request& request) const;

 private:
  policy::Ceiling ceiling_;
  std::map<std::string, policy::Profile> profiles_;
  std::string default_profile_;
};

}  // namespace brig::session
