// A list of layers, top first, as the ledger keeps it: ids separated by spaces.
//
// Threads: any. Failure: none; only this module writes such text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/names.hpp"

namespace brig::store {

std::string text_of(const std::vector<LayerId>& layers);
std::vector<LayerId> layers_of(std::string_view text);

}  // namespace brig::store
