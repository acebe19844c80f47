#include "session/helper.hpp"

#include "core/units.hpp"
#include "session/sandbox.hpp"

namespace brig::session {
namespace {

constexpr std::size_t kMaxErrors = 16 * 1024;

Error no_progress() {
  return {Code::timeout,
          "nothing has moved in the sandbox for " + format_duration(Helper::kPatience) +
              "; is it paused, or out of processor time?",
          "session: copy", true};
}

}  // namespace

std::uint64_t HelperState::take(supervisor::Stream stream, std::uint64_t offset,
                                std::span<const std::byte> bytes) {
  received = offset + bytes.size();
  if (!abandoned && stream == supervisor::Stream::out) out.insert(out.end(), bytes.begin(), bytes.end());
  if (stream == supervisor::Stream::err && errors.size() < kMaxErrors)
    errors.append(reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), kMaxErrors));
  changed.notify_all();
  // It is all here: the acknowledgement only says how much more may come.
  return received - out.size();
}

Helper::~Helper() {
  if (auto sandbox = sandbox_.lock()) sandbox->abandon(state_);
}

Error Helper::gone() const {
  return {Code::conflict, "the sandbox ended meanwhile", "session: copy", false};
}

net::Task<Result<std::vector<std::byte>>> Helper::read() {
  auto state = state_;
  while (state->out.empty()) {
    if (state->output_ended) co_return std::vector<std::byte>();
    if (state->lost) co_return gone();
    if (!co_await state->changed.wait_until(Deadline::in(kPatience))) co_return no_progress();
  }
  auto bytes = std::move(state->out);
  state->out.clear();
  if (auto sandbox = sandbox_.lock()) sandbox->link().ack(state->id, state->received);
  co_return bytes;
}

net::Task<Result<void>> Helper::write(std::span<const std::byte> bytes) {
  auto state = state_;
  auto sandbox = sandbox_.lock();
  if (!sandbox || state->lost) co_return gone();
  if (state->exit) co_return Error{Code::conflict, "it takes no more", "session: copy", false};
  auto at = state->written;
  state->written += bytes.size();
  auto writing = sandbox->link().write_stdin(state->id, at, bytes);
  auto done = co_await net::with_deadline(std::move(writing), Deadline::in(kPatience), "writing");
  if (!done && done.error().code == Code::timeout) co_return no_progress();
  co_return done;
}

net::Task<Result<void>> Helper::end_input() {
  auto sandbox = sandbox_.lock();
  if (!sandbox || state_->lost) co_return gone();
  if (state_->exit) co_return Result<void>();
  state_->input_open = false;
  co_return co_await sandbox->link().stdin_eof(state_->id, state_->written);
}

net::Task<Result<supervisor::Exit>> Helper::wait() {
  auto state = state_;
  while (!state->over()) {
    if (state->lost) co_return gone();
    if (!state->out.empty()) {
      BRIG_CO_TRY(auto dropped, co_await read());
      continue;
    }
    if (!co_await state->changed.wait_until(Deadline::in(kPatience))) co_return no_progress();
  }
  co_return *state->exit;
}

}  // namespace brig::session
