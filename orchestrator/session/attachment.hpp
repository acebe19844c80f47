// One client's view of one process: output from where it asked, input if it may write.
//
// While it has the pen nobody else writes, so its input offsets are the process's own, and a client that
// comes back, also after a restart of ours, knows what arrived. One that gets the pen goes on where what
// others were promised will have ended.
//
// Ownership: shares the process (and its log), so output can be read to its end after the session is gone;
// the sandbox is held weakly. Threads: the loop's. Failure: as Result; input to a sandbox that is gone is
// `conflict`.
#pragma once

#include <memory>
#include <vector>

#include "session/process.hpp"
#include "session/sandbox.hpp"

namespace brig::session {

// `presence` is let go of when the attachment goes: whoever counts those who look on counts by it.
std::unique_ptr<Attachment> attach_to(std::shared_ptr<Process> process, std::weak_ptr<Sandbox> sandbox,
                                      AttachSpec spec, std::shared_ptr<void> presence = nullptr);

}  // namespace brig::session
