// Counters, gauges and histograms, told in the Prometheus text format.
//
//   auto& started = registry.counter("brig_sessions_started_total", "Sessions that ran", {{"provider",
//   "shell"}}); started.add();
//
// A family has at most kMaxSeries label sets; what comes later is counted together under "other", so that no
// caller's choice of words can grow memory.
//
// Ownership: the registry owns what it hands out; references stay valid as long as it lives. Threads: any.
// Failure: a name used for two kinds is a broken invariant and aborts.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace brig::metrics {

using Labels = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::size_t kMaxSeries = 200;

class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void add(std::int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

class Histogram {
 public:
  explicit Histogram(std::span<const double> bounds);  // rising
  void observe(double value);

 private:
  friend class Registry;
  std::vector<double> bounds_;
  std::vector<std::atomic<std::uint64_t>> buckets_;  // one more than bounds_
  std::atomic<double> sum_{0};
};

// For seconds of requests and starts: 1 ms … 30 s.
std::span<const double> seconds_buckets();

class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  Counter& counter(std::string_view name, std::string_view help, const Labels& labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, const Labels& labels = {});
  Histogram& histogram(std::string_view name, std::string_view help, const Labels& labels = {},
                       std::span<const double> bounds = seconds_buckets());
  // Asked when the metrics are told, on the thread that tells them.
  void gauge_from(std::string_view name, std::string_view help, std::function<double()> value);

  std::string text() const;

 private:
  struct Family;
  Family& family(std::string_view name, std::string_view help, int kind);

  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Family>, std::less<>> families_;
};

}  // namespace brig::metrics
