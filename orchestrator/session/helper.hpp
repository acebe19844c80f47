// A process of Brig's own in a sandbox, for as long as somebody here needs it: brig-init as a copier of
// files.
//
// It has the sandbox's rights and no others. It has no log and no number: what it prints waits in memory,
// within the link's window, until it is read, and the process waits with it. A brigd that comes back after a
// kill -9 finds it unrecorded and ends it.
//
// Ownership: whoever started it owns the Helper; destroying it ends the process. The Sandbox keeps the state
// until the process is gone. Threads: the loop's. Failure: as Result; a helper that moves nothing for
// kPatience is `timeout`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/event.hpp"
#include "supervisor/link.hpp"

namespace brig::session {

class Sandbox;

struct HelperState {
  explicit HelperState(net::asio::any_io_executor executor) : changed(std::move(executor)) {}

  // Takes what the process printed; the offset that may be acknowledged.
  std::uint64_t take(supervisor::Stream stream, std::uint64_t offset, std::span<const std::byte> bytes);
  // All of its output has come, and it has ended.
  bool over() const { return exit && output_ended; }

  std::uint32_t id = 0;
  bool input_open = false;
  std::uint64_t received = 0;  // of its output
  std::uint64_t written = 0;   // of its input
  std::vector<std::byte> out;  // not read yet
  std::string errors;          // the beginning of what it complained of
  std::optional<supervisor::Exit> exit;
  bool output_ended = false;
  bool abandoned = false;  // nobody here waits for it any more
  bool lost = false;       // the sandbox is gone
  net::Event changed;
};

class Helper {
 public:
  static constexpr Millis kPatience{60'000};

  Helper(std::shared_ptr<HelperState> state, std::weak_ptr<Sandbox> sandbox)
      : state_(std::move(state)), sandbox_(std::move(sandbox)) {}
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;
  ~Helper();

  // At least one byte; none at the end of its output.
  net::Task<Result<std::vector<std::byte>>> read();
  // Waits while the process does not read; `conflict` once it has ended.
  net::Task<Result<void>> write(std::span<const std::byte> bytes);
  net::Task<Result<void>> end_input();
  // Waits for its end; what it still prints is dropped.
  net::Task<Result<supervisor::Exit>> wait();
  const std::string& errors() const { return state_->errors; }

 private:
  Error gone() const;
  std::shared_ptr<HelperState> state_;
  std::weak_ptr<Sandbox> sandbox_;
};

}  // namespace brig::session
