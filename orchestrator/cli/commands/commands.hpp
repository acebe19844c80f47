// Every command of `brig`; one file beside this one for each group.
#pragma once

#include "cli/spec.hpp"

namespace brig::cli {

extern const CommandSpec kRun, kAsk, kExec, kAttach, kLogs;
extern const CommandSpec kPs, kShow, kStop, kPause, kResume, kRm, kEvents, kStats, kTop;
extern const CommandSpec kDiff, kApply, kUndo, kEgress, kCp, kForward, kPreview;
extern const CommandSpec kCheckpoint, kRestore, kFork, kDiscard;
extern const CommandSpec kPolicy, kImage, kProvider, kIdentity, kProfile, kVolume, kVault, kService, kMcp,
    kPermission, kAudit, kToken;
extern const CommandSpec kDoctor, kVersion, kSystem, kGc;
extern const CommandSpec kCompletion, kComplete, kMan;

}  // namespace brig::cli
