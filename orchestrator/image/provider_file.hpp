// provider.toml as a value. It may be a stranger's: bounded, strict, and without effect beyond its image and
// the sandboxes that are asked for by its name.
//
// Threads: any. Failure: Error{invalid} with file, line, key, value and remedy.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "core/result.hpp"
#include "image/provider.hpp"

namespace brig::image {

// `id` is the folder's name. The image's tag is PREFIX/ID:latest.
Result<Provider> parse_provider(std::string_view text, std::string_view file, std::string_view id,
                                std::string_view prefix);

// The same keys and rules as a JSON object, as a host declares a plugin's provider, and one more: "image", a
// reference to an image that is there or can be pulled. Without it no sandbox is declared.
Result<Provider> parse_provider_json(const nlohmann::json& object, std::string_view id);

// A place inside a sandbox where configuration may go: in the home directory, or one of its own.
Result<void> check_config_path(std::string_view field, std::string_view path);

}  // namespace brig::image
