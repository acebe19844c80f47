// brig-test-engine: the private engine from the shell. tests/harness/engine finds and runs it.
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "core/files.hpp"
#include "harness/keeper.hpp"

namespace {

using namespace brig;

constexpr const char* kUsage =
    "usage: brig-test-engine up [--owner PID] [--root DIR] [--file FILE] [--no-network]   prints its "
    "directory\n"
    "       brig-test-engine exec DIR|FILE [--] COMMAND…   runs in the engine's namespaces\n"
    "       brig-test-engine down DIR|FILE\n"
    "       brig-test-engine sweep [--root DIR]            removes what killed ones left\n"
    "The engine ends with its owner: by default the process that calls `up`; 0 for nobody.\n"
    "--file FILE: the directory's name is written there too, and the other commands take FILE for it.\n";

int complain(const Error& error) {
  std::fprintf(stderr, "brig-test-engine: %s\n", error.message.c_str());
  return 1;
}

int up(int argc, char** argv) {
  harness::KeepOptions options{"/var/tmp", ::getppid(), true};
  std::string file;
  for (int i = 0; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--no-network") {
      options.network = false;
    } else if (i + 1 < argc && word == "--owner") {
      options.owner = static_cast<pid_t>(std::strtol(argv[++i], nullptr, 10));
    } else if (i + 1 < argc && word == "--root") {
      options.root = argv[++i];
    } else if (i + 1 < argc && word == "--file") {
      file = argv[++i];
    } else {
      std::fputs(kUsage, stderr);
      return 2;
    }
  }
  auto dir = harness::keep(options);
  if (!dir) return complain(dir.error());
  if (!file.empty()) {
    if (auto written = write_file(file, dir->string() + "\n", 0644); !written) {
      (void)harness::stop_keeping(*dir);
      return complain(written.error());
    }
  }
  std::printf("%s\n", dir->c_str());
  return 0;
}

// DIR, or a file holding its name.
std::string directory(const std::string& word) {
  if (auto text = read_file(word, 4096)) return text->substr(0, text->find('\n'));
  return word;
}

int exec(const std::string& dir, char** command) {
  ::setenv("BRIG_TEST_ENGINE", dir.c_str(), 1);
  ::setenv("DOCKER_HOST", ("unix://" + dir + "/docker.sock").c_str(), 1);
  if (auto entered = harness::enter(dir); !entered) return complain(entered.error());
  const pid_t child = ::fork();
  if (child < 0) return 1;
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::execvp(command[0], command);
    std::fprintf(stderr, "brig-test-engine: cannot run %s: %s\n", command[0], strerror(errno));
    ::_exit(127);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  std::fprintf(stderr, "brig-test-engine: %s was ended by SIG%s\n", command[0],
               sigabbrev_np(WTERMSIG(status)));
  return 128 + WTERMSIG(status);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "up") return up(argc - 2, argv + 2);
  if (verb == "down" && argc == 3) {
    auto stopped = harness::stop_keeping(directory(argv[2]));
    return stopped ? 0 : complain(stopped.error());
  }
  if (verb == "exec" && argc > 3) {
    char** command = argv + 3;
    if (std::strcmp(*command, "--") == 0) ++command;
    if (*command) return exec(directory(argv[2]), command);
  }
  if (verb == "sweep" && (argc == 2 || (argc == 4 && std::strcmp(argv[2], "--root") == 0))) {
    harness::sweep(argc == 4 ? argv[3] : "/var/tmp");
    return 0;
  }
  std::fputs(kUsage, stderr);
  return 2;
}
