// Where this host's npm fetches packages from, and what a sandbox must be let reach to do the same.
//
// Threads: registry_of_npm() the loop's, reach_of() any (it blocks). Failure: as Result.
#pragma once

#include <string>
#include <vector>

#include "net/task.hpp"
#include "policy/egress/rule.hpp"

namespace brig::service {

// Its URL; a mirror is right for this host's sandboxes, too.
net::Task<Result<std::string>> registry_of_npm();

// Its host, and the addresses that this host knows it by. Those of a mirror are often private, which no name
// leads to unless a rule names them; the operator has named this one.
Result<std::vector<egress::Rule>> reach_of(const std::string& url);

}  // namespace brig::service
