#include "measure.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace brig::bench {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  auto n = values.size();
  if (n == 0) return 0;
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

void compare(const std::string& what, const std::string& unit, double scale, int rounds, const Way& ours,
             const Way& theirs, const std::string& bound) {
  std::vector<double> a;
  std::vector<double> b;
  for (int i = -1; i < rounds; ++i) {  // the first of each is not counted
    auto x = ours.run();
    auto y = theirs.run();
    if (!x || !y) {
      ADD_FAILURE() << what << ": a run of " << (x ? theirs.name : ours.name) << " failed";
      return;
    }
    if (i < 0) continue;
    a.push_back(*x);
    b.push_back(*y);
  }
  auto line = [&](const std::string& name, std::vector<double> values) {
    auto [low, high] = std::minmax_element(values.begin(), values.end());
    std::printf("  %-44s %9.1f %s   (%.1f … %.1f)\n", name.c_str(), median(values) * scale, unit.c_str(),
                *low * scale, *high * scale);
  };
  std::printf("%s, %d rounds\n", what.c_str(), rounds);
  line(ours.name, a);
  line(theirs.name, b);
  std::printf("  ratio of medians: %.2f (%s)\n\n", median(a) / median(b), bound.c_str());
  std::fflush(stdout);
}

void report(const std::string& what, double value, const std::string& unit, const std::string& bound) {
  std::printf("%s: %.1f %s (%s)\n\n", what.c_str(), value, unit.c_str(), bound.c_str());
  std::fflush(stdout);
}

}  // namespace brig::bench
