// A way out that says what a test wants and remembers what it was told.
//
// Ownership: the test server's. Threads: the loop's. Failure: a rule that is none is refused as the real one
// does.
#pragma once

#include "egress/egress.hpp"

namespace brig::api::test {

class FakeEgress final : public egress::Egress {
 public:
  FakeEgress() {
    view.open = view.ask = true;
    view.rules = {{"deny", "bad.test", "the ceiling"}, {"allow", "a.test", "the request"}};
    view.bound = std::vector<egress::Rule>{*egress::read_rule("*", egress::Verb::allow)};
    view.questions = {{1, *egress::read_target("q.test:443"), "curl\x1b", 7, WallTime{}, 2}};
    egress::OpenConnection open;
    open.target = *egress::read_target("a.test:443");
    open.address = "192.0.2.1";
    open.process = "node";
    view.connections = {open, open};
    view.connections[1].address = "";
  }

  net::Task<Result<egress::DoorView>> show(SessionId) override { co_return view; }
  net::Task<Result<std::string>> change(SessionId id, egress::Verb verb, std::string rule,
                                        egress::Scope scope) override {
    BRIG_CO_TRY(auto read, egress::read_rule(rule, verb));
    told.push_back((verb == egress::Verb::allow ? "allow " : "deny ") + egress::to_string(read, verb) + " " +
                   std::to_string(static_cast<int>(scope)) + " in " + id.str());
    co_return egress::to_string(read, verb);
  }
  net::Task<Result<void>> forget(SessionId, std::string rule) override {
    told.push_back("forget " + rule);
    co_return Result<void>();
  }
  net::Task<Result<void>> answer(SessionId, std::uint64_t question, bool yes, egress::Scope scope) override {
    if (question != 1) co_return Error{Code::not_found, "there is no such question", "test", false};
    told.push_back(std::string(yes ? "yes " : "no ") + std::to_string(static_cast<int>(scope)));
    co_return Result<void>();
  }
  net::Task<Result<egress::Tried>> test(SessionId, std::string text) override {
    egress::Tried out;
    BRIG_CO_TRY(out.target, egress::read_target(text));
    egress::Rules rules;
    rules.allow.push_back({*egress::read_rule("*", egress::Verb::allow), "the request"});
    out.decision = egress::decide(rules, out.target);
    for (const char* at : {"8.8.4.4", "10.0.0.1"}) {
      auto address = egress::read_address(at).address;
      out.addresses.emplace_back(address, egress::decide_address(rules, out.target, out.decision, address));
    }
    co_return out;
  }
  Result<std::vector<std::string>> account(SessionId, std::size_t count) override {
    return std::vector<std::string>(std::min(count, std::size_t{3}), line);
  }
  std::shared_ptr<egress::Audit::Follower> follow(SessionId) override { return nullptr; }

  egress::DoorView view;
  std::vector<std::string> told;
  std::string line =
      R"({"number":1,"time":"2026-01-01T00:00:00.000Z","outcome":"denied","host":"a.test","port":443,)"
      R"("process":"curl","pid":7,"via":"http_connect","detail":"no rule allows a.test:443"})";
};

}  // namespace brig::api::test
