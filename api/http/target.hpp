// The request's target: path and query, decoded strictly.
//
// Threads: any. Failure: as Failure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http/message.hpp"

namespace brig::api {

struct Target {
  std::vector<std::string> segments;                       // "/a/b" is {"a", "b"}, "/" is {}; none is empty
  std::vector<std::pair<std::string, std::string>> query;  // values may be any bytes but NUL
};

std::optional<Failure> parse_target(std::string_view text, Target& out);

}  // namespace brig::api
