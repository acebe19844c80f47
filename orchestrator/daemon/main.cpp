// brigd: the service. `brigd --help` says how to start it.
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdio>
#include <string_view>

#include "core/exit_code.hpp"
#include "core/log.hpp"
#include "daemon/service.hpp"
#include "daemon/upkeep.hpp"

namespace {

constexpr const char* kHelp =
    "brigd: runs untrusted agents in sandboxes on a Docker engine\n"
    "\n"
    "usage: brigd [--config FILE] [--backup FILE | --restore FILE]\n"
    "\n"
    "  --config FILE            read FILE (default: /etc/brig/brig.toml; without it, the defaults)\n"
    "  --print-default-config   print a configuration with every key, its meaning and its default\n"
    "  --backup FILE            write the state to FILE, also while brigd runs, and stop (brig system "
    "backup)\n"
    "  --restore FILE           put the state in FILE in the place of what is there, and stop (brig system "
    "restore)\n"
    "  --passphrase-file FILE   with either: the vault's key too, under the passphrase in FILE\n"
    "  --replace                with --restore: also where the state is in use\n"
    "  --version                print the version\n"
    "  --help                   print this\n"
    "\n"
    "It runs as root and in the foreground. SIGTERM stops it; sandboxes run on and are found again at the "
    "next\n"
    "start.\n"
    "\n"
    "examples:\n"
    "  brigd --print-default-config > /etc/brig/brig.toml\n"
    "  brigd --config /etc/brig/brig.toml\n";

constexpr int kUsage = 64;
constexpr int kConfiguration = 78;
constexpr int kFailed = 70;

int fail(const brig::Error& error, int code) {
  std::fprintf(stderr, "brigd: %s\n", error.message.c_str());
  return code;
}

// Keys pass through this memory: no core dumps, no tracing by others. Sockets and files of ours are private
// by default. Enough descriptors for a thousand sessions.
void harden() {
  // One loop does nearly all, so an arena for each worker would only lie idle; and what is large goes back at
  // once.
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_MMAP_THRESHOLD, 64 * 1024);
  ::mallopt(M_TRIM_THRESHOLD, 64 * 1024);
  ::prctl(PR_SET_DUMPABLE, 0);
  rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  ::umask(077);
  std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace

int main(int argc, char** argv) {
  std::filesystem::path file = brig::config::kDefaultFile;
  bool named = false;
  brig::daemon::Upkeep upkeep;
  auto takes = [&](std::string_view arg) -> std::filesystem::path* {
    if (arg == "--backup") return &upkeep.back_up;
    if (arg == "--restore") return &upkeep.restore;
    return arg == "--passphrase-file" ? &upkeep.passphrase : nullptr;
  };
  for (int i = 1; i < argc; ++i) {
    std::string_view arg = argv[i];
    if (arg == "--help" || arg == "-h") return std::fputs(kHelp, stdout) < 0;
    if (arg == "--version") return std::printf("brigd %s\n", BRIG_VERSION) < 0;
    if (arg == "--print-default-config") return std::fputs(brig::config::example().c_str(), stdout) < 0;
    if (auto* path = takes(arg); path && i + 1 < argc) {
      *path = argv[++i];
      if (path->empty()) {
        std::fprintf(stderr, "brigd: %s names no file\n", argv[i - 1]);
        return kUsage;
      }
    } else if (arg == "--replace") {
      upkeep.replace = true;
    } else if (arg == "--config" && i + 1 < argc) {
      file = argv[++i];
      named = true;
    } else {
      std::fprintf(stderr, "brigd: %s is not understood; brigd --help says what is\n", argv[i]);
      return kUsage;
    }
  }
  if (upkeep.contradicts_itself()) {
    std::fputs(
        "brigd: --backup or --restore, not both; --passphrase-file goes with either, --replace with "
        "--restore\n",
        stderr);
    return kUsage;
  }
  auto config = brig::config::load(file, !named);
  if (!config) return fail(config.error(), kConfiguration);
  harden();
  if (upkeep.wanted()) {
    upkeep.config_file = file;
    auto done = brig::daemon::keep_up(*config, upkeep);
    return done ? 0 : fail(done.error(), brig::exit_code(done.error().code));
  }
  brig::log::configure(config->service.log_level, config->service.log_format);

  brig::net::Loop loop;
  brig::daemon::Service service(loop, std::move(*config));
  if (auto ready = service.prepare(); !ready) return fail(ready.error(), kFailed);
  ::malloc_trim(0);  // what reading certificates, policies and images needed, serving does not
  loop.run(service.run());
  return service.failed() ? kFailed : 0;
}
