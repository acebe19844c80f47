// A brigd whose mesh has services made by hand: deployed, called, looked at through brig.
//
// Ownership: each test's own; the image of node is built once for all of a suite. Failure: the test's.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "brigd.hpp"

namespace brig::test {

namespace fs = std::filesystem;
using harness::Engine;
using nlohmann::json;

inline const Images kServiceImages{BRIG_SOURCE_DIR "/images", "brig-real", "auto"};

class ServicesHouse : public testing::Test {
 protected:
  // The image of node is not there yet: the first deployment builds it.
  static void SetUpTestSuite() {
    Brigd brigd({}, {}, kServiceImages);
    auto first = brigd.project("first");
    for (const char* file : {"index.mjs", "package.json"})
      fs::copy_file(fs::path(SERVER_DIR) / file, first / file);
    auto options = brigd.options();
    options.env.push_back({"BRIG_MESH", "acme"});
    auto built = harness::run(brigd.command({"service", "deploy", "first", "--dir", first.string()}), {},
                              options, std::chrono::minutes(10));
    ASSERT_TRUE(built && built->code == 0) << (built ? built->err : built.error().message);
    auto removed = harness::run(brigd.command({"service", "rm", "first"}), {}, options);
    EXPECT_TRUE(removed && removed->code == 0);
    brigd.remove_volumes();
  }

  void TearDown() override {
    for (const char* mesh : {"acme", "other"})
      for (const auto& service : list(mesh)) brig(mesh, {"rm", service["name"].get<std::string>()});
    brigd.remove_volumes();
    brigd.expect_nothing_left();
  }

  harness::Finished brig(const std::string& mesh, std::vector<std::string> args) {
    args.insert(args.begin(), "service");
    args.insert(args.end(), {"--mesh", mesh});
    auto done = harness::run(brigd.command(std::move(args)), {}, brigd.options(), std::chrono::minutes(5));
    return done ? *done : harness::Finished{-1, "", done.error().message};
  }
  harness::Finished brig(std::vector<std::string> args) { return brig("acme", std::move(args)); }

  json list(const std::string& mesh = "acme") {
    auto done = brig(mesh, {"ls", "--json"});
    auto out = json::parse(done.out, nullptr, false);
    EXPECT_TRUE(out.is_array()) << done.out << done.err;
    return out.is_array() ? out : json::array();
  }
  json show(const std::string& name = "mine") {
    return json::parse(brig({"show", name, "--json"}).out, nullptr, false);
  }
  std::string state(const std::string& name) {
    auto shown = show(name);
    return shown.is_object() ? shown.value("state", "") : "";
  }
  harness::Finished call(const std::string& tool, const json& arguments = json::object(),
                         const std::string& name = "mine") {
    return brig({"call", name, tool, arguments.dump()});
  }
  // What a tool says that works; waits for a server that is on its way.
  std::string said(const std::string& tool, const json& arguments = json::object()) {
    harness::Finished done;
    eventually(
        [&] {
          done = call(tool, arguments);
          return done.code == 0;
        },
        tool + " answers");
    return done.out;
  }

  std::string container_of(const std::string& session) {
    for (const auto& one : brigd.sessions())
      if (one["id"] == session) return one.value("container", "");
    return "none";
  }

  // A copy of the server of this test.
  fs::path server(const std::string& name = "server") {
    auto dir = brigd.dir() / name;
    if (fs::exists(dir)) return dir;
    brigd.project(name);
    for (const char* file : {"index.mjs", "package.json"})
      fs::copy_file(fs::path(SERVER_DIR) / file, dir / file);
    return dir;
  }
  void deploy(std::vector<std::string> more = {}) {
    std::vector<std::string> args{"deploy", "mine", "--dir", server().string()};
    args.insert(args.end(), more.begin(), more.end());
    auto done = brig(args);
    ASSERT_EQ(done.code, 0) << done.err << logs();
    EXPECT_EQ(done.out, "mine running, version 1.2.3, 11 tools\n");
  }
  std::string logs(const std::string& name = "mine") { return brig({"logs", name}).out; }

  std::string address = free_address();
  Brigd brigd{"[api.tcp]\nlisten = \"" + address + "\"\n", {}, kServiceImages};
};

}  // namespace brig::test
