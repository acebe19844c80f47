// Services whose doing is written down: who meant to do what before it is done, and what came of it after.
//
// A change that cannot be written down is not made, unless it only takes something away. Calls are noted when
// they are over, by the tool's name and whether it answered; never what was asked or said. Also what somebody
// was not let do is in it; what people of other meshes try is not: for them there is none.
//
// Ownership: borrows the services and the journal. Threads: the loop's. Failure: as Result.
#pragma once

#include "audit/journal.hpp"
#include "core/clock.hpp"
#include "net/scope.hpp"
#include "service/services.hpp"

namespace brig::service {

class Recorded final : public Services {
 public:
  Recorded(net::asio::any_io_executor executor, Services& services, audit::Journal& journal,
           const Clock& clock)
      : services_(services), journal_(journal), clock_(clock), scope_(executor, "recorded") {}
  // Before the services and the journal.
  net::Task<void> close();

  Result<void> check(const session::Caller& caller, const std::string& mesh, const DeploySpec& spec) override;
  Result<void> check_update(const session::Caller& caller, const std::string& mesh,
                            const std::string& name) override;
  Millis wait_to_deploy(const session::Caller& caller, const std::string& mesh) const override;
  Millis wait_to_call(const session::Caller& caller, const std::string& mesh) const override;
  net::Task<Result<std::unique_ptr<Upload>>> upload(session::Caller caller, std::string mesh) override;
  net::Task<Result<View>> deploy(session::Caller caller, std::string mesh, DeploySpec spec,
                                 Progress progress) override;
  net::Task<Result<View>> update(session::Caller caller, std::string mesh, std::string name,
                                 Progress progress) override;
  Result<void> check_rollback(const session::Caller& caller, const std::string& mesh, const std::string& name,
                              std::optional<std::uint64_t> number) override;
  Result<void> check_restart(const session::Caller& caller, const std::string& mesh,
                             const std::string& name) override;
  net::Task<Result<View>> rollback(session::Caller caller, std::string mesh, std::string name,
                                   std::optional<std::uint64_t> number, Progress progress) override;
  net::Task<Result<View>> restart(session::Caller caller, std::string mesh, std::string name) override;
  net::Task<Result<View>> stop(session::Caller caller, std::string mesh, std::string name) override;
  net::Task<Result<View>> pause(session::Caller caller, std::string mesh, std::string name) override;
  net::Task<Result<View>> set_scope(session::Caller caller, std::string mesh, std::string name,
                                    Scope scope) override;
  net::Task<Result<void>> remove(session::Caller caller, std::string mesh, std::string name) override;
  Result<std::vector<View>> list(const session::Caller& caller, const std::string& mesh) override;
  Result<View> get(const session::Caller& caller, const std::string& mesh, const std::string& name) override;
  Result<std::vector<Tool>> tools(const session::Caller& caller, const std::string& mesh,
                                  const std::string& name) override;
  net::Task<Result<ToolReport>> tool_report(session::Caller caller, std::string mesh,
                                            std::string name) override;
  net::Task<Result<ToolReport>> set_tool_lists(session::Caller caller, std::string mesh, std::string name,
                                               ToolLists lists) override;
  net::Task<Result<ToolReport>> approve_tools(session::Caller caller, std::string mesh, std::string name,
                                              std::vector<Approval> approvals) override;
  net::Task<Result<std::vector<BundleFile>>> files(session::Caller caller, std::string mesh,
                                                   std::string name) override;
  net::Task<Result<std::unique_ptr<FileReader>>> open_file(session::Caller caller, std::string mesh,
                                                           std::string name, std::string path) override;
  Result<std::vector<LogLine>> logs(const session::Caller& caller, const std::string& mesh,
                                    const std::string& name, std::size_t count) override;
  Result<std::unique_ptr<LogReader>> follow_logs(const session::Caller& caller, const std::string& mesh,
                                                 const std::string& name, std::size_t count) override;
  net::Task<Result<mcp::Answer>> call(session::Caller caller, std::string mesh, std::string name,
                                      std::string tool, std::string arguments, Deadline deadline) override;
  Result<std::unique_ptr<mcp::Backends>> backends(const session::Caller& caller,
                                                  const std::string& mesh) override;

 private:
  class Behind;
  class Pending;
  struct Act;
  net::Task<Result<void>> begin(Act act);
  void end(const Act& act, const Error* failure);
  template <class T>
  net::Task<Result<T>> carry_out(Act act, net::Task<Result<T>> work);
  template <class T>
  net::Task<Result<T>> record(Act act, net::Task<Result<T>> work);
  void called(const session::Caller& caller, const std::string& mesh, const std::string& name,
              const std::string& tool, SteadyTime began, const Result<mcp::Answer>& answer);

  Services& services_;
  audit::Journal& journal_;
  const Clock& clock_;
  net::Scope scope_;
};

}  // namespace brig::service
