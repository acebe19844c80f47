// provider.toml as a value. It may be a stranger's: bounded, strict, and without effect beyond its image and
// the sandboxes that are asked for by its name.
//
// Threads: any. Failure: Error{invalid} with file, line, key, value and remedy.
#pragma once

#include <string_view>

#include "core/result.hpp"
#include "image/provider.hpp"

namespace brig::image {

// `id` is the folder's name. The image's tag is PREFIX/ID:latest.
Result<Provider> parse_provider(std::string_view text, std::string_view file, std::string_view id,
                                std::string_view prefix);

}  // namespace brig::image
