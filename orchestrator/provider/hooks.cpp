#include "provider/hooks.hpp"

#include <nlohmann/json.hpp>

#include "core/log.hpp"
#include "core/text.hpp"
#include "process/process.hpp"

namespace brig::provider {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxAnswer = 1 << 20;

json path_or_null(const std::string& path) {
  return path.empty() ? json() : json(path);
}

process::Command command_of(const store::HookRow& row, const char* verb, const json& input) {
  process::Command command;
  command.program = row.program;
  command.args = {verb};
  command.env = {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                 {"HOME", "/"},
                 {"LANG", "C.UTF-8"}};
  command.input = input.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  command.max_output = kMaxAnswer;
  command.deadline = Deadline::in(Millis{static_cast<Millis::rep>(row.deadline_ms)});
  return command;
}

Error hook_failed(const HookCall& call, const Error& why) {
  return Error{
      why.code == Code::timeout ? Code::timeout : Code::unavailable,
      "the prepare hook of provider " + quoted(call.provider) + " did not do its part: " + why.message,
      "hook", false};
}

}  // namespace

net::Task<Result<std::vector<Extra>>> Hooks::prepare(HookCall call) {
  auto it = settings_.find(call.provider);
  if (it == settings_.end()) co_return std::vector<Extra>{};
  store::HookRow row{call.session, it->second.program.string(),
                     call.project, "asked",
                     "null",       static_cast<std::uint64_t>(it->second.deadline.count())};
  BRIG_CO_CHECK(co_await table_.put(row));

  json input{{"sessionId", call.session.str()},
             {"projectPath", path_or_null(call.project)},
             {"provider", call.provider},
             {"identity", path_or_null(call.identity)}};
  auto command = command_of(row, "prepare", input);
  auto finished = co_await process::run(std::move(command));
  Result<HookAnswer> answer = Error{};
  if (!finished)
    answer = finished.error();
  else if (!finished->ok())
    answer = process::failure("it", *finished);
  else
    answer = parse_answer(finished->output);
  if (!answer) {
    // It has not prepared anything, so there is nothing for it to tidy up.
    BRIG_CO_CHECK(co_await table_.remove(call.session));
    co_return hook_failed(call, answer.error());
  }
  if (answer->cleanup) {
    row.phase = "answered";
    row.cleanup_json = *answer->cleanup;
    BRIG_CO_CHECK(co_await table_.put(std::move(row)));
  } else {
    BRIG_CO_CHECK(co_await table_.remove(call.session));
  }
  co_return std::move(answer->extra);
}

net::Task<Result<void>> Hooks::cleanup(SessionId session) {
  BRIG_CO_TRY(auto row, co_await table_.find(session));
  if (!row) co_return Result<void>();
  auto opaque = json::parse(row->cleanup_json, nullptr, false);
  json input{{"sessionId", session.str()},
             {"projectPath", path_or_null(row->project)},
             {"cleanup", opaque.is_discarded() ? json() : opaque}};
  auto command = command_of(*row, "cleanup", input);
  auto finished = co_await process::run(std::move(command));
  Result<void> done;
  if (!finished)
    done = finished.error();
  else if (!finished->ok())
    done = process::failure(row->program, *finished);
  if (!done) log::warn("a hook's cleanup failed", {{"session", session.str()}, {"error", done.error()}});
  co_return co_await table_.remove(session);
}

}  // namespace brig::provider
