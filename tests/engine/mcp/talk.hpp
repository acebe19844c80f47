// `brig mcp` and whoever has started it: messages by hand, read as they come.
//
// Ownership: owns the child, and ends it. Threads: one. Failure: a test failure.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "brigd.hpp"

namespace brig::test {

using nlohmann::json;

inline constexpr int kPatience = 60'000;  // milliseconds

class Talk {
 public:
  Talk(const Brigd& brigd, std::vector<std::string> args) {
    args.insert(args.begin(), "mcp");
    auto options = brigd.options();
    options.pipe_in = options.pipe_out = true;
    auto child = harness::Child::spawn(brigd.command(std::move(args)), options);
    if (child) child_.emplace(std::move(*child));
    EXPECT_TRUE(child_);
  }

  void send(const json& message) {
    auto line = message.dump() + "\n";
    ASSERT_EQ(::write(child_->in.get(), line.data(), line.size()), static_cast<ssize_t>(line.size()));
  }
  int ask(const std::string& method, json params = json::object()) {
    send({{"jsonrpc", "2.0"}, {"id", ++last_}, {"method", method}, {"params", std::move(params)}});
    return last_;
  }
  // The next message that `fits`; those before it are kept in `heard`.
  json next(const std::function<bool(const json&)>& fits, const std::string& what) {
    while (true) {
      for (auto it = heard.begin(); it != heard.end(); ++it) {
        if (!fits(*it)) continue;
        auto found = *it;
        heard.erase(it);
        return found;
      }
      if (!read_more()) break;
    }
    ADD_FAILURE() << what << " did not come; heard " << json(heard).dump();
    return json::object();
  }
  json answer(int id) {
    return next([&](const json& m) { return m.value("id", json()) == id && !m.contains("method"); },
                "the answer to " + std::to_string(id));
  }
  json told(const std::string& method) {
    return next([&](const json& m) { return m.value("method", "") == method; }, method);
  }
  json result(const std::string& method, json params = json::object()) {
    auto said = answer(ask(method, std::move(params)));
    EXPECT_TRUE(said.contains("result")) << said;
    return said.value("result", json::object());
  }
  std::string call(const std::string& tool, json arguments = json::object()) {
    auto said = result("tools/call", {{"name", tool}, {"arguments", std::move(arguments)}});
    return said.contains("content") ? said["content"][0].value("text", "") : said.dump();
  }
  json hello() {
    auto said = result("initialize", {{"protocolVersion", "2025-11-25"},
                                      {"capabilities", {{"sampling", json::object()}}},
                                      {"clientInfo", {{"name", "test"}, {"version", "1"}}}});
    send({{"jsonrpc", "2.0"}, {"method", "notifications/initialized"}});
    return said;
  }
  int finish() {
    child_->in.reset();
    auto code = child_->wait();
    return code ? *code : -1;
  }

  std::vector<json> heard;

 private:
  bool read_more() {
    while (pending_.find('\n') == std::string::npos) {
      pollfd p{child_->out.get(), POLLIN, 0};
      if (::poll(&p, 1, kPatience) <= 0) return false;
      char buffer[65536];
      auto count = ::read(p.fd, buffer, sizeof buffer);
      if (count <= 0) return false;
      pending_.append(buffer, static_cast<std::size_t>(count));
    }
    auto end = pending_.find('\n');
    heard.push_back(json::parse(pending_.substr(0, end), nullptr, false));
    EXPECT_TRUE(heard.back().is_object()) << pending_.substr(0, end);
    pending_.erase(0, end + 1);
    return true;
  }

  std::optional<harness::Child> child_;
  std::string pending_;
  int last_ = 0;
};

}  // namespace brig::test
