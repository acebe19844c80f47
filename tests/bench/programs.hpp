// Programs that are measured as a whole, as people run them.
//
// Threads: one. Failure: none; a program that fails took no time.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/files.hpp"
#include "core/text.hpp"
#include "harness/child.hpp"
#include "harness/engine.hpp"
#include "measure.hpp"

namespace brig::bench {

inline std::vector<std::string> docker(std::vector<std::string> args) {
  args.insert(args.begin(), {"docker", "-H", harness::Engine::shared().docker_host()});
  return args;
}

// How long the whole program takes.
inline std::optional<double> took(const std::vector<std::string>& argv, harness::SpawnOptions options) {
  auto begin = now();
  auto done = harness::run(argv, {}, std::move(options));
  return done && done->code == 0 ? std::optional<double>(now() - begin) : std::nullopt;
}

// Kilobytes of a line in /proc/PID/FILE.
inline double kilobytes(pid_t pid, const std::string& file, const std::string& key) {
  auto text = read_file("/proc/" + std::to_string(pid) + "/" + file, 1 << 20);
  if (!text) return -1;
  for (auto line : split(*text, '\n')) {
    if (line.starts_with(key)) return std::stod(std::string(line.substr(key.size())));
  }
  return -1;
}

}  // namespace brig::bench
