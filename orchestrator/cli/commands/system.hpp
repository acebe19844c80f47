// The commands below brig system that have files of their own.
#pragma once

#include "cli/spec.hpp"

namespace brig::cli {

extern const CommandSpec kSystemBackup, kSystemRestore;

}  // namespace brig::cli
