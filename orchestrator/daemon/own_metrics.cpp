#include "daemon/own_metrics.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "core/files.hpp"
#include "core/text.hpp"

namespace brig::daemon {
namespace {

double resident_bytes() {
  auto text = read_file("/proc/self/statm", 256);  // pages: all, resident, …
  if (!text) return 0;
  auto words = split(*text, ' ');
  if (words.size() < 2) return 0;
  return std::strtod(std::string(words[1]).c_str(), nullptr) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double open_descriptors() {
  std::error_code failed;
  double count = 0;
  std::filesystem::directory_iterator all("/proc/self/fd", failed), end;
  while (!failed && all != end) {
    ++count;
    all.increment(failed);
  }
  return count;
}

double most_descriptors() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<double>(limit.rlim_cur) : 0;
}

}  // namespace

void register_own_metrics(metrics::Registry& registry) {
  auto since = std::chrono::system_clock::now().time_since_epoch();
  double start = std::chrono::duration<double>(since).count();
  registry.gauge("brig_build_info", "1, with the version of brigd.", {{"version", BRIG_VERSION}}).set(1);
  registry.gauge_from("process_start_time_seconds", "When brigd was started, in seconds since 1970.",
                      [start] { return start; });
  registry.gauge_from("process_resident_memory_bytes", "Memory that brigd has.", resident_bytes);
  registry.gauge_from("process_open_fds", "Descriptors that brigd has open.", open_descriptors);
  registry.gauge_from("process_max_fds", "Descriptors that brigd may have open.", most_descriptors);
}

}  // namespace brig::daemon
