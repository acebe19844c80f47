// Copying a file's content: shared blocks where the file system can, else within the kernel.
//
// Threads: any. Failure: Error whose message is ": why", to be put behind what was being done.
#pragma once

#include "core/result.hpp"

namespace brig::review {

Result<void> copy_content(int from, int to);

}  // namespace brig::review
