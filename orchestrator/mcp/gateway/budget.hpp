// What one owner's sessions may make the gateway keep, all together: events that nobody has read, calls under
// way, questions that wait for a client.
//
// Ownership: shared by all that is charged to it. Threads: the loop's. Failure: none; whoever finds no room
// says so to whom it concerns.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace brig::mcp {

struct Budget {
  explicit Budget(std::size_t most) : limit(most) {}
  bool has(std::size_t bytes) const { return used <= limit && bytes <= limit - used; }

  std::size_t limit;
  std::size_t used = 0;
};
using BudgetRef = std::shared_ptr<Budget>;

// Bytes that are kept as long as this is.
class Charge {
 public:
  Charge(BudgetRef budget, std::size_t bytes) : budget_(std::move(budget)) { add(bytes); }
  Charge(const Charge&) = delete;
  Charge& operator=(const Charge&) = delete;
  ~Charge() { budget_->used -= bytes_; }

  void add(std::size_t bytes) {
    bytes_ += bytes;
    budget_->used += bytes;
  }
  void remove(std::size_t bytes) {
    bytes_ -= bytes;
    budget_->used -= bytes;
  }
  std::size_t bytes() const { return bytes_; }
  const Budget& budget() const { return *budget_; }

 private:
  BudgetRef budget_;
  std::size_t bytes_ = 0;
};

}  // namespace brig::mcp
