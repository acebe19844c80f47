// Names in a mesh: whose they are, and what they are called there.
//
// "SERVICE__NAME". Names of services have no dots, so a dot parts two underscores that stand together in one,
// or one at its end from those that follow: so two different pairs never make one name, and the same pair
// always makes the same. Resources are "brig://SERVICE/URI".
//
// Threads: any; pure. Failure: none where the name is nobody's.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace brig::mcp {

struct Named {
  std::string service;
  std::string name;
};

std::string prefixed_name(std::string_view service, std::string_view name);
std::optional<Named> split_name(std::string_view name);

std::string prefixed_uri(std::string_view service, std::string_view uri);
std::optional<Named> split_uri(std::string_view uri);

}  // namespace brig::mcp
