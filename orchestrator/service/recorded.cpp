#include "service/recorded.hpp"

#include <nlohmann/json.hpp>

#include "core/text.hpp"
#include "mcp/json.hpp"
#include "net/to_the_end.hpp"
#include "service/access.hpp"
#include "service/spec.hpp"

namespace brig::service {
namespace {

using nlohmann::json;

constexpr std::size_t kMostNamed = 20;  // tools, in an entry

std::string dumped(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

// A change, on its way.
struct Recorded::Act {
  std::string mesh;
  std::string actor;
  std::string event;  // "service.update"
  json payload;
  bool within = false;  // the mesh is there for the actor
  bool takes = false;   // it only takes something away

  static Act of(const session::Caller& caller, const std::string& mesh, const char* event,
                const std::string& name) {
    return {mesh, caller.owner, event, {{"service", printable(name, 64)}}, is_of(caller, mesh)};
  }
};

// A call under way: written down also if nobody waits for its answer any more, since the server may act on
// it.
class Recorded::Pending {
 public:
  Pending(Recorded& recorded, session::Caller caller, std::string mesh, std::string service, std::string tool)
      : recorded_(recorded),
        caller_(std::move(caller)),
        mesh_(std::move(mesh)),
        service_(std::move(service)),
        tool_(std::move(tool)),
        began_(recorded.clock_.steady()) {}
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;
  ~Pending() {
    if (!over_) over(Error{Code::cancelled, "nobody waits for it any more", "service: call", false});
  }
  void over(const Result<mcp::Answer>& answer) {
    over_ = true;
    recorded_.called(caller_, mesh_, service_, tool_, began_, answer);
  }

 private:
  Recorded& recorded_;
  session::Caller caller_;
  std::string mesh_, service_, tool_;
  SteadyTime began_;
  bool over_ = false;
};

// What goes to and fro between a client of the gateway and a server; only calls of tools are written down.
class Recorded::Behind final : public mcp::Backends {
 public:
  Behind(Recorded& recorded, session::Caller caller, std::string mesh, std::unique_ptr<mcp::Backends> behind)
      : recorded_(recorded), caller_(std::move(caller)), mesh_(std::move(mesh)), behind_(std::move(behind)) {}

  std::vector<std::string> names() override { return behind_->names(); }
  bool has(const std::string& service) override { return behind_->has(service); }
  std::optional<mcp::Initialized> about(const std::string& service) override {
    return behind_->about(service);
  }
  net::Task<Result<std::vector<mcp::Item>>> list(std::string service, mcp::Listing what) override {
    return behind_->list(std::move(service), what);
  }
  net::Task<Result<mcp::Answer>> request(std::string service, mcp::Call call) override {
    if (call.method != "tools/call") {
      co_return co_await behind_->request(std::move(service), std::move(call));
    }
    auto tool = mcp::json::find_text(call.params, "name").value_or("");
    Pending pending(recorded_, caller_, mesh_, service, tool);
    auto answer = co_await behind_->request(service, std::move(call));
    pending.over(answer);
    co_return answer;
  }
  net::Task<Result<void>> notify(std::string service, std::string method, std::string params) override {
    return behind_->notify(std::move(service), std::move(method), std::move(params));
  }

 private:
  Recorded& recorded_;
  session::Caller caller_;
  std::string mesh_;
  std::unique_ptr<mcp::Backends> behind_;
};

net::Task<Result<void>> Recorded::begin(Act act) {
  if (!act.within) co_return Result<void>();
  audit::Deed deed{act.mesh, act.event, act.actor, dumped(act.payload)};
  if (!act.takes) co_return co_await journal_.add(std::move(deed));
  co_await audit::add_or_note(journal_, std::move(deed));
  co_return Result<void>();
}

void Recorded::end(const Act& act, const Error* failure) {
  if (!act.within) return;
  auto payload = act.payload;
  if (failure) payload["error"] = to_string(failure->code);
  journal_.note({act.mesh, act.event + (failure ? ".failed" : ".done"), act.actor, dumped(payload)});
}

template <class T>
net::Task<Result<T>> Recorded::carry_out(Act act, net::Task<Result<T>> work) {
  BRIG_CO_CHECK(co_await begin(act));
  auto done = co_await std::move(work);
  if constexpr (std::is_same_v<T, View>) {
    if (done && done->inside && !done->inside->version.empty())
      act.payload["version"] = printable(done->inside->version, 128);
  }
  end(act, done ? nullptr : &done.error());
  co_return done;
}

// The change goes on though whoever asked goes away, and so does what is to be said of it.
template <class T>
net::Task<Result<T>> Recorded::record(Act act, net::Task<Result<T>> work) {
  auto carried = carry_out<T>(std::move(act), std::move(work));
  co_return co_await net::to_the_end(scope_, std::move(carried));
}

net::Task<void> Recorded::close() {
  co_await scope_.close();
}

Result<void> Recorded::check(const session::Caller& caller, const std::string& mesh, const DeploySpec& spec) {
  return services_.check(caller, mesh, spec);
}

Result<void> Recorded::check_update(const session::Caller& caller, const std::string& mesh,
                                    const std::string& name) {
  return services_.check_update(caller, mesh, name);
}

Millis Recorded::wait_to_deploy(const session::Caller& caller, const std::string& mesh) const {
  return services_.wait_to_deploy(caller, mesh);
}

Millis Recorded::wait_to_call(const session::Caller& caller, const std::string& mesh) const {
  return services_.wait_to_call(caller, mesh);
}

net::Task<Result<std::unique_ptr<Upload>>> Recorded::upload(session::Caller caller, std::string mesh) {
  return services_.upload(std::move(caller), std::move(mesh));
}

net::Task<Result<View>> Recorded::deploy(session::Caller caller, std::string mesh, DeploySpec spec,
                                         Progress progress) {
  auto act = Act::of(caller, mesh, "service.deploy", spec.name);
  if (auto source = source_text(spec.spec); !source.empty()) act.payload["source"] = printable(source, 512);
  if (spec.spec.skill) act.payload["type"] = "skill";
  if (spec.scope) act.payload["scope"] = json::parse(to_json(*spec.scope));
  auto work = services_.deploy(std::move(caller), std::move(mesh), std::move(spec), std::move(progress));
  co_return co_await record(std::move(act), std::move(work));
}

net::Task<Result<View>> Recorded::update(session::Caller caller, std::string mesh, std::string name,
                                         Progress progress) {
  auto act = Act::of(caller, mesh, "service.update", name);
  auto work = services_.update(std::move(caller), std::move(mesh), std::move(name), std::move(progress));
  co_return co_await record(std::move(act), std::move(work));
}

Result<void> Recorded::check_rollback(const session::Caller& caller, const std::string& mesh,
                                      const std::string& name, std::optional<std::uint64_t> number) {
  return services_.check_rollback(caller, mesh, name, number);
}

Result<void> Recorded::check_restart(const session::Caller& caller, const std::string& mesh,
                                     const std::string& name) {
  return services_.check_restart(caller, mesh, name);
}

net::Task<Result<View>> Recorded::rollback(session::Caller caller, std::string mesh, std::string name,
                                           std::optional<std::uint64_t> number, Progress progress) {
  auto act = Act::of(caller, mesh, "service.rollback", name);
  if (number) act.payload["to"] = *number;
  auto work =
      services_.rollback(std::move(caller), std::move(mesh), std::move(name), number, std::move(progress));
  co_return co_await record(std::move(act), std::move(work));
}

net::Task<Result<View>> Recorded::restart(session::Caller caller, std::string mesh, std::string name) {
  auto act = Act::of(caller, mesh, "service.restart", name);
  auto work = services_.restart(std::move(caller), std::move(mesh), std::move(name));
  co_return co_await record(std::move(act), std::move(work));
}

net::Task<Result<View>> Recorded::stop(session::Caller caller, std::string mesh, std::string name) {
  auto act = Act::of(caller, mesh, "service.stop", name);
  act.takes = true;
  auto work = services_.stop(std::move(caller), std::move(mesh), std::move(name));
  co_return co_await record(std::move(act), std::move(work));
}

net::Task<Result<View>> Recorded::pause(session::Caller caller, std::string mesh, std::string name) {
  auto act = Act::of(caller, mesh, "service.pause", name);
  auto work = services_.pause(std::move(caller), std::move(mesh), std::move(name));
  co_return co_await record(std::move(act), std::move(work));
}

net::Task<Result<View>> Recorded::set_scope(session::Caller caller, std::string mesh, std::string name,
                                            Scope scope) {
  auto act = Act::of(caller, mesh, "service.scope", name);
  act.payload["scope"] = json::parse(to_json(scope));
  auto work = services_.set_scope(std::move(caller), std::move(mesh), std::move(name), std::move(scope));
  co_return co_await record(std::move(act), std::move(work));
}

net::Task<Result<void>> Recorded::remove(session::Caller caller, std::string mesh, std::string name) {
  auto act = Act::of(caller, mesh, "service.remove", name);
  act.takes = true;
  auto work = services_.remove(std::move(caller), std::move(mesh), std::move(name));
  co_return co_await record(std::move(act), std::move(work));
}

net::Task<Result<ToolReport>> Recorded::tool_report(session::Caller caller, std::string mesh,
                                                    std::string name) {
  co_return co_await services_.tool_report(std::move(caller), std::move(mesh), std::move(name));
}

net::Task<Result<ToolReport>> Recorded::set_tool_lists(session::Caller caller, std::string mesh,
                                                       std::string name, ToolLists lists) {
  auto act = Act::of(caller, mesh, "tool.lists", name);
  if (check_lists(lists)) act.payload["lists"] = json::parse(to_json(lists));
  auto work = services_.set_tool_lists(std::move(caller), std::move(mesh), std::move(name), std::move(lists));
  co_return co_await record(std::move(act), std::move(work));
}

net::Task<Result<ToolReport>> Recorded::approve_tools(session::Caller caller, std::string mesh,
                                                      std::string name, std::vector<Approval> approvals) {
  auto act = Act::of(caller, mesh, "tool.approve", name);
  auto& tools = act.payload["tools"] = json::object();
  for (const auto& one : approvals) {
    if (tools.size() == kMostNamed) break;
    tools[printable(one.tool, 64)] = printable(one.fingerprint, 16);
  }
  if (approvals.size() > kMostNamed) act.payload["more"] = approvals.size() - kMostNamed;
  auto work =
      services_.approve_tools(std::move(caller), std::move(mesh), std::move(name), std::move(approvals));
  co_return co_await record(std::move(act), std::move(work));
}

Result<std::vector<View>> Recorded::list(const session::Caller& caller, const std::string& mesh) {
  return services_.list(caller, mesh);
}

Result<View> Recorded::get(const session::Caller& caller, const std::string& mesh, const std::string& name) {
  return services_.get(caller, mesh, name);
}

Result<std::vector<Tool>> Recorded::tools(const session::Caller& caller, const std::string& mesh,
                                          const std::string& name) {
  return services_.tools(caller, mesh, name);
}

net::Task<Result<std::vector<BundleFile>>> Recorded::files(session::Caller caller, std::string mesh,
                                                           std::string name) {
  return services_.files(std::move(caller), std::move(mesh), std::move(name));
}

net::Task<Result<std::unique_ptr<FileReader>>> Recorded::open_file(session::Caller caller, std::string mesh,
                                                                   std::string name, std::string path) {
  return services_.open_file(std::move(caller), std::move(mesh), std::move(name), std::move(path));
}

Result<std::vector<LogLine>> Recorded::logs(const session::Caller& caller, const std::string& mesh,
                                            const std::string& name, std::size_t count) {
  return services_.logs(caller, mesh, name, count);
}

Result<std::unique_ptr<LogReader>> Recorded::follow_logs(const session::Caller& caller,
                                                         const std::string& mesh, const std::string& name,
                                                         std::size_t count) {
  return services_.follow_logs(caller, mesh, name, count);
}

void Recorded::called(const session::Caller& caller, const std::string& mesh, const std::string& name,
                      const std::string& tool, SteadyTime began, const Result<mcp::Answer>& answer) {
  if (!is_of(caller, mesh)) return;
  // Who asks too often would push out what others did.
  if (!answer && answer.error().code == Code::rate_limited) return;
  auto took = std::chrono::duration_cast<Millis>(clock_.steady() - began).count();
  // Written by hand: this is in the path of every call.
  std::string payload = "{";
  if (!answer || answer->is_error)
    payload.append("\"error\":")
        .append(mcp::json::literal(answer ? "its server refused" : to_string(answer.error().code)))
        .append(",");
  payload.append("\"ms\":").append(std::to_string(took));
  payload.append(",\"service\":").append(mcp::json::literal(printable(name, 64)));
  if (caller.agent) payload.append(",\"session\":").append(mcp::json::literal(caller.agent->str()));
  payload.append(",\"tool\":").append(mcp::json::literal(printable(tool, 128))).append("}");
  journal_.note({mesh, "tool.called", caller.owner, std::move(payload)});
}

net::Task<Result<mcp::Answer>> Recorded::call(session::Caller caller, std::string mesh, std::string name,
                                              std::string tool, std::string arguments, Deadline deadline) {
  Pending pending(*this, caller, mesh, name, tool);
  auto answer = co_await services_.call(caller, mesh, name, tool, std::move(arguments), deadline);
  pending.over(answer);
  co_return answer;
}

Result<std::unique_ptr<mcp::Backends>> Recorded::backends(const session::Caller& caller,
                                                          const std::string& mesh) {
  BRIG_TRY(auto behind, services_.backends(caller, mesh));
  return std::unique_ptr<mcp::Backends>(std::make_unique<Behind>(*this, caller, mesh, std::move(behind)));
}

}  // namespace brig::service
