// A system that starts and kills nothing: "processes" are pipes, "ports" are socket pairs.
#pragma once

namespace brig::init::fake {

// brigd's end of the connection brig-init made last; -1 if it made none since.
int take_peer();
// Closes whatever brig-init does not own.
void reset();

}  // namespace brig::init::fake
