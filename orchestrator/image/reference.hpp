// What people call images.
//
// Threads: any. Failure: Error{invalid} that names the field, the value and how it is written.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"

namespace brig::image {

// As engines take it: "registry:5000/team/name:tag", "name@sha256:…".
Result<void> check_image_reference(std::string_view field, std::string_view reference);

// "registry:5000"; "docker.io" where the name says none.
std::string registry_of(std::string_view reference);

// What is before tag and digest: "registry:5000/team/name".
std::string_view repository_of(std::string_view reference);

}  // namespace brig::image
