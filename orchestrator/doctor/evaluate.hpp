// Judges facts. Pure: the same facts give the same findings, in the same order.
//
// Threads: any. Failure: none.
#pragma once

#include <vector>

#include "doctor/doctor.hpp"
#include "doctor/facts.hpp"

namespace brig::doctor {

std::vector<Finding> evaluate(const Facts& facts);

// The parts of it.
void evaluate_engine(const EngineFacts& engine, std::vector<Finding>& out);
void evaluate_host(const HostFacts& host, std::vector<Finding>& out);
void evaluate_images(const Facts& facts, std::vector<Finding>& out);

inline Finding good(std::string check, std::string detail) {
  return {std::move(check), Finding::Grade::good, std::move(detail), {}};
}
inline Finding warning(std::string check, std::string detail, std::string remedy) {
  return {std::move(check), Finding::Grade::warning, std::move(detail), std::move(remedy)};
}
inline Finding bad(std::string check, std::string detail, std::string remedy) {
  return {std::move(check), Finding::Grade::bad, std::move(detail), std::move(remedy)};
}

}  // namespace brig::doctor
