// ps, stop, pause, resume, rm.
#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/commands/session_text.hpp"
#include "cli/exit_codes.hpp"
#include "cli/table.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

// The processes of one session.
Result<int> processes(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto session, client->call("GET", session_path(arguments.positionals()[0])));
  if (arguments.json()) {
    print_json(list_of(session, "processes"));
    return 0;
  }
  print(process_table(session, arguments.has("all")).text(context.out()));
  return 0;
}

Result<std::string> filters_of(const Arguments& arguments) {
  constexpr std::string_view kKeys[] = {"label", "provider", "state", "mesh", "owner"};
  std::string query = arguments.has("all") ? "&all=1" : "";
  for (const char* key : {"state", "mesh"}) {
    if (auto value = arguments.get(key)) query += std::string("&") + key + "=" + percent_encode(*value);
  }
  for (const auto& filter : arguments.all("filter")) {
    auto equals = filter.find('=');
    std::string key = filter.substr(0, equals);
    if (equals == std::string::npos ||
        std::find(std::begin(kKeys), std::end(kKeys), key) == std::end(kKeys)) {
      return Error{Code::invalid,
                   "--filter " + quoted(filter) + " is not understood" + did_you_mean(key, kKeys) +
                       "; write label=KEY=VALUE, provider=NAME, state=STATE, mesh=MESH or owner=OWNER",
                   "cli", false};
    }
    query += "&" + key + "=" + percent_encode(filter.substr(equals + 1));
  }
  return query;
}

Result<int> ps(Context& context, const Arguments& arguments) {
  if (!arguments.positionals().empty()) return processes(context, arguments);
  BRIG_TRY(auto query, filters_of(arguments));
  if (!query.empty()) query[0] = '?';
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", "/v1/sessions" + query));
  const auto& sessions = list_of(answer, "sessions");
  if (arguments.json()) {
    print_json(sessions);
    return 0;
  }
  if (arguments.has("quiet")) {
    for (const auto& session : sessions) print(printable(text_of(session, "name")) + "\n");
    return 0;
  }
  Table table({"NAME", "ID", "PROVIDER", "PROFILE", "STATE", "EXIT", "AGE", "PROJECT", "REASON"});
  for (const auto& session : sessions) {
    if (!session.is_object()) continue;
    std::string state = text_of(session, "state");
    table.add({{text_of(session, "name"), Colour::bold},
               text_of(session, "id"),
               text_of(session, "provider"),
               text_of(session, "profile"),
               {state_text(session), state_colour(state)},
               exit_text(session),
               age(text_of(session, "created")),
               text_of(session, "project"),
               text_of(session, "reason")});
  }
  print(table.text(context.out()));
  return 0;
}

// Does `one` for every session named; goes on after a failure, and exits with the first.
template <class Action>
Result<int> for_each_session(const Arguments& arguments, Action one) {
  int code = 0;
  for (const auto& ref : arguments.positionals()) {
    Result<void> done = one(ref);
    if (done) {
      if (!arguments.json()) print(printable(ref) + "\n");
      continue;
    }
    say_error(done.error().message);
    if (code == 0) code = exit_code(done.error().code);
    // Without a daemon the others would fail alike.
    if (done.error().code == Code::unavailable && done.error().where != "api") break;
  }
  return code;
}

Result<int> stop(Context& context, const Arguments& arguments) {
  BRIG_TRY(auto grace, arguments.duration("grace"));
  if (grace && *grace > std::chrono::minutes(10)) {
    return Error{Code::invalid, "--grace is at most 10m; use 'brig rm --force' to end it at once", "cli",
                 false};
  }
  BRIG_TRY(Client * client, context.client());
  auto stopped = nlohmann::json::array();
  auto code = for_each_session(arguments, [&](const std::string& ref) -> Result<void> {
    nlohmann::json body = nlohmann::json::object();
    if (grace) body["grace_ms"] = grace->count();
    auto limit = grace.value_or(Millis{10'000}) + std::chrono::minutes(1);
    BRIG_TRY(auto session, client->call("POST", session_path(ref) + "/stop", body, limit));
    stopped.push_back(std::move(session));
    return {};
  });
  if (arguments.json()) print_json(stopped);
  return code;
}

Result<int> rm(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  auto removed = nlohmann::json::array();
  auto code = for_each_session(arguments, [&](const std::string& ref) -> Result<void> {
    std::string query = arguments.has("force") ? "?force=1" : "";
    BRIG_TRY(auto nothing,
             client->call("DELETE", session_path(ref) + query, nullptr, std::chrono::minutes(2)));
    removed.push_back(ref);
    return {};
  });
  if (arguments.json()) print_json(removed);
  return code;
}

// POSTs to each session's `what`, and prints its name once it is so.
Result<int> each_to(Context& context, const Arguments& arguments, const char* what) {
  BRIG_TRY(Client * client, context.client());
  auto changed = nlohmann::json::array();
  auto code = for_each_session(arguments, [&](const std::string& ref) -> Result<void> {
    BRIG_TRY(auto session, client->call("POST", session_path(ref) + "/" + what));
    changed.push_back(std::move(session));
    return {};
  });
  if (arguments.json()) print_json(changed);
  return code;
}

Result<int> pause(Context& context, const Arguments& arguments) {
  return each_to(context, arguments, "pause");
}

Result<int> resume(Context& context, const Arguments& arguments) {
  return each_to(context, arguments, "resume");
}

constexpr PositionalSpec kSessions[] = {
    {.name = "SESSION", .help = "names or ids of sessions", .arity = Arity::some, .complete = "session"},
};

constexpr PositionalSpec kOneSession[] = {
    {.name = "SESSION",
     .help = "list the processes in this one",
     .arity = Arity::optional,
     .complete = "session"},
};
constexpr OptionSpec kPsOptions[] = {
    {.flags = "-a,--all", .help = "ended ones too"},
    {.flags = "-s,--state",
     .value = "STATE",
     .help = "preparing, starting, running, paused, ending or ended",
     .complete = "preparing|starting|running|paused|ending|ended"},
    {.flags = "--mesh", .value = "MESH", .help = "of this mesh"},
    {.flags = "-f,--filter",
     .value = "FILTER",
     .help = "label=KEY=VALUE, provider=NAME, state=STATE, mesh=MESH or owner=OWNER; all must match",
     .many = true},
    {.flags = "-q,--quiet", .help = "names alone"},
    kJsonOption,
};
constexpr Example kPsExamples[] = {
    {"brig ps fix", "the processes in one session"},
    {"brig ps -a", "everything that has not been removed"},
    {"brig ps --filter label=team=web --json | jq -r '.[].name'", "for scripts"},
};
constexpr OptionSpec kStopOptions[] = {
    {.flags = "--grace",
     .value = "DURATION",
     .help = "how long they may take to end by themselves (default 10s)"},
    kJsonOption,
};
constexpr Example kStopExamples[] = {
    {"brig stop fix", "asks, and after ten seconds kills"},
    {"brig stop --grace 1m $(brig ps -q)", "everything, patiently"},
};
constexpr OptionSpec kJson[] = {kJsonOption};
constexpr Example kPauseExamples[] = {{"brig pause fix", "nothing in it runs until 'brig resume fix'"}};
constexpr Example kResumeExamples[] = {
    {"brig resume $(brig ps -q --state paused)", "everything that was paused"}};
constexpr OptionSpec kRmOptions[] = {
    {.flags = "-f,--force", .help = "stop it first if it still runs"},
    kJsonOption,
};
constexpr Example kRmExamples[] = {
    {"brig rm fix", "forgets an ended session and what it changed in its workspace"},
    {"brig rm --force fix", "whatever state it is in"},
};

}  // namespace

constexpr CommandSpec kPs = {
    .name = "ps",
    .summary = "List sessions, or the processes in one.",
    .positionals = kOneSession,
    .options = kPsOptions,
    .examples = kPsExamples,
    .run = ps,
};

constexpr CommandSpec kStop = {
    .name = "stop",
    .summary = "End sessions: SIGTERM to everything inside, SIGKILL to what is left after the grace.",
    .positionals = kSessions,
    .options = kStopOptions,
    .examples = kStopExamples,
    .run = stop,
};

constexpr CommandSpec kPause = {
    .name = "pause",
    .summary = "Freeze everything in running sessions; nothing is lost.",
    .description = "Their time to live runs on meanwhile, their idle time stands still.",
    .positionals = kSessions,
    .options = kJson,
    .examples = kPauseExamples,
    .run = pause,
};

constexpr CommandSpec kResume = {
    .name = "resume",
    .summary = "Let paused sessions go on.",
    .positionals = kSessions,
    .options = kJson,
    .examples = kResumeExamples,
    .run = resume,
};

constexpr CommandSpec kRm = {
    .name = "rm",
    .summary = "Forget ended sessions, their output and what they changed.",
    .positionals = kSessions,
    .options = kRmOptions,
    .examples = kRmExamples,
    .run = rm,
};

}  // namespace brig::cli
