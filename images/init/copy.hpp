// Files out of and into the sandbox, by brig-init as an ordinary process with the sandbox's own rights:
//
//   brig-init pack PATH          an archive of PATH on standard output
//   brig-init unpack DIR         the archive on standard input into DIR
//   brig-init place PATH TOP     its one entry TOP as PATH, or into PATH if that is a directory
//   brig-init put PATH           its one entry "file" as the file PATH
//
// Threads: one. Failure: exit code 1 and one line on standard error: "brig-copy", errno, what was done, to
// what, with tabs between; errno 0: the archive is at fault, and what was done is a sentence about it.
#pragma once

namespace brig::init {

// Nothing of the kind is asked for: -1; else the exit code.
int copy(int argc, char** argv);

}  // namespace brig::init
