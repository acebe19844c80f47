#include "core/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace brig::metrics {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Metrics, TellsWhatWasCounted) {
  Registry registry;
  registry.counter("a_total", "As", {{"kind", "x\"y"}}).add(3);
  registry.gauge("b", "Bs").set(-2);
  registry.gauge_from("c", "Cs", [] { return 1.5; });
  EXPECT_EQ(registry.text(),
            "# HELP a_total As\n# TYPE a_total counter\na_total{kind=\"x\\\"y\"} 3\n"
            "# HELP b Bs\n# TYPE b gauge\nb -2\n# HELP c Cs\n# TYPE c gauge\nc 1.5\n");
}

TEST(Metrics, GivesTheSameSeriesForTheSameLabels) {
  Registry registry;
  auto& first = registry.counter("a_total", "As", {{"k", "v"}});
  EXPECT_EQ(&first, &registry.counter("a_total", "As", {{"k", "v"}}));
  EXPECT_NE(&first, &registry.counter("a_total", "As", {{"k", "w"}}));
}

TEST(Metrics, CountsHistogramsUpwards) {
  Registry registry;
  const double bounds[] = {1, 2};
  auto& h = registry.histogram("h", "Hs", {}, bounds);
  for (double v : {0.5, 1.0, 1.5, 99.0}) h.observe(v);
  auto text = registry.text();
  EXPECT_THAT(text, HasSubstr("h_bucket{le=\"1\"} 2\nh_bucket{le=\"2\"} 3\nh_bucket{le=\"+Inf\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("h_sum 102\nh_count 4\n"));
}

TEST(Metrics, KeepsNoMoreSeriesThanAllowed) {
  Registry registry;
  for (std::size_t i = 0; i < kMaxSeries + 50; ++i)
    registry.counter("a_total", "As", {{"k", std::to_string(i)}}).add();
  auto text = registry.text();
  EXPECT_THAT(text, HasSubstr("a_total{k=\"other\"} 50\n"));
  EXPECT_THAT(text, Not(HasSubstr("k=\"" + std::to_string(kMaxSeries) + "\"")));
}

}  // namespace
}  // namespace brig::metrics
