#include "session/sandbox.hpp"

#include <utility>

#include "core/log.hpp"
#include "core/random.hpp"

namespace brig::session {
namespace {

constexpr std::size_t kMaxHelpers = 16;  // of the 64 processes that a supervisor looks after
constexpr Millis kStartHelper{15'000};
constexpr Millis kHelperGrace{2'000};

// In the upper half.
std::uint32_t first_helper() {
  unsigned char random[4];
  fill_random(random);
  return 0x80000000u | (random[0] * 0x400000u + random[1] * 0x4000u + random[2] * 0x40u);
}

supervisor::LinkOptions link_options(const Sandbox::Options& options) {
  supervisor::LinkOptions out;
  out.name = options.id.str();
  out.directory = options.paths.link_dir(options.id);
  out.socket_uid = 1000;
  out.state = options.link;
  out.check = options.check;
  return out;
}

}  // namespace

Sandbox::Sandbox(net::asio::any_io_executor executor, Options options, Owner& owner)
    : options_(std::move(options)),
      owner_(owner),
      next_helper_(first_helper()),
      scope_(executor, "sandbox " + options_.id.str()),
      link_(executor, link_options(options_), *this) {}

Sandbox::~Sandbox() = default;

Result<void> Sandbox::start() {
  return link_.start();
}

net::Task<void> Sandbox::close() {
  if (std::exchange(closed_, true)) co_return;
  for (auto& [id, helper] : helpers_) {
    helper->lost = true;
    helper->changed.notify_all();
  }
  co_await scope_.close();
  co_await link_.close();
  for (auto& [number, process] : processes_) {
    process->on_room = nullptr;
    process->wake();  // who waits for input to be taken
  }
}

Result<std::shared_ptr<Process>> Sandbox::add(Process::About about, bool recovered) {
  auto number = about.number;
  BRIG_TRY(auto log, outlog::OutputLog::open(options_.paths.output(options_.id, number), options_.output));
  auto process = std::make_shared<Process>(scope_.executor(), std::move(about), std::move(log));
  process->on_room = [this, number](std::uint64_t offset) { link_.ack(number, offset); };
  processes_[number] = process;
  // Whoever read it through us before the restart gets the time to come back.
  if (recovered) hold(number, process->output_end());
  if (recovered) recovered_.insert(number);
  return process;
}

void Sandbox::drop(std::uint32_t number) {
  processes_.erase(number);
  std::error_code ignored;  // an empty log left behind goes with the session
  std::filesystem::remove_all(options_.paths.output(options_.id, number), ignored);
}

std::shared_ptr<Process> Sandbox::find(std::uint32_t number) const {
  auto it = processes_.find(number);
  return it == processes_.end() ? nullptr : it->second;
}

net::Task<Result<supervisor::SpawnOutcome>> Sandbox::spawn(std::uint32_t number, ProcessSpec spec,
                                                           Deadline deadline) {
  supervisor::ProcessSpec out;
  out.argv = std::move(spec.argv);
  for (auto& variable : spec.env) out.env.emplace_back(std::move(variable.name), std::move(variable.value));
  out.cwd = std::move(spec.cwd);
  if (spec.terminal) out.terminal = supervisor::TerminalSize{spec.terminal->rows, spec.terminal->cols};
  out.stdin_open = spec.stdin_open;
  co_return co_await link_.spawn(number, std::move(out), deadline);
}

net::Task<Result<void>> Sandbox::write_input(std::shared_ptr<Process> process, std::vector<std::byte> bytes) {
  auto self = shared_from_this();
  auto done = std::make_shared<std::optional<Result<void>>>();
  process->promise(bytes.size());
  if (!closed_) scope_.spawn(write_steps(process, std::move(bytes), done));
  while (!*done && !closed_ && !process->outcome()) co_await process->changed().wait();
  if (*done) co_return **done;
  co_return Error{Code::conflict, "the process has ended; it takes no more input", "session", false};
}

net::Task<void> Sandbox::write_steps(std::shared_ptr<Process> process, std::vector<std::byte> bytes,
                                     Done done) {
  auto turn = co_await process->take_input_turn();
  auto number = process->about().number;
  auto at = link_.stdin_offset(number).value_or(process->stdin_offset());
  auto size = bytes.size();
  auto written = co_await link_.write_stdin(number, at, bytes);
  if (written) process->set_stdin_offset(at + size);
  *done = std::move(written);
  process->wake();
}

std::shared_ptr<HelperState> Sandbox::find_helper(std::uint32_t id) const {
  auto it = helpers_.find(id);
  return it == helpers_.end() ? nullptr : it->second;
}

net::Task<Result<std::unique_ptr<Helper>>> Sandbox::start_helper(std::vector<std::string> arguments,
                                                                 bool input) {
  if (helpers_.size() >= kMaxHelpers) {
    co_return Error{Code::exhausted,
                    std::to_string(kMaxHelpers) +
                        " copies are under way in this sandbox already; wait for one of them to end",
                    "session", true};
  }
  auto state = std::make_shared<HelperState>(scope_.executor());
  state->id = next_helper_++;
  state->input_open = input;
  helpers_[state->id] = state;
  auto helper = std::make_unique<Helper>(state, weak_from_this());
  supervisor::ProcessSpec spec;
  spec.argv = std::move(arguments);
  spec.argv.insert(spec.argv.begin(), "/run/brig/init");
  spec.inherit_env = false;
  spec.cwd = "/workspace";
  spec.stdin_open = input;
  auto said = spec;
  auto spawned = co_await link_.spawn(state->id, std::move(spec), Deadline::in(kStartHelper));
  if (!spawned || !spawned->started) helpers_.erase(state->id);
  BRIG_CO_CHECK(spawned);
  if (!spawned->started) {
    co_return Error{Code::unavailable, "nothing can be copied: " + spawned->message(said), "session", true};
  }
  co_return std::unique_ptr<Helper>(std::move(helper));
}

void Sandbox::abandon(std::shared_ptr<HelperState> helper) {
  helper->abandoned = true;
  std::vector<std::byte>().swap(helper->out);
  if (!helpers_.contains(helper->id) || closed_) return;
  if (helper->exit) {
    (void)link_.forget(helper->id);
    helpers_.erase(helper->id);
    return;
  }
  scope_.spawn(end_helper(std::move(helper)));
}

// One that writes files gets the time to take away what is not whole.
net::Task<void> Sandbox::end_helper(std::shared_ptr<HelperState> helper) {
  link_.ack(helper->id, helper->received);
  if (helper->input_open) {
    (void)co_await link_.stdin_eof(helper->id, helper->written);
    auto deadline = Deadline::in(kHelperGrace);
    while (!helper->exit) {
      if (!co_await helper->changed.wait_until(deadline)) break;
    }
  }
  if (!helper->exit) (void)link_.signal(helper->id, 9, supervisor::Target::group);
}

void Sandbox::hold(std::uint32_t number, std::uint64_t offset) {
  auto process = find(number);
  if (!process || process->outcome() || closed_) return;
  process->hold(offset, options_.clock->steady() + Process::kHold);
  if (!std::exchange(watching_holds_, true)) scope_.spawn(watch_holds());
}

net::Task<void> Sandbox::watch_holds() {
  bool any = true;
  while (any) {
    co_await net::sleep_for(Millis(1000));
    any = false;
    for (auto& [number, process] : processes_) any |= process->expire_hold(options_.clock->steady());
  }
  watching_holds_ = false;
}

std::uint64_t Sandbox::output_held(std::uint32_t number) {
  if (auto helper = find_helper(number)) return helper->received;
  auto process = find(number);
  return process ? process->output_end() : 0;
}

void Sandbox::on_connected(std::span<const supervisor::KnownProcess> known) {
  for (const auto& record : known) {
    auto process = find(record.id);
    if (process) {
      if (record.state != supervisor::ProcessState::failed) recovered_.erase(record.id);
      process->set_stdin_offset(record.stdin_received);
      process->set_stdin_consumed(record.stdin_consumed);
      // Given up on in an earlier run of ours, and started all the same.
      bool alive = record.state != supervisor::ProcessState::exited &&
                   record.state != supervisor::ProcessState::failed;
      if (process->outcome() && alive) (void)link_.signal(record.id, 9, supervisor::Target::group);
      continue;
    }
    if (auto helper = find_helper(record.id)) {
      if (helper->abandoned) (void)link_.signal(record.id, 9, supervisor::Target::group);
      continue;
    }
    // Spawned, but the ledger has no word of it: nobody was ever told, so nobody will miss it.
    log::warn("the supervisor knows a process that is not recorded; killing it",
              {{"session", options_.id.str()}, {"process", record.id}});
    (void)link_.signal(record.id, 9, supervisor::Target::group);
  }
  for (auto number : std::exchange(recovered_, {})) {
    if (!find(number)->outcome()) owner_.process_never_ran(options_.id, number);
  }
  owner_.link_changed(options_.id, true);
}

std::uint64_t Sandbox::on_output(std::uint32_t number, supervisor::Stream stream, std::uint64_t offset,
                                 std::span<const std::byte> bytes) {
  if (auto helper = find_helper(number)) return helper->take(stream, offset, bytes);
  auto process = find(number);
  if (!process) return offset + bytes.size();
  touched_.insert(number);
  auto which = stream == supervisor::Stream::err ? Output::Stream::err : Output::Stream::out;
  return process->store(which, offset, options_.clock->wall(), bytes);
}

void Sandbox::on_batch_end() {
  for (auto number : touched_) {
    if (auto process = find(number)) process->wake();
  }
  touched_.clear();
}

void Sandbox::on_gap(std::uint32_t number, std::uint64_t from, std::uint64_t to) {
  if (auto helper = find_helper(number)) helper->lost = true;
  auto process = find(number);
  if (!process) return;
  log::warn("output was lost",
            {{"session", options_.id.str()}, {"process", number}, {"from", from}, {"to", to}});
  process->skip_to(to);
}

void Sandbox::on_exited(std::uint32_t number, supervisor::Exit exit, std::uint64_t) {
  if (auto helper = find_helper(number)) {
    helper->exit = exit;
    helper->changed.notify_all();
    if (!helper->abandoned) return;
    helpers_.erase(number);
    (void)link_.forget(number);
    return;
  }
  auto process = find(number);
  if (process && !process->outcome()) {
    owner_.process_exited(options_.id, number, exit);
    return;
  }
  // Nothing more to learn of it: its end was recorded before a restart of ours, or it never was ours. Its
  // place inside, of which there are 64, is free again.
  (void)link_.forget(number);
}

void Sandbox::on_output_end(std::uint32_t number, std::uint64_t) {
  if (auto helper = find_helper(number)) {
    helper->output_ended = true;
    helper->changed.notify_all();
  }
  if (auto process = find(number)) process->wake();
}

void Sandbox::on_stdin_ack(std::uint32_t number, std::uint64_t offset, bool) {
  if (auto process = find(number)) process->set_stdin_consumed(offset);
}

void Sandbox::on_disconnected(const Error& why) {
  if (why.code == Code::protocol) {
    log::warn("the supervisor broke the protocol", {{"session", options_.id.str()}, {"error", why}});
  }
  owner_.link_changed(options_.id, false);
}

void Sandbox::on_finished() {}

}  // namespace brig::session
