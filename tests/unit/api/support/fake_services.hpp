// Services that say what a test wants, and remember what was asked.
//
// Ownership: the test server's. Threads: the loop's. Failure: `not_found` for every name but "mine", and
// those in `scoped`, of which who asks hears what access.hpp says.
#pragma once

#include <map>

#include "service/access.hpp"
#include "service/services.hpp"

namespace brig::api::test {

class FakeServices final : public service::Services {
 public:
  FakeServices() {
    view.mesh = "acme";
    view.name = "mine";
    view.owner = "uid:0";
    view.state = service::State::running;
    view.type = "mcp";
    view.source = "npm";
    view.runtime = service::Runtime::node;
    view.server_info = R"({"name":"by-hand","title":"Made by hand","more":[1]})";
    view.tools = 1;
    service::Insight inside;
    inside.spec.npm = service::NpmSource{"@scope/mine", "^1", "run", {"native"}};
    inside.spec.args = {"mcp"};
    inside.spec.allow = {*egress::read_rule("backend.test:443", egress::Verb::allow)};
    inside.spec.memory = 256u << 20;
    inside.spec.milli_cpus = 500;
    inside.env = {{"KEY", "the-key"}, {"PLAIN", ""}};
    inside.version = "1.2.3";
    inside.command = {"node", "/x"};
    inside.artefact = "abc";
    inside.number = 2;
    inside.versions = {{1, "1.2.2", "abb", WallTime{}}, {2, "1.2.3", "abc", WallTime{}}};
    inside.session = "00000000000000aa";
    view.inside = inside;
  }

  Result<void> check(const session::Caller&, const std::string&, const service::DeploySpec& spec) override {
    if (spec.name == "too-often") return Error{Code::rate_limited, "come again", "service", true};
    if (spec.name != "bad") return {};
    return Error{Code::invalid, "name 'bad' is bad", "service", false};
  }
  class Upload final : public service::Upload {
   public:
    explicit Upload(FakeServices& services) : services_(services) {}
    net::Task<Result<void>> write(std::span<const std::byte> bytes) override {
      text_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      co_return Result<void>();
    }
    net::Task<Result<service::Uploaded>> finish() override {
      services_.uploaded = text_;
      co_return service::Uploaded{"the-file", text_.size()};
    }

   private:
    FakeServices& services_;
    std::string text_;
  };
  net::Task<Result<std::unique_ptr<service::Upload>>> upload(session::Caller, std::string mesh) override {
    if (mesh != "acme") co_return Error{Code::not_found, "there is no such mesh", "service", false};
    co_return std::unique_ptr<service::Upload>(std::make_unique<Upload>(*this));
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
  Result<void> check_update(const session::Caller& caller, const std::string& mesh,
                            const std::string& name) override {
    BRIG_CHECK(find(Operation::change, caller, mesh, name));
    return {};
  }
  Result<void> check_restart(const session::Caller& caller, const std::string& mesh,
                             const std::string& name) override {
    BRIG_CHECK(find(Operation::change, caller, mesh, name));
    return {};
  }
  Millis wait_to_deploy(const session::Caller&, const std::string&) const override { return Millis(1'500); }
  Millis wait_to_call(const session::Caller&, const std::string&) const override { return Millis(0); }
  net::Task<Result<service::View>> update(session::Caller caller, std::string mesh, std::string name,
                                          service::Progress) override {
    co_return find(Operation::change, caller, mesh, name);
  }
  Result<void> check_rollback(const session::Caller& caller, const std::string& mesh, const std::string& name,
                              std::optional<std::uint64_t> number) override {
    BRIG_CHECK(find(Operation::change, caller, mesh, name));
    if (number == 99) return Error{Code::not_found, "no version 99", "service", false};
    return {};
  }
  net::Task<Result<service::View>> rollback(session::Caller caller, std::string mesh, std::string name,
                                            std::optional<std::uint64_t> number, service::Progress) override {
    asked_version = number;
    co_return find(Operation::change, caller, mesh, name);
  }
  net::Task<Result<service::View>> restart(session::Caller caller, std::string mesh,
                                           std::string name) override {
    co_return find(Operation::change, caller, mesh, name);
  }
  net::Task<Result<service::View>> stop(session::Caller caller, std::string mesh, std::string name) override {
    co_return find(Operation::change, caller, mesh, name);
  }
  net::Task<Result<service::View>> pause(session::Caller caller, std::string mesh,
                                         std::string name) override {
    co_return find(Operation::change, caller, mesh, name);
  }
  net::Task<Result<service::View>> set_scope(session::Caller caller, std::string mesh, std::string name,
                                             service::Scope scope) override {
    BRIG_CO_CHECK(find(Operation::change, caller, mesh, name));
    view.scope = std::move(scope);
    co_return view;
  }
  net::Task<Result<void>> remove(session::Caller caller, std::string mesh, std::string name) override {
    BRIG_CO_CHECK(find(Operation::change, caller, mesh, name));
    co_return Result<void>();
  }
  Result<std::vector<service::View>> list(const session::Caller& caller, const std::string& mesh) override {
    std::vector<service::View> out{view};
    for (const auto& [name, scope] : scoped)
      if (auto found = find(Operation::see, caller, mesh, name)) out.push_back(*found);
    return out;
  }
  Result<service::View> get(const session::Caller& caller, const std::string& mesh,
                            const std::string& name) override {
    return find(Operation::see, caller, mesh, name);
  }
  Result<std::vector<service::Tool>> tools(const session::Caller& caller, const std::string& mesh,
                                           const std::string& name) override {
    BRIG_CHECK(find(Operation::see, caller, mesh, name));
    return std::vector<service::Tool>{{"a", R"({"name":"a","x":1e400})"}, {"b", R"({"name":"b"})"}};
  }
  net::Task<Result<service::ToolReport>> tool_report(session::Caller caller, std::string mesh,
                                                     std::string name) override {
    BRIG_CO_CHECK(find(Operation::inspect, caller, mesh, name));
    co_return report;
  }
  net::Task<Result<service::ToolReport>> set_tool_lists(session::Caller caller, std::string mesh,
                                                        std::string name, service::ToolLists lists) override {
    BRIG_CO_CHECK(find(Operation::change, caller, mesh, name));
    BRIG_CO_CHECK(check_lists(lists));
    report.lists = std::move(lists);
    co_return report;
  }
  net::Task<Result<service::ToolReport>> approve_tools(session::Caller caller, std::string mesh,
                                                       std::string name,
                                                       std::vector<service::Approval> approvals) override {
    BRIG_CO_CHECK(find(Operation::change, caller, mesh, name));
    for (const auto& one : approvals) approved.push_back(one.tool + " " + one.fingerprint);
    co_return report;
  }
  Result<std::vector<service::LogLine>> logs(const session::Caller& caller, const std::string& mesh,
                                             const std::string& name, std::size_t count) override {
    BRIG_CHECK(find(Operation::inspect, caller, mesh, name));
    asked_lines = count;
    return std::vector<service::LogLine>{{WallTime{}, "hello"}};
  }
  net::Task<Result<std::vector<service::BundleFile>>> files(session::Caller caller, std::string mesh,
                                                            std::string name) override {
    BRIG_CO_CHECK(find(Operation::see, caller, mesh, name));
    co_return std::vector<service::BundleFile>{{"SKILL.md", 7, false}, {"run.sh", 3, true}};
  }
  // Says its path, and ends.
  class File final : public service::FileReader {
   public:
    explicit File(std::string text) : text_(std::move(text)) {}
    net::Task<Result<std::vector<std::byte>>> next() override {
      auto bytes = std::as_bytes(std::span(text_));
      std::vector<std::byte> out(bytes.begin(), bytes.end());
      text_.clear();
      co_return out;
    }

   private:
    std::string text_;
  };
  net::Task<Result<std::unique_ptr<service::FileReader>>> open_file(session::Caller caller, std::string mesh,
                                                                    std::string name,
                                                                    std::string path) override {
    BRIG_CO_CHECK(find(Operation::see, caller, mesh, name));
    if (path == "none") co_return Error{Code::not_found, "the skill has no file 'none'", "service", false};
    co_return std::unique_ptr<service::FileReader>(std::make_unique<File>("<" + path + ">"));
  }
  // Two lines, then the end.
  class Reader final : public service::LogReader {
   public:
    net::Task<Result<std::vector<service::LogLine>>> next() override {
      if (++asked_ > 2) co_return std::vector<service::LogLine>();
      co_return std::vector<service::LogLine>{{WallTime{}, "line " + std::to_string(asked_)}};
    }

   private:
    int asked_ = 0;
  };
  Result<std::unique_ptr<service::LogReader>> follow_logs(const session::Caller& caller,
                                                          const std::string& mesh, const std::string& name,
                                                          std::size_t count) override {
    BRIG_CHECK(find(Operation::inspect, caller, mesh, name));
    asked_lines = count;
    return std::unique_ptr<service::LogReader>(std::make_unique<Reader>());
  }
  net::Task<Result<mcp::Answer>> call(session::Caller caller, std::string mesh, std::string name,
                                      std::string tool, std::string arguments, Deadline deadline) override {
    BRIG_CO_CHECK(find(Operation::call, caller, mesh, name));
    if (tool == "too-often") co_return Error{Code::rate_limited, "come again", "service", true};
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

  service::ToolReport report;
  std::vector<std::string> approved;
  service::DeploySpec deployed;
  std::string asked_arguments;
  Millis asked_left{};
  std::size_t asked_lines = 0;
  std::optional<std::uint64_t> asked_version;
  std::string uploaded;
  // Of mesh acme, and deployed by `deployer`.
  std::map<std::string, service::Scope> scoped;
  std::string deployer;

 private:
  using Operation = service::Operation;

  Result<service::View> find(Operation operation, const session::Caller& caller, const std::string& mesh,
                             const std::string& name) const {
    if (mesh == "acme" && name == "mine") return view;
    auto it = scoped.find(name);
    if (mesh == "acme" && it != scoped.end()) {
      service::Target target{name, deployer, it->second};
      auto decision = service::decide(operation, caller, mesh, &target, {});
      auto found = view;
      found.name = name;
      if (decision.allowed()) return found;
      if (!decision.hidden()) return Error{Code::denied, decision.reason, "service", false};
    }
    return Error{Code::not_found, "mesh has no such service", "service", false};
  }
};

}  // namespace brig::api::test
