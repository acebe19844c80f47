#include "core/text.hpp"
#include "docker/errors.hpp"
#include "docker/groups.hpp"
#include "docker/json.hpp"
#include "docker/request.hpp"

namespace brig::docker {
namespace {

const char* condition_of(WaitFor what) {
  switch (what) {
    case WaitFor::next_exit:
      return "next-exit";
    case WaitFor::not_running:
      return "not-running";
    case WaitFor::removed:
      return "removed";
  }
  return "not-running";
}

class RegisteredWait final : public ExitWait {
 public:
  RegisteredWait(Transport& transport, Transfer transfer)
      : transport_(transport), transfer_(std::move(transfer)) {}

  net::Task<Result<Exit>> result(Deadline deadline) override {
    std::string piece;
    while (true) {
      auto more = co_await transfer_->read(piece, deadline);
      if (!more) {
        transport_.note(more.error());
        co_return std::move(more).error();
      }
      if (!*more) break;
      body_ += piece;
      if (body_.size() > 64 * 1024) co_return nonsense("it is too long", "wait for container");
    }
    if (body_.empty()) {
      co_return Error{Code::unavailable, "the Docker engine gave up waiting for the container; inspect it",
                      "docker: wait for container", true};
    }
    auto json = parse(body_, "wait for container");
    if (!json) co_return std::move(json).error();
    if (!at(*json, "StatusCode").is_number_integer())
      co_return nonsense("it has no StatusCode", "wait for container");
    co_return Exit{static_cast<int>(int_at(*json, "StatusCode")),
                   printable(text_at(at(*json, "Error"), "Message"), 1024)};
  }

 private:
  Transport& transport_;
  Transfer transfer_;
  std::string body_;  // a result() that timed out is taken up again by the next
};

}  // namespace

net::Task<Result<std::unique_ptr<ExitWait>>> start_wait(Transport& transport, std::string ref, WaitFor what,
                                                        Deadline deadline) {
  BRIG_CO_CHECK(check_ref("container", ref));
  Call call{"POST", "/containers/" + ref + "/wait?condition=" + condition_of(what),
            "wait for container " + quoted(ref), Deadline::never()};
  call.small = true;
  auto transfer = co_await transport.open(std::move(call), deadline);
  if (!transfer) co_return std::move(transfer).error();
  co_return std::unique_ptr<ExitWait>(
      std::make_unique<RegisteredWait>(transport, std::move(transfer).value()));
}

}  // namespace brig::docker
