// Copies what is to be applied, and what it replaces, to where neither the agent nor the host changes it.
//
// Threads: those of with_rights(). Failure: as Result.
#pragma once

#include "review/journal.hpp"
#include "review/source.hpp"
#include "review/transaction.hpp"

namespace brig::review {

struct Staged {
  Operation operation;
  std::string trouble;  // why it cannot be applied; one clause
};

// Operation `i` of the entry, made of a change.
Result<Staged> stage(const Source& source, const Change& change, const Entry& entry, std::size_t i,
                     const Step& step);

}  // namespace brig::review
