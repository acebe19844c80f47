// Building a provider's image, for `brig image build` and for a `brig run` that finds none.
//
// Threads: one. Failure: as Result.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/context.hpp"

namespace brig::cli {

// Is `provider` one that exists but whose image is not built?
Result<bool> image_is_missing(Client& client, const std::string& provider);

// Shows the progress; returns the image as the API describes it.
Result<nlohmann::json> build_image(Context& context, const std::string& provider, bool no_cache);

}  // namespace brig::cli
