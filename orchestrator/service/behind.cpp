// A mesh as a client of the gateway sees it.
#include <algorithm>

#include "core/text.hpp"
#include "mcp/json.hpp"
#include "service/unit.hpp"

namespace brig::service {
namespace {

constexpr std::size_t kMaxMembers = 64;  // of a call, beside its arguments
constexpr Millis kListWithin{10'000};

}  // namespace

class Manager::Behind final : public mcp::Backends {
 public:
  Behind(Manager& manager, session::Caller caller, std::string mesh)
      : manager_(manager), caller_(std::move(caller)), mesh_(std::move(mesh)) {}

  std::vector<std::string> names() override {
    std::vector<std::string> out;
    for (auto it = manager_.units_.lower_bound({mesh_, ""}); it != manager_.units_.end(); ++it) {
      if (it->first.first != mesh_) break;
      if (has(it->first.second)) out.push_back(it->first.second);
    }
    return out;
  }

  bool has(const std::string& service) override { return server(service).ok(); }

  std::optional<mcp::Initialized> about(const std::string& service) override {
    if (!has(service)) return std::nullopt;
    const auto& unit = *manager_.units_.at({mesh_, service});
    auto said = mcp::Initialized::from(unit.row.server_json);
    if (!said) return std::nullopt;
    if (!unit.instructs) said->instructions.clear();
    said->result.clear();  // nobody needs to know what was left out
    return std::move(*said);
  }

  net::Task<Result<std::vector<mcp::Item>>> list(std::string service, mcp::Listing what) override {
    BRIG_CO_TRY(auto unit, manager_.find(Operation::call, caller_, mesh_, service));
    BRIG_CO_TRY(auto server, manager_.server_for(caller_, *unit));
    if (what != mcp::Listing::tools) {
      auto deadline = Deadline::in(kListWithin);
      co_return co_await server->for_caller().list(what, deadline);
    }
    std::vector<mcp::Item> out;
    for (const auto& tool : unit->tools) out.push_back({tool.name, tool.json});
    co_return out;
  }

  net::Task<Result<mcp::Answer>> request(std::string service, mcp::Call call) override {
    BRIG_CO_TRY(auto unit, manager_.find(Operation::call, caller_, mesh_, service));
    BRIG_CO_CHECK(manager_.rates_.take(Operation::call, caller_, mesh_, manager_.parts_.clock.steady()));
    BRIG_CO_TRY(auto server, manager_.server_for(caller_, *unit));
    if (call.method == "tools/call") {
      // As with a call by the API: what is not listed is not there.
      // Also for servers to whom "Name" is a name: there is one, or the call is not read.
      BRIG_CO_CHECK(mcp::json::members(call.params, kMaxMembers));
      auto name = mcp::json::find_text(call.params, "name").value_or("");
      bool listed =
          std::any_of(unit->tools.begin(), unit->tools.end(), [&](const Tool& t) { return t.name == name; });
      if (!listed)
        co_return Error{Code::not_found, "service " + quoted(service) + " has no tool " + quoted(name),
                        "service: call", false};
    }
    co_return co_await server->call(std::move(call));
  }

  net::Task<Result<void>> notify(std::string service, std::string method, std::string params) override {
    BRIG_CO_TRY(auto server, server(service));
    auto deadline = Deadline::in(kListWithin);
    co_return co_await server->for_caller().notify(std::move(method), std::move(params), deadline);
  }

 private:
  Result<std::shared_ptr<Server>> server(const std::string& service) const {
    BRIG_TRY(auto unit, manager_.find(Operation::call, caller_, mesh_, service));
    return manager_.server_for(caller_, *unit);
  }

  Manager& manager_;
  session::Caller caller_;
  std::string mesh_;
};

Result<std::unique_ptr<mcp::Backends>> Manager::backends(const session::Caller& caller,
                                                         const std::string& mesh) {
  BRIG_CHECK(check_name("mesh", mesh));
  if (!is_of(caller, mesh))
    return Error{Code::not_found, "there is no mesh " + quoted(mesh) + " that you may see; use a token of it",
                 "service", false};
  return std::unique_ptr<mcp::Backends>(std::make_unique<Behind>(*this, caller, mesh));
}

}  // namespace brig::service
