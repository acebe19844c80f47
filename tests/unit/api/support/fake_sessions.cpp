#include "support/fake_sessions.hpp"

#include "core/text.hpp"

namespace brig::api::test {
namespace {

constexpr std::size_t kFloodPiece = 256 * 1024;

class FakeAttachment final : public session::Attachment {
 public:
  explicit FakeAttachment(std::shared_ptr<Script> script) : script_(std::move(script)) {
    ++script_->attached;
  }
  ~FakeAttachment() override {
    --script_->attached;
    script_->changed.notify_all();
  }

  std::uint64_t output_offset() const override { return script_->offset; }
  std::uint64_t stdin_offset() const override { return script_->stdin_offset; }
  bool terminal() const override { return script_->terminal; }
  bool has_pen() const override { return script_->spec.write && !script_->pen_taken; }
  std::string pen_holder() const override { return script_->pen_taken ? "uid:7" : has_pen() ? "uid:0" : ""; }
  bool interrupted() const override { return false; }
  Result<void> take_over() override {
    ++script_->take_overs;
    script_->pen_taken = false;
    script_->spec.write = true;
    Script::Step step;
    step.kind = Script::Step::Kind::pen;
    script_->push(step);
    return {};
  }
  void refuse_input() override {
    ++script_->refusals;
    Script::Step step;
    step.kind = Script::Step::Kind::refused;
    script_->push(step);
  }
  void leave() override { ++script_->goodbyes; }

  net::Task<Result<std::optional<session::AttachEvent>>> next() override {
    auto& s = *script_;
    if (s.flood > 0) {
      if (held_.size() != kFloodPiece) held_.assign(kFloodPiece, 'f');
      auto n = std::min<std::uint64_t>(s.flood, kFloodPiece);
      s.flood -= n;
      co_return output(session::Output::Stream::out, n);
    }
    if (s.steps.empty() && !s.spec.follow) co_return std::optional<session::AttachEvent>();
    while (s.steps.empty()) co_await s.changed.wait();
    auto step = std::move(s.steps.front());
    s.steps.pop_front();
    using Kind = Script::Step::Kind;
    std::optional<session::AttachEvent> out;
    if (step.kind == Kind::error) co_return step.error;
    if (step.kind == Kind::output) {
      held_ = std::move(step.bytes);
      co_return output(step.stream, held_.size());
    }
    if (step.kind == Kind::gap) out = session::Gap{step.a, step.b};
    if (step.kind == Kind::ack) out = session::StdinAccepted{step.a};
    if (step.kind == Kind::pen)
      out = session::PenMoved{has_pen(), pen_holder(), has_pen() ? s.stdin_offset : 0};
    if (step.kind == Kind::refused) out = session::InputRefused{pen_holder()};
    if (step.kind == Kind::end) out = session::Ended{step.outcome};
    co_return out;
  }

  net::Task<Result<void>> write(std::uint64_t offset, std::vector<std::byte> bytes) override {
    auto& s = *script_;
    while (!s.take_input) co_await s.changed.wait();
    if (!s.input_result) co_return s.input_result;
    if (offset > s.stdin_offset) co_return Error{Code::invalid, "input has a hole", "fake", false};
    auto skip = std::min<std::uint64_t>(s.stdin_offset - offset, bytes.size());
    s.input.append(reinterpret_cast<const char*>(bytes.data()) + skip, bytes.size() - skip);
    s.stdin_offset += bytes.size() - skip;
    co_return Result<void>();
  }
  net::Task<Result<void>> close_stdin(std::uint64_t offset) override {
    script_->eof = offset;
    co_return Result<void>();
  }
  net::Task<Result<void>> resize(session::TerminalSize size) override {
    script_->sizes.push_back(size);
    co_return Result<void>();
  }
  net::Task<Result<void>> signal(int number) override {
    script_->signals.push_back(number);
    co_return Result<void>();
  }

 private:
  Result<std::optional<session::AttachEvent>> output(session::Output::Stream stream, std::size_t size) {
    session::Output out{stream, script_->offset, std::as_bytes(std::span(held_)).first(size)};
    script_->offset += size;
    script_->pulled += size;
    return std::optional<session::AttachEvent>(out);
  }

  std::shared_ptr<Script> script_;
  std::string held_;
};

Error unknown(std::string_view ref) {
  return Error{Code::not_found, "there is no session " + brig::quoted(ref), "fake", false};
}

}  // namespace

void Script::push(Step step) {
  steps.push_back(std::move(step));
  changed.notify_all();
}

void Script::print(std::string bytes, session::Output::Stream stream) {
  Step step;
  step.bytes = std::move(bytes);
  step.stream = stream;
  push(std::move(step));
}

void Script::end(session::Outcome outcome) {
  Step step;
  step.kind = Step::Kind::end;
  step.outcome = std::move(outcome);
  push(std::move(step));
}

session::View a_view(std::string id, std::string name) {
  session::View out;
  out.id = SessionId(std::move(id));
  out.name = std::move(name);
  out.owner = "uid:1000";
  out.state = session::State::running;
  out.reason = "the command runs";
  out.provider = "shell";
  out.image = "brig/shell:1";
  out.profile = "default";
  out.runtime = "runc";
  out.policy_hash = std::string(64, 'a');
  out.project = "/srv/app";
  out.container = "brig-x";
  out.labels = {{"team", "blue"}};
  out.created = WallTime{Millis{1'700'000'000'000}};
  out.started = out.created;
  session::ProcessView process;
  process.number = 1;
  process.argv = {"sh", "-c", "echo \xff"};  // not UTF-8, as an argument may be
  process.started = out.created;
  process.output_end = 12;
  out.processes.push_back(process);
  return out;
}

net::Task<Result<session::CheckpointView>> FakeWorkspaces::checkpoint(session::Caller caller, std::string ref,
                                                                      std::string name) {
  BRIG_CO_TRY(auto view, co_await sessions_.get(caller, ref));
  session::CheckpointView made{name, view.created, 4096, 1};
  kept.push_back(made);
  co_return made;
}

net::Task<Result<std::vector<session::CheckpointView>>> FakeWorkspaces::checkpoints(session::Caller caller,
                                                                                    std::string ref) {
  BRIG_CO_TRY(auto view, co_await sessions_.get(caller, ref));
  co_return kept;
}

net::Task<Result<void>> FakeWorkspaces::remove_checkpoint(session::Caller caller, std::string ref,
                                                          std::string name) {
  BRIG_CO_TRY(auto view, co_await sessions_.get(caller, ref));
  if (std::erase_if(kept, [&](const auto& each) { return each.name == name; }) > 0) co_return Result<void>();
  co_return Error{Code::not_found, "no checkpoint", "fake", false};
}

net::Task<Result<session::View>> FakeWorkspaces::restore(session::Caller caller, std::string ref,
                                                         session::RestoreSpec spec) {
  restored = std::move(spec);
  co_return co_await sessions_.get(caller, ref);
}

net::Task<Result<session::View>> FakeWorkspaces::fork(session::Caller caller, std::string ref,
                                                      session::ForkSpec spec) {
  BRIG_CO_TRY(auto view, co_await sessions_.get(caller, ref));
  forked = std::move(spec);
  co_return a_view("00000000000000ee", forked->name.empty() ? "made-up" : forked->name);
}

net::Task<Result<session::View>> FakeWorkspaces::discard(session::Caller caller, std::string ref) {
  discarded = true;
  co_return co_await sessions_.get(caller, ref);
}

net::Task<Result<session::View>> FakeSessions::create(session::Caller who, session::CreateSpec spec) {
  caller = who;
  if (delay > Millis{0}) co_await net::sleep_for(delay);
  auto state = co_await boost::asio::this_coro::cancellation_state;
  if (state.cancelled() != boost::asio::cancellation_type::none) {
    given_up.push_back(spec.name);
    co_await net::sleep_for(Millis{0});  // as any wait does, it throws
  }
  if (failure) co_return *failure;
  created = std::move(spec);
  auto view = a_view("00000000000000ff", created->name.empty() ? "brave-otter" : created->name);
  views[view.id.str()] = view;
  co_return view;
}

net::Task<Result<std::vector<session::View>>> FakeSessions::list(session::Caller who,
                                                                 session::ListFilter wanted) {
  caller = who;
  filter = std::move(wanted);
  if (failure) co_return *failure;
  std::vector<session::View> out;
  for (const auto& [id, view] : views) out.push_back(view);
  co_return out;
}

net::Task<Result<std::vector<session::Usage>>> FakeSessions::usage(session::Caller who,
                                                                   session::ListFilter wanted) {
  caller = who;
  filter = std::move(wanted);
  if (failure) co_return *failure;
  co_return used;
}

net::Task<Result<session::View>> FakeSessions::get(session::Caller who, std::string ref) {
  caller = who;
  if (failure) co_return *failure;
  for (const auto& [id, view] : views)
    if (id == ref || view.name == ref) co_return view;
  co_return unknown(ref);
}

net::Task<Result<session::View>> FakeSessions::stop(session::Caller who, std::string ref, Millis wanted) {
  grace = wanted;
  auto found = co_await get(who, ref);
  if (!found) co_return found;
  auto& view = views[found->id.str()];
  view.state = session::State::ended;
  view.ended = view.created;
  view.outcome = session::Outcome{session::Outcome::Kind::stopped, 0, 15, "asked for"};
  view.processes[0].ended = view.created;
  view.processes[0].outcome = view.outcome;
  co_return view;
}

net::Task<Result<session::View>> FakeSessions::pause(session::Caller who, std::string ref) {
  auto found = co_await get(who, ref);
  if (found) found->state = session::State::paused;
  co_return found;
}

net::Task<Result<session::View>> FakeSessions::resume(session::Caller who, std::string ref) {
  co_return co_await get(who, ref);
}

net::Task<Result<void>> FakeSessions::remove(session::Caller who, std::string ref, bool) {
  auto found = co_await get(who, ref);
  if (!found) co_return found.error();
  views.erase(found->id.str());
  co_return Result<void>();
}

net::Task<Result<session::ProcessView>> FakeSessions::exec(session::Caller who, std::string ref,
                                                           session::ProcessSpec spec) {
  auto found = co_await get(who, ref);
  if (!found) co_return found.error();
  executed = std::move(spec);
  auto process = found->processes[0];
  process.number = 2;
  process.argv = executed->argv;
  co_return process;
}

net::Task<Result<std::unique_ptr<session::Attachment>>> FakeSessions::attach(session::Caller who,
                                                                             std::string ref,
                                                                             session::AttachSpec spec) {
  auto found = co_await get(who, ref);
  if (!found) co_return found.error();
  auto it = scripts.find(spec.process);
  if (it == scripts.end()) co_return Error{Code::not_found, "there is no such process", "fake", false};
  it->second->spec = spec;
  co_return std::unique_ptr<session::Attachment>(std::make_unique<FakeAttachment>(it->second));
}

net::Task<Result<void>> FakeSessions::signal(session::Caller who, std::string ref, std::uint32_t,
                                             int number) {
  auto found = co_await get(who, ref);
  if (!found) co_return found.error();
  signalled = number;
  co_return Result<void>();
}

}  // namespace brig::api::test
