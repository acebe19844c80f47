// The package registries this host is set up for, asked of the tools themselves: npm's, pip's and apt's own
// configuration, with whatever mirrors it names.
//
// Threads: the loop's. Failure: unsupported where the host lacks the tool, naming it; invalid where its
// answer has no host in it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "net/task.hpp"
#include "policy/egress/bounds.hpp"

namespace brig::egress {

class Presets {
 public:
  virtual ~Presets() = default;
  // Not for Preset::provider, which is not the host's to know.
  virtual net::Task<Result<std::vector<Rule>>> rules(policy::Preset preset) = 0;
};

// Asks at most once a minute.
class HostPresets final : public Presets {
 public:
  net::Task<Result<std::vector<Rule>>> rules(policy::Preset preset) override;

 private:
  struct Known {
    std::vector<Rule> rules;
    std::chrono::steady_clock::time_point until;
  };
  std::map<policy::Preset, Known> known_;
};

// The hosts of every http and https URL in a tool's answer, each with its port.
std::vector<Rule> rules_of_urls(std::string_view text);

}  // namespace brig::egress
