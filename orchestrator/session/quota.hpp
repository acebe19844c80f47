// What each owner may have at a time, and how often they may start.
//
// What an owner has is what the ledger says, and what is on its way there: a Claim stands for a session whose
// row is not committed yet, so that two starts at once do not both take the last place. Sessions that have
// ended still hold the disk they were given, until they are removed.
//
// Ownership: a Claim borrows the Quotas. Threads: the loop's. Failure: Error{exhausted} that names the quota,
// what is used of it, its bound and the remedy; too many starts are Error{rate_limited}.
#pragma once

#include <list>
#include <map>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/metrics.hpp"
#include "core/result.hpp"
#include "store/rows.hpp"

namespace brig::session {

// 0: no bound.
struct Quota {
  std::uint64_t sessions = 0;
  std::uint64_t memory = 0;
  std::uint64_t disk = 0;
  std::uint64_t starts_per_minute = 0;
};

class Quotas {
 public:
  struct Options {
    Quota standard;
    std::map<std::string, Quota> owners;  // who has bounds of their own
  };
  struct Ask {
    SessionId session;
    std::uint64_t memory = 0;
    std::uint64_t disk = 0;  // 0: as much as there is
  };
  class Claim;

  Quotas(Options options, const Clock& clock, metrics::Registry& metrics)
      : options_(std::move(options)), clock_(clock), metrics_(metrics) {}

  const Quota& of(const std::string& owner) const;
  // Counts a start.
  Result<void> start(const std::string& owner);
  // How long until `owner` may start again.
  Millis wait(const std::string& owner) const;

  // Stands until it is destroyed. Make it, then list the ledger, then check().
  Claim claim(const std::string& owner, Ask ask);
  // Does it fit, beside what is in the ledger and what was claimed before?
  Result<void> check(const Claim& claim, const std::vector<store::SessionRow>& ledger) const;

 private:
  struct Standing {
    std::string owner;
    Ask ask;
  };
  struct Bucket {
    double tokens = 0;
    SteadyTime at{};
  };
  double filled(const std::string& owner) const;
  Error refuse(std::string_view quota, const std::string& owner, std::string used, std::string bound,
               std::string remedy, Code code = Code::exhausted) const;

  Options options_;
  const Clock& clock_;
  metrics::Registry& metrics_;
  std::list<Standing> standing_;
  std::map<std::string, Bucket> buckets_;  // of owners who started lately
};

class Quotas::Claim {
 public:
  Claim() = default;
  Claim(Claim&& other) noexcept : quotas_(std::exchange(other.quotas_, nullptr)), at_(other.at_) {}
  Claim& operator=(Claim&& other) noexcept {
    drop();
    quotas_ = std::exchange(other.quotas_, nullptr);
    at_ = other.at_;
    return *this;
  }
  ~Claim() { drop(); }
  // The row is in the ledger, or will never be.
  void drop() {
    if (auto* quotas = std::exchange(quotas_, nullptr)) quotas->standing_.erase(at_);
  }

 private:
  friend class Quotas;
  Claim(Quotas* quotas, std::list<Standing>::iterator at) : quotas_(quotas), at_(at) {}
  Quotas* quotas_ = nullptr;
  std::list<Standing>::iterator at_{};
};

}  // namespace brig::session
