#include "cli/commands/commands.hpp"

namespace brig::cli {
namespace {

constexpr OptionSpec kOptions[] = {
    {.flags = "-H,--host",
     .value = "URL",
     .help = "where brigd is: unix:///path or https://host:port (also BRIG_HOST)"},
    {.flags = "-h,--help", .help = "explain the command, and stop"},
    {.flags = "--version", .help = "print the version of brig, and stop"},
};

constexpr const CommandSpec* kCommands[] = {
    &kRun,     &kAsk,        &kPs,         &kStats,    &kTop,      &kShow,       &kAttach,  &kExec,
    &kLogs,    &kStop,       &kPause,      &kResume,   &kRm,       &kCp,         &kForward, &kPreview,
    &kEgress,  &kEvents,     &kDiff,       &kApply,    &kUndo,     &kCheckpoint, &kRestore, &kFork,
    &kDiscard, &kPolicy,     &kImage,      &kProvider, &kIdentity, &kProfile,    &kVolume,  &kVault,
    &kService, &kMcp,        &kPermission, &kAudit,    &kToken,    &kDoctor,     &kSystem,  &kGc,
    &kVersion, &kCompletion, &kComplete,   &kMan};

constexpr Example kExamples[] = {
    {"brig run shell", "a shell inside a sandbox of this directory"},
    {"brig run claude --project ~/app --name fix -- -p \"explain this repo\"",
     "an agent, with arguments of its own"},
    {"brig ps", "what runs"},
};

constexpr CommandSpec kRoot = {
    .name = "brig",
    .summary = "Runs coding agents that you do not trust in sandboxes that they cannot leave.",
    .options = kOptions,
    .examples = kExamples,
    .commands = kCommands,
};

}  // namespace

const CommandSpec& root_command() {
  return kRoot;
}

}  // namespace brig::cli
