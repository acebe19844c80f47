#include "core/metrics.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <variant>

namespace brig::metrics {
namespace {

enum Kind { kCounter, kGauge, kHistogram, kGaugeFrom };

std::string escaped(std::string_view value) {
  std::string out;
  for (char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

std::string key_of(const Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    if (!out.empty()) out += ',';
    out += name + "=\"" + escaped(value) + '"';
  }
  return out;
}

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.9g", value);
  return text.data();
}

std::string line(std::string_view name, std::string_view labels, std::string_view value) {
  std::string out(name);
  if (!labels.empty()) out.append("{").append(labels).append("}");
  return out.append(" ").append(value).append("\n");
}

}  // namespace

Histogram::Histogram(std::span<const double> bounds)
    : bounds_(bounds.begin(), bounds.end()), buckets_(bounds.size() + 1) {}

void Histogram::observe(double value) {
  auto at = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  buckets_[static_cast<std::size_t>(at)].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

std::span<const double> seconds_buckets() {
  static constexpr std::array kBounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                      0.25,  0.5,    1.0,   2.5,  5.0,   10.0, 30.0};
  return kBounds;
}

struct Registry::Family {
  std::string help;
  int kind = kCounter;
  std::map<std::string, std::unique_ptr<Counter>> counters;
  std::map<std::string, std::unique_ptr<Gauge>> gauges;
  std::map<std::string, std::unique_ptr<Histogram>> histograms;
  std::function<double()> from;

  template <class T, class... A>
  static T& series(std::map<std::string, std::unique_ptr<T>>& all, const Labels& labels, A... arguments) {
    auto key = key_of(labels);
    auto it = all.find(key);
    if (it == all.end() && all.size() >= kMaxSeries) {
      Labels other = labels;
      for (auto& label : other) label.second = "other";
      key = key_of(other);
    }
    auto& slot = all[key];
    if (!slot) slot = std::make_unique<T>(arguments...);
    return *slot;
  }
};

Registry::Registry() = default;
Registry::~Registry() = default;

Registry::Family& Registry::family(std::string_view name, std::string_view help, int kind) {
  auto it = families_.find(name);
  if (it == families_.end()) {
    it = families_.emplace(name, std::make_unique<Family>()).first;
    it->second->help = help;
    it->second->kind = kind;
  }
  if (it->second->kind != kind) std::abort();
  return *it->second;
}

Counter& Registry::counter(std::string_view name, std::string_view help, const Labels& labels) {
  std::lock_guard lock(mutex_);
  return Family::series(family(name, help, kCounter).counters, labels);
}

Gauge& Registry::gauge(std::string_view name, std::string_view help, const Labels& labels) {
  std::lock_guard lock(mutex_);
  return Family::series(family(name, help, kGauge).gauges, labels);
}

Histogram& Registry::histogram(std::string_view name, std::string_view help, const Labels& labels,
                               std::span<const double> bounds) {
  std::lock_guard lock(mutex_);
  return Family::series(family(name, help, kHistogram).histograms, labels, bounds);
}

void Registry::gauge_from(std::string_view name, std::string_view help, std::function<double()> value) {
  std::lock_guard lock(mutex_);
  family(name, help, kGaugeFrom).from = std::move(value);
}

std::string Registry::text() const {
  static constexpr std::array<std::string_view, 4> kKinds{"counter", "gauge", "histogram", "gauge"};
  std::lock_guard lock(mutex_);
  std::string out;
  for (const auto& [name, family] : families_) {
    out += "# HELP " + name + " " + escaped(family->help) + "\n# TYPE " + name + " ";
    out.append(kKinds[static_cast<std::size_t>(family->kind)]).append("\n");
    for (const auto& [labels, c] : family->counters) out += line(name, labels, std::to_string(c->value()));
    for (const auto& [labels, g] : family->gauges) out += line(name, labels, std::to_string(g->value()));
    if (family->from) out += line(name, "", number(family->from()));
    for (const auto& [labels, h] : family->histograms) {
      std::uint64_t count = 0;
      auto prefix = labels.empty() ? std::string() : labels + ",";
      for (std::size_t i = 0; i < h->buckets_.size(); ++i) {
        count += h->buckets_[i].load(std::memory_order_relaxed);
        auto bound = i < h->bounds_.size() ? number(h->bounds_[i]) : std::string("+Inf");
        out += line(name + "_bucket", prefix + "le=\"" + bound + '"', std::to_string(count));
      }
      out += line(name + "_sum", labels, number(h->sum_.load(std::memory_order_relaxed)));
      out += line(name + "_count", labels, std::to_string(count));
    }
  }
  return out;
}

}  // namespace brig::metrics
