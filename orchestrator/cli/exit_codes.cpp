#include "cli/exit_codes.hpp"

namespace brig::cli {
namespace {

constexpr ExitMeaning kTable[] = {
    {0, "done; for doctor: nothing bad was found"},
    {1, "doctor found something bad"},
    {64, "the command line is wrong"},
    {65, "a value is not valid, or what the daemon answered is not"},
    {66, "no such session, provider, profile, image, token or process"},
    {69, "brigd or the engine cannot be reached, or does not answer in time"},
    {70, "a fault of Brig's own; please report it"},
    {71, "disk, memory, descriptors or a quota are used up"},
    {72, "the engine, kernel or image cannot do what was asked"},
    {73, "it exists already, or is in the wrong state for this"},
    {74, "too large for one of Brig's bounds"},
    {75, "come again later: too many requests"},
    {77, "denied: by the policy, by the caller's role, or for want of a valid token"},
    {124, "the session was ended, for its time to live, or to idle, was over"},
    {125, "there was a sandbox but no exit code: it failed to start, was lost, or the connection to it was"},
    {126, "the command in the sandbox could not be executed"},
    {127, "the command was not found in the sandbox"},
    {130, "interrupted before there was anything to pass the signal on to"},
};

}  // namespace

std::span<const ExitMeaning> exit_table() {
  return kTable;
}

}  // namespace brig::cli
