// ps, stop, rm.
#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/exit_codes.hpp"
#include "cli/table.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

Colour colour_of(const std::string& state) {
  if (state == "running") return Colour::green;
  if (state == "ended") return Colour::dim;
  return Colour::yellow;
}

std::string state_text(const nlohmann::json& session) {
  std::string state = text_of(session, "state");
  if (state != "ended") return state;
  auto outcome = session.find("outcome");
  std::string how = outcome == session.end() ? "" : outcome_text(*outcome);
  return how.empty() ? state : how;
}

std::string exit_text(const nlohmann::json& session) {
  auto outcome = session.find("outcome");
  if (outcome == session.end() || !outcome->is_object()) return "";
  return std::to_string(outcome_from_json(*outcome).exit_code);
}

Result<int> ps(Context& context, const Arguments& arguments) {
  std::string query = arguments.has("all") ? "&all=1" : "";
  for (const auto& filter : arguments.all("filter")) {
    auto equals = filter.find('=');
    std::string key = filter.substr(0, equals);
    if (equals == std::string::npos || (key != "label" && key != "provider" && key != "state")) {
      return Error{Code::invalid,
                   "--filter " + quoted(filter) +
                       " is not understood; write label=KEY=VALUE, provider=NAME or state=STATE",
                   "cli", false};
    }
    query += "&" + key + "=" + percent_encode(filter.substr(equals + 1));
  }
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
               {state_text(session), colour_of(state)},
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

constexpr PositionalSpec kSessions[] = {
    {.name = "SESSION", .help = "names or ids of sessions", .arity = Arity::some, .complete = "session"},
};

constexpr OptionSpec kPsOptions[] = {
    {.flags = "-a,--all", .help = "ended sessions too"},
    {.flags = "-f,--filter",
     .value = "FILTER",
     .help = "label=KEY=VALUE, provider=NAME or state=STATE; all must match",
     .many = true},
    {.flags = "-q,--quiet", .help = "names alone"},
    kJsonOption,
};
constexpr Example kPsExamples[] = {
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
    .summary = "List sessions.",
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

constexpr CommandSpec kRm = {
    .name = "rm",
    .summary = "Forget ended sessions, their output and what they changed.",
    .positionals = kSessions,
    .options = kRmOptions,
    .examples = kRmExamples,
    .run = rm,
};

}  // namespace brig::cli
