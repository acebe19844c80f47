// Looks whether this machine can do what Brig needs, and says what to do about each miss.
//
// Threads: the loop's. Failure: a check that cannot be made is a finding of its own.
#pragma once

#include <string>
#include <vector>

#include "net/task.hpp"

namespace brig::doctor {

struct Finding {
  enum class Grade { good, warning, bad };
  std::string check;  // "engine", "kernel.overlay", "runtime.runsc", …: stable, for --json
  Grade grade = Grade::good;
  std::string detail;  // what was found
  std::string remedy;  // what to do; empty when good
};

class Doctor {
 public:
  virtual ~Doctor() = default;
  virtual net::Task<std::vector<Finding>> examine() = 0;
};

}  // namespace brig::doctor
