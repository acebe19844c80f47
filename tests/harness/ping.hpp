// Whether an engine is there.
//
// Threads: any. Failure: anything but an answer of 200 within two seconds is a no.
#pragma once

#include <filesystem>

namespace brig::harness {

bool engine_answers(const std::filesystem::path& socket);

}  // namespace brig::harness
