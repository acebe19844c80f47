// The names people and programs may give to things, and the strong ids.
//
// Threads: any. Failure: Error{invalid} that names the field, the value and the rule.
#pragma once

#include <string_view>

#include "core/result.hpp"
#include "core/strong_id.hpp"

namespace brig {

using SessionId = StrongId<struct SessionIdTag>;  // 16 hex digits, made by us
using LayerId = StrongId<struct LayerIdTag>;      // likewise; a layer of workspaces
using ProviderId = StrongId<struct ProviderIdTag>;
using ContainerId = StrongId<struct ContainerIdTag>;
using ImageId = StrongId<struct ImageIdTag>;

// A letter or digit, then up to 63 of letters, digits, '-' and '_'. `field` is named in the refusal.
Result<void> check_name(std::string_view field, std::string_view value);

// The same, also with '.' and '/' between words: keys of labels.
Result<void> check_label_key(std::string_view field, std::string_view value);

bool is_session_id(std::string_view value);
bool is_layer_id(std::string_view value);

// A name for an environment variable: a letter or '_', then letters, digits and '_'.
Result<void> check_env_name(std::string_view field, std::string_view value);

}  // namespace brig
