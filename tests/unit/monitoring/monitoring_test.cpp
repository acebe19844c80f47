// The dashboard and the alert rules in deploy/monitoring speak of metrics that brigd has, and of all of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "core/files.hpp"

namespace brig {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string text_of(const fs::path& file) {
  auto text = read_file(file, 8 << 20);
  EXPECT_TRUE(text) << file;
  return text ? *text : std::string();
}

std::set<std::string> all_of(const std::string& text, const std::string& pattern) {
  std::set<std::string> out;
  std::regex regex(pattern);
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it) out.insert((*it)[1]);
  return out;
}

// What a series of a histogram is called, without its suffix.
std::string family(std::string name) {
  for (const char* suffix : {"_bucket", "_sum", "_count"}) {
    if (name.ends_with(suffix)) return name.substr(0, name.size() - std::strlen(suffix));
  }
  return name;
}

class Monitoring : public testing::Test {
 protected:
  Monitoring() {
    for (const char* top : {"orchestrator", "api"}) {
      for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
        if (entry.path().extension() != ".cpp") continue;
        auto text = text_of(entry.path());
        metrics.merge(all_of(text, "(?:counter|gauge|histogram|gauge_from)\\(\\s*\"([a-z_]+)\""));
        labels.merge(all_of(text, "\\{\"([a-z_]+)\","));
      }
    }
    auto dashboard = json::parse(text_of(root / "deploy/monitoring/grafana-dashboard.json"));
    for (const auto& panel : dashboard["panels"])
      for (const auto& target : panel["targets"]) expressions.push_back(target["expr"]);
    auto alerts = YAML::Load(text_of(root / "deploy/monitoring/prometheus-alerts.yml"));
    for (const auto& group : alerts["groups"])
      for (const auto& rule : group["rules"]) {
        EXPECT_TRUE(rule["alert"] && rule["annotations"]["summary"] && rule["annotations"]["action"])
            << rule["alert"];
        expressions.push_back(rule["expr"].as<std::string>());
      }
  }
  const fs::path root = BRIG_SOURCE_DIR;
  std::set<std::string> metrics, labels;
  std::vector<std::string> expressions;
};

TEST_F(Monitoring, SpeaksOfWhatThereIs) {
  ASSERT_GT(metrics.size(), 15u);
  std::set<std::string> told;
  for (const auto& expression : expressions) {
    for (const auto& name : all_of(expression, "\\b((?:brig|process)_[a-z_]+)\\b")) {
      EXPECT_TRUE(metrics.contains(family(name))) << name << " in " << expression;
      told.insert(family(name));
    }
    auto used = all_of(expression, "[{,]\\s*([a-z_]+)=~?\"");
    for (const auto& list : all_of(expression, "by \\(([a-z_, ]+)\\)")) used.merge(all_of(list, "([a-z_]+)"));
    for (const auto& label : used)
      EXPECT_TRUE(labels.contains(label) || label == "instance" || label == "job" || label == "le")
          << label << " in " << expression;
    EXPECT_EQ(std::count(expression.begin(), expression.end(), '('),
              std::count(expression.begin(), expression.end(), ')'))
        << expression;
  }
  for (const auto& name : metrics) EXPECT_TRUE(told.contains(name)) << name << " is shown nowhere";
}

}  // namespace
}  // namespace brig
