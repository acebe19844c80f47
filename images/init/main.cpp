// brig-init [SOCKET [EGRESS]]: process 1 of a sandbox. It takes no options; the sockets' paths are for tests.
// With the words in copy.hpp it is an ordinary process that copies files.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "init/copy.hpp"
#include "init/supervisor.hpp"
#include "init/system.hpp"

namespace {

// In static memory: pages that are never used cost nothing.
constinit brig::init::Supervisor supervisor;

}  // namespace

int main(int argc, char** argv) {
  if (int code = brig::init::copy(argc, argv); code >= 0) return code;
  // Before anything else: nobody inside may trace it, read its memory or take its descriptors.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  ::signal(SIGPIPE, SIG_IGN);
  if (!brig::init::system::is_first_process()) ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  if (argc != 2) brig::init::system::open_doors(argc > 2 ? argv[2] : "/run/brig/egress");
  if (!supervisor.prepare(argc > 1 ? argv[1] : "/run/brig/sock")) {
    brig::init::system::complain("the kernel refuses memory, epoll or signalfd: nothing can be supervised");
    return 70;
  }
  while (supervisor.turn(-1)) {
  }
  ::_exit(0);
}
