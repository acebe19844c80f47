// Inside the library: reading grants and the bounds on them, and their canonical order.
//
// Threads: any. Failure: kept in the reader.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "policy/ceiling.hpp"
#include "policy/document.hpp"
#include "policy/values.hpp"

namespace brig::policy {

std::vector<Grant> read_grants(Reader reader);
GrantBounds read_grant_bounds(Reader reader);

// Sorted, each once, all system calls in one grant.
std::vector<Grant> canonical(std::vector<Grant> grants);

// The fewest roots that cover the same paths.
std::set<std::string> fewest_roots(const std::set<std::string>& roots);
// The roots of what lies in both.
std::set<std::string> common_roots(const std::set<std::string>& a, const std::set<std::string>& b);
bool covered(const std::set<std::string>& roots, const std::string& path);

}  // namespace brig::policy
