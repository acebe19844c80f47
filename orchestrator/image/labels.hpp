// Labels of images; containers have theirs from the policy.
//
// Threads: any. Failure: none.
#pragma once

namespace brig::image {

inline constexpr const char* kLabelImageProvider = "brig-image.provider";
inline constexpr const char* kLabelImageSource = "brig-image.source";
inline constexpr const char* kLabelImageInstallation = "brig-image.installation";

}  // namespace brig::image
