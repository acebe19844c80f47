// What npm answers.
//
// Threads: any. Failure: none; what is not understood is nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace brig::image {

// The newest in the answer to `npm view NAME@RANGE version --json`: a text or a list of texts.
std::optional<std::string> newest_version(std::string_view answer);

}  // namespace brig::image
