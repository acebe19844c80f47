// brig logs --service: what brigd itself wrote, on the host that it runs on.
//
// It is where brigd's standard error goes: the journal under systemd, else a file. Who reads it may read
// that. Threads: one. Failure: as Result.
#pragma once

#include "cli/arguments.hpp"
#include "cli/context.hpp"

namespace brig::cli {

Result<int> brigd_log(Context& context, const Arguments& arguments);

}  // namespace brig::cli
