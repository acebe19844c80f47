// images/bridge/index.mjs: what stands in for servers elsewhere.
#pragma once

#include <string_view>

namespace brig::service {

std::string_view bridge();

}  // namespace brig::service
