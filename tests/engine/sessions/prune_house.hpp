// A brigd whose volumes are pruned, and what tests ask about them.
//
// Ownership: removes its volumes and the containers it made. Threads: one. Failure: a test failure.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "brigd.hpp"
#include "core/files.hpp"

namespace brig::test {

using harness::Engine;
using nlohmann::json;

class Prune : public testing::Test {
 protected:
  Prune() : brigd("[volumes]\nsize = \"16 MiB\"\narchive_rate = \"1 GiB\"\n") {}
  ~Prune() override {
    for (const auto& container : containers)
      (void)Engine::shared().request("DELETE", "/containers/" + container + "?force=1");
    brigd.remove_volumes();
  }
  json list() {
    auto value = json::parse(brigd.brig({"volume", "ls", "--json"}).out, nullptr, false);
    return value.is_array() ? value : json::array();
  }
  std::string engine_name(const std::string& name) {
    return json::parse(brigd.brig({"volume", "show", name, "--json"}).out)["engine_name"];
  }
  void make(std::vector<std::string> names) {
    for (const auto& name : names) ASSERT_EQ(brigd.brig({"volume", "create", name}).code, 0);
  }
  // Takes long to archive at a low rate, so that there is time for something to happen meanwhile.
  void make_large(const std::string& name) {
    ASSERT_EQ(brigd.brig({"volume", "create", name, "--size", "32M"}).code, 0);
  }
  json quarantined() {
    return json::parse(brigd.brig({"volume", "ls", "--quarantined", "--json"}).out, nullptr, false);
  }
  harness::Finished sh(const std::string& volume, const std::string& script) {
    return brigd.brig({"run", "box", "--rm", "--empty", "-v", volume + ":/v", "--", "sh", "-c", script});
  }
  // Something that takes a while to archive, and what it comes to.
  std::string fill(const std::string& volume, int kilobytes) {
    auto done = sh(volume, "head -c " + std::to_string(kilobytes * 1024) +
                               " /dev/urandom > /v/x && ln /v/x /v/y && "
                               "ln -s nowhere /v/l && md5sum /v/x");
    EXPECT_EQ(done.code, 0) << done.err;
    eventually([&] { return plan()[volume] == "goes"; }, "nobody has it");
    return done.out;
  }
  harness::Finished prune(std::vector<std::string> options = {}) {
    options.insert(options.begin(), {"volume", "prune", "--unused-for", "0s", "-y"});
    return brigd.brig(options);
  }
  // From now on archives take so long that something can happen meanwhile; or no time at all.
  void set_rate(const std::string& rate) {
    auto text = read_file(brigd.config(), 1 << 20);
    ASSERT_TRUE(text);
    auto at = text->find("archive_rate");
    put_file(brigd.config(), text->substr(0, at) + "archive_rate = \"" + rate + "\"\n", 0);
  }
  harness::SpawnOptions piped() {
    auto out = brigd.options();
    out.pipe_out = out.pipe_err = true;
    return out;
  }
  harness::Child prune_slowly() {
    auto child =
        harness::Child::spawn(brigd.command({"volume", "prune", "--unused-for", "0s", "-y"}), piped());
    if (!child) std::abort();
    return std::move(*child);
  }
  std::string stage(const std::string& volume) {
    auto done = brigd.brig({"volume", "show", volume, "--json"});
    auto value = json::parse(done.out, nullptr, false);
    return value.is_object() ? value.value("stage", std::string()) : "?";
  }

  // What a plan says of each volume, by its name; "goes" of those that go.
  std::map<std::string, std::string> plan(std::vector<std::string> options = {"--unused-for", "0s"}) {
    options.insert(options.begin(), {"volume", "prune", "--dry-run", "--json"});
    auto done = brigd.brig(options);
    EXPECT_EQ(done.code, 0) << done.err;
    auto value = json::parse(done.out, nullptr, false);
    std::map<std::string, std::string> out;
    for (const auto& one : value["goes"]) out[one["name"]] = "goes";
    for (const auto& one : value["stays"]) out[one["name"]] = one["reasons"][0];
    return out;
  }
  // A container of somebody else's that names the volume, never started.
  std::string foreign(const std::string& bind) {
    json body{{"Image", "brig-test/busybox"}, {"Cmd", {"true"}}, {"HostConfig", {{"Binds", {bind + ":/x"}}}}};
    auto made = Engine::shared().request("POST", "/containers/create", body.dump());
    EXPECT_TRUE(made) << made.error().message;
    auto id = json::parse(*made)["Id"].get<std::string>();
    containers.push_back(id);
    return id;
  }

  Brigd brigd;
  std::vector<std::string> containers;
};

}  // namespace brig::test
