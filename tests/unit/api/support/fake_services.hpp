// Services that say what a test wants, and remember what was asked.
//
// Ownership: the test server's. Threads: the loop's. Failure: `not_found` for every name but "mine".
#pragma once

#include "service/services.hpp"

namespace brig::api::test {

class FakeServices final : public service::Services {
 public:
  FakeServices() {
    view.mesh = "acme";
    view.name = "mine";
    view.owner = "uid:0";
    view.state = service::State::running;
    view.spec.npm = service::NpmSource{"@scope/mine", "^1", "run", {"native"}};
    view.spec.args = {"mcp"};
    view.spec.allow = {*egress::read_rule("backend.test:443", egress::Verb::allow)};
    view.spec.memory = 256u << 20;
    view.spec.milli_cpus = 500;
    view.env = {{"KEY", "the-key"}, {"PLAIN", ""}};
    view.runtime = service::Runtime::node;
    view.version = "1.2.3";
    view.command = {"node", "/x"};
    view.artefact = "abc";
    view.session = "00000000000000aa";
    view.server_info = R"({"name":"by-hand","more":[1]})";
    view.tools = 1;
  }

  Result<void> check(const session::Caller&, const std::string&,
                     const service::DeploySpec& spec) const override {
    if (spec.name != "bad") return {};
    return Error{Code::invalid, "name 'bad' is bad", "service", false};
  }
  net::Task<Result<service::View>> deploy(session::Caller, std::string mesh, service::DeploySpec spec,
                                          service::Progress progress) override {
    deployed = std::move(spec);
    view.mesh = std::move(mesh);
    progress(service::State::building, "npm x");
    progress(service::State::starting, "");
    if (deployed.name == "fails") co_return Error{Code::conflict, "npm said no", "service", false};
    co_return view;
  }
  net::Task<Result<service::View>> update(session::Caller, std::string, std::string,
                                          service::Progress) override {
    co_return view;
  }
  net::Task<Result<service::View>> restart(session::Caller, std::string mesh, std::string name) override {
    co_return find(mesh, name);
  }
  net::Task<Result<service::View>> stop(session::Caller, std::string mesh, std::string name) override {
    co_return find(mesh, name);
  }
  net::Task<Result<void>> remove(session::Caller, std::string mesh, std::string name) override {
    BRIG_CO_CHECK(find(mesh, name));
    co_return Result<void>();
  }
  Result<std::vector<service::View>> list(const session::Caller&, const std::string&) override {
    return std::vector<service::View>{view};
  }
  Result<service::View> get(const session::Caller&, const std::string& mesh,
                            const std::string& name) override {
    return find(mesh, name);
  }
  Result<std::vector<service::Tool>> tools(const session::Caller&, const std::string& mesh,
                                           const std::string& name) override {
    BRIG_CHECK(find(mesh, name));
    return std::vector<service::Tool>{{"a", R"({"name":"a","x":1e400})"}, {"b", R"({"name":"b"})"}};
  }
  Result<std::vector<service::LogLine>> logs(const session::Caller&, const std::string& mesh,
                                             const std::string& name, std::size_t count) override {
    BRIG_CHECK(find(mesh, name));
    asked_lines = count;
    return std::vector<service::LogLine>{{WallTime{}, "hello"}};
  }
  net::Task<Result<mcp::Answer>> call(session::Caller, std::string mesh, std::string name, std::string tool,
                                      std::string arguments, Deadline deadline) override {
    BRIG_CO_CHECK(find(mesh, name));
    asked_arguments = std::move(arguments);
    asked_left = deadline.left();
    mcp::Answer answer;
    answer.is_error = tool == "fails";
    answer.json = answer.is_error ? R"({"code":-32602,"message":"no"})"
                                  : R"({"content":[],"n":12345678901234567890123})";
    co_return answer;
  }

  service::View view;
  Result<std::unique_ptr<mcp::Backends>> backends(const session::Caller&, const std::string& mesh) override {
    if (mesh != "acme") return Error{Code::not_found, "there is no such mesh", "service", false};
    return std::unique_ptr<mcp::Backends>(std::make_unique<Behind>());
  }

  // "mine", which echoes.
  class Behind final : public mcp::Backends {
   public:
    std::vector<std::string> names() override { return {"mine"}; }
    bool has(const std::string& service) override { return service == "mine"; }
    std::optional<mcp::Initialized> about(const std::string&) override {
      auto said = mcp::Initialized::from(
          R"({"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"by-hand"}})");
      return *said;
    }
    net::Task<Result<std::vector<mcp::Item>>> list(std::string, mcp::Listing) override {
      co_return std::vector<mcp::Item>{{"echo", R"({"name":"echo","inputSchema":{}})"}};
    }
    net::Task<Result<mcp::Answer>> request(std::string, mcp::Call call) override {
      co_return mcp::Answer::result(call.params);
    }
    net::Task<Result<void>> notify(std::string, std::string, std::string) override {
      co_return Result<void>();
    }
  };

  service::DeploySpec deployed;
  std::string asked_arguments;
  Millis asked_left{};
  std::size_t asked_lines = 0;

 private:
  Result<service::View> find(const std::string& mesh, const std::string& name) const {
    if (mesh == "acme" && name == "mine") return view;
    return Error{Code::not_found, "mesh has no such service", "service", false};
  }
};

}  // namespace brig::api::test
