// Two ways of doing a thing, measured in turn (A B A B …), so that a machine whose speed drifts slows both;
// and the ratio of their medians.
//
// Threads: one. Failure: a run that fails ends the measurement as a test failure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace brig::bench {

// Seconds, of the steady clock.
double now();

double median(std::vector<double> values);

struct Way {
  std::string name;
  std::function<std::optional<double>()> run;  // seconds, bytes per second, …; none: it failed
};

// Prints a line for each way and the ratio ours / theirs, with the bound it is held against ("at most 1.10").
void compare(const std::string& what, const std::string& unit, double scale, int rounds, const Way& ours,
             const Way& theirs, const std::string& bound);

// A single figure.
void report(const std::string& what, double value, const std::string& unit, const std::string& bound);

}  // namespace brig::bench
