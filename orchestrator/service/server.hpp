// A server that runs: process 1 of a sandbox, and brigd as its client.
//
// Its standard output is read all the time, line by line, and held back where we do not keep up; what is no
// message there and all of its standard error are log lines. When it ends, every call gets the reason.
//
// It can be put to sleep; whatever is said to it then wakes it first.
//
// Ownership: owns attachment and client; borrows hosting, log and gateway, which outlive it. close() before
// destroying it: the sandbox runs on. Threads: the loop's. Failure: as Result.
#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "mcp/gateway/gateway.hpp"
#include "net/event.hpp"
#include "service/log_ring.hpp"
#include "session/hosting.hpp"

namespace brig::service {

class Server final : private mcp::Pipe, private mcp::ClientObserver {
 public:
  struct About {
    std::string mesh;
    std::string name;
    SessionId session;
    bool again = false;  // another brigd has spoken to it before
  };
  Server(net::asio::any_io_executor executor, About about, session::Hosting& hosting,
         std::unique_ptr<session::Attachment> attachment, LogRing& log, const Clock& clock,
         mcp::Gateway& gateway);
  ~Server() override;

  void start() { client_.start(); }
  net::Task<void> close();

  mcp::Client& client() { return client_; }
  // Likewise, in the name of somebody who uses it.
  mcp::Client& for_caller() {
    used_ = clock_.steady();
    return client_;
  }
  // For a caller, who may be asked back.
  net::Task<Result<mcp::Answer>> call(mcp::Call call);
  // Refuses calls from now on.
  void take_no_more() { takes_no_more_ = true; }
  // Until no call is in flight, or the deadline.
  net::Task<void> until_idle(Deadline deadline);
  // Stops its time. `conflict` while somebody waits for its answer.
  net::Task<Result<void>> sleep();
  bool asleep() const { return asleep_; }
  Millis unused_for() const;
  const SessionId& session() const { return about_.session; }
  WallTime started() const { return started_; }
  // Why it ended; none while it runs.
  const std::optional<Error>& ended() const { return ended_; }
  // Told when it ends, when it says that its tools have changed, and when it falls asleep or wakes.
  net::Event& changed() { return changed_; }
  bool tools_changed() const { return tools_changed_; }
  bool take_tools_changed() { return std::exchange(tools_changed_, false); }
  void ask_again() { tools_changed_ = true; }

 private:
  net::Task<Result<bool>> ready() override;
  net::Task<Result<void>> send(std::string lines) override;
  net::Task<Result<mcp::Line>> receive() override;
  net::Task<Result<void>> wake();
  net::Task<mcp::Answer> on_request(std::string method, std::string params) override;
  void on_notification(const std::string& method, const std::string& params) override;
  void on_log(std::string line) override;
  void on_fault(std::string what) override;
  void on_stray_answer(const std::string& id, const mcp::Answer& answer) override;
  void on_ended(const Error& why) override;
  void take(const session::Output& output);
  void say(std::string_view text) { log_.add(clock_.wall(), text); }

  About about_;
  session::Hosting& hosting_;
  std::unique_ptr<session::Attachment> attachment_;
  LogRing& log_;
  const Clock& clock_;
  WallTime started_;
  net::Event changed_;
  mcp::LineSplitter out_;
  mcp::LineSplitter err_{LogRing::kMaxText};
  std::deque<mcp::Line> lines_;
  std::uint64_t written_;
  bool broken_line_;  // what went before may have been cut off in the middle of a line
  mcp::Gateway& gateway_;
  std::size_t calls_ = 0;  // of callers, in flight
  net::Event idle_;
  bool takes_no_more_ = false;
  SteadyTime used_;
  bool asleep_ = false;
  bool falling_asleep_ = false;
  bool writing_ = false;
  std::optional<Error> ended_;
  bool tools_changed_ = false;
  mcp::Client client_;
};

}  // namespace brig::service
