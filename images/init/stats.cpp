#include <sys/resource.h>
#include <unistd.h>

#include "init/proc_files.hpp"
#include "init/system.hpp"

namespace brig::init::system {

void fill_stats(link::Stats& stats, pid_t egress) {
  static const auto per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  std::uint64_t ticks = 0;
  for_each_process([&](const ProcessStat& stat) {
    if (stat.pid == egress || stat.state == 'Z' || stat.state == 'X') return;
    ++stats.processes;
    if (stat.state == 'R' || stat.state == 'D') ++stats.runnable;
    ticks += stat.ticks;
  });
  // Those reaped here have left /proc; their time is remembered.
  rusage reaped{};
  ::getrusage(RUSAGE_CHILDREN, &reaped);
  auto ms = [](const timeval& t) {
    return static_cast<std::uint64_t>(t.tv_sec) * 1000 + static_cast<std::uint64_t>(t.tv_usec) / 1000;
  };
  stats.cpu_ms = ticks * 1000 / (per_second ? per_second : 100) + ms(reaped.ru_utime) + ms(reaped.ru_stime);
}

}  // namespace brig::init::system
