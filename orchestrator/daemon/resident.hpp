// Memory that only the start needed.
//
// Threads: any; others may run meanwhile. Failure: none; what cannot be given back stays.
#pragma once

namespace brig::daemon {

// Unmaps the pages of all code, ours and the libraries': what is still in use comes back out of the page
// cache at its next call. Half of what a service at rest keeps resident is code that ran once, to load and to
// begin.
void give_back_code();

}  // namespace brig::daemon
