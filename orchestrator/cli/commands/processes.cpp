// attach, exec, logs.
#include <unistd.h>

#include "cli/commands/brigd_log.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

struct Target {
  std::string name;
  std::uint32_t number = 1;
  nlohmann::json process;
};

// The session's process that --process names.
Result<Target> find_process(Client& client, const Arguments& arguments) {
  Target out;
  BRIG_TRY(auto number, arguments.number("process", 0xFFFFFFFFu));
  out.number = static_cast<std::uint32_t>(number.value_or(1));
  const std::string& ref = arguments.positionals()[0];
  BRIG_TRY(auto session, client.call("GET", session_path(ref)));
  out.name = text_of(session, "name");
  if (out.name.empty()) out.name = ref;
  for (const auto& process : list_of(session, "processes")) {
    auto n = process.is_object() ? process.find("number") : process.end();
    if (process.is_object() && n != process.end() && n->is_number_unsigned() &&
        n->get<std::uint64_t>() == out.number) {
      out.process = process;
      return out;
    }
  }
  return Error{Code::not_found,
               "session " + quoted(ref) + " has no process " + std::to_string(out.number) +
                   "; 'brig ps --json' lists them",
               "cli", false};
}

Result<int> attach_command(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto keys, detach_keys_of(arguments));
  std::string from = arguments.get("from", "start");
  if (from != "start" && from != "end") {
    return Error{Code::invalid, "--from is start or end, not " + quoted(from), "cli", false};
  }
  BRIG_TRY(Target target, find_process(*client, arguments));
  auto terminal = target.process.find("terminal");
  bool has_terminal = terminal != target.process.end() && terminal->is_boolean() && terminal->get<bool>();
  AttachRequest request;
  request.session = arguments.positionals()[0];
  request.process = target.number;
  request.from = from;
  request.write = !arguments.has("read-only");
  request.watch = arguments.has("watch");
  request.take_over = arguments.has("take-over");
  if (request.watch + request.take_over + !request.write > 1) {
    return Error{Code::invalid, "--watch, --take-over and --read-only exclude each other; say one", "cli",
                 false};
  }
  request.terminal = request.write && has_terminal && ::isatty(STDIN_FILENO) && ::isatty(STDOUT_FILENO);
  if (request.watch && !request.terminal) request.read_stdin = false;
  if (request.terminal) {
    auto egress = client->call("GET", session_path(request.session) + "/egress");
    request.answer_questions =
        egress && egress->is_object() && egress->value("ask", nlohmann::json()) == true;
  }
  request.detach_keys = std::move(keys);
  return attach_and_exit(context, std::move(request), target.name);
}

Result<int> exec(Context& context, const Arguments& arguments) {
  bool detach = arguments.has("detach");
  if (arguments.rest().empty()) {
    return Error{Code::invalid,
                 "'brig exec' needs a command after '--', as in: brig exec " +
                     printable(arguments.positionals()[0]) + " -- ls -l",
                 "usage", false};
  }
  if (arguments.json() && !detach) {
    return Error{Code::invalid, "--json prints the process, so it needs --detach", "cli", false};
  }
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto keys, detach_keys_of(arguments));
  BRIG_TRY(Console console, console_of(arguments));
  BRIG_TRY(auto env, environment_of(context, arguments));
  bool read_stdin = !arguments.has("no-stdin") && !detach;
  nlohmann::json body = {{"argv", arguments.rest()}};
  if (!env.empty()) body["env"] = std::move(env);
  if (auto cwd = arguments.get("workdir")) body["cwd"] = *cwd;
  if (!console.size.is_null()) body["terminal"] = console.size;
  if (read_stdin) body["stdin_open"] = true;
  const std::string& ref = arguments.positionals()[0];
  BRIG_TRY(auto process, client->call("POST", session_path(ref) + "/exec", body));
  auto number = process.is_object() ? process.find("number") : process.end();
  if (!process.is_object() || number == process.end() || !number->is_number_unsigned()) {
    return Error{Code::protocol, "brigd's answer names no process", "cli", false};
  }
  if (detach) {
    if (arguments.json())
      print_json(process);
    else
      print(std::to_string(number->get<std::uint32_t>()) + "\n");
    return 0;
  }
  AttachRequest request;
  request.session = ref;
  request.process = number->get<std::uint32_t>();
  request.from = "0";
  request.terminal = console.raw && read_stdin;
  request.read_stdin = read_stdin;
  request.signal_when_unread = true;
  request.started_by_us = true;
  request.detach_keys = std::move(keys);
  return attach_and_exit(context, std::move(request), ref);
}

Result<int> log_lines(Client& client, const Arguments& arguments, const Target& target) {
  std::string path = session_path(arguments.positionals()[0]) +
                     "/logs?format=ndjson&process=" + std::to_string(target.number) +
                     (arguments.has("follow") ? "&follow=1" : "");
  BRIG_CHECK(client.stream("GET", path, nullptr, [](std::string_view part) {
    print(part);
    return flush_output().ok();
  }));
  return 0;
}

Result<int> logs(Context& context, const Arguments& arguments) {
  bool of_session = !arguments.positionals().empty();
  if (of_session == arguments.has("service"))
    return Error{Code::invalid,
                 of_session ? "--service is for brigd's own log, without a session"
                            : "name a session, or say --service for brigd's own log",
                 "usage", false};
  for (const char* other : {"from-end", "process"})
    if (!of_session && arguments.has(other))
      return Error{Code::invalid, "--" + std::string(other) + " is for a session's log", "usage", false};
  if (!of_session) return brigd_log(context, arguments);
  if (arguments.has("last")) return Error{Code::invalid, "--last goes with --service", "usage", false};
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(Target target, find_process(*client, arguments));
  if (arguments.json()) return log_lines(*client, arguments, target);
  AttachRequest request;
  request.session = arguments.positionals()[0];
  request.process = target.number;
  request.from = arguments.has("from-end") ? "end" : "start";
  request.write = false;
  if (!arguments.has("follow")) {
    auto end = target.process.find("output_end");
    request.until = end != target.process.end() && end->is_number_unsigned() ? end->get<std::uint64_t>() : 0;
    if (*request.until == 0) return 0;
  }
  request.tell_outcome = false;
  return attach_and_exit(context, std::move(request), target.name);
}

constexpr PositionalSpec kSession[] = {
    {.name = "SESSION", .help = "name or id of a session", .complete = "session"},
};
constexpr OptionSpec kProcessOption = {
    .flags = "--process", .value = "N", .help = "which process (default 1, the provider's command)"};

constexpr OptionSpec kAttachOptions[] = {
    {.flags = "--watch", .help = "look on while another writes; ctrl-p ctrl-t takes over, ctrl-c leaves"},
    {.flags = "--take-over", .help = "write from now on, whoever did before; they watch then"},
    {.flags = "--read-only", .help = "only look, and never take over: needs no more than the role viewer"},
    {.flags = "--from",
     .value = "start|end",
     .help = "show what was printed before, or only what is new (default start)",
     .complete = "start|end"},
    kProcessOption,
    kDetachKeysOption,
};
constexpr Example kAttachExamples[] = {
    {"brig attach fix", "come back to a session; ctrl-p ctrl-q leaves it running"},
    {"brig attach --watch --from end fix", "look over its shoulder"},
    {"brig attach --take-over fix", "and then write to it"},
};

constexpr OptionSpec kExecOptions[] = {
    {.flags = "-i,--interactive", .help = "pass on standard input; it is anyway"},
    {.flags = "-n,--no-stdin", .help = "leave standard input alone"},
    kTerminalOption,
    kNoTerminalOption,
    kEnvOption,
    {.flags = "-w,--workdir", .value = "DIR", .help = "directory inside (default /workspace)"},
    {.flags = "-d,--detach", .help = "start it, print its number and leave"},
    kDetachKeysOption,
    {.flags = "--json", .help = "with --detach: print the process as JSON"},
};
constexpr Example kExecExamples[] = {
    {"brig exec fix -- git status", "another process in a running session"},
    {"brig exec -it fix -- sh", "a shell beside the agent"},
};

constexpr PositionalSpec kLogsOf[] = {
    {.name = "SESSION", .help = "name or id of a session", .arity = Arity::optional, .complete = "session"},
};
constexpr OptionSpec kLogsOptions[] = {
    {.flags = "-f,--follow", .help = "go on until the process ends; with --service, until interrupted"},
    {.flags = "--from-end", .help = "with --follow: only what is new"},
    kProcessOption,
    {.flags = "--service", .help = "what brigd itself wrote, instead of a session"},
    {.flags = "-n,--last", .value = "LINES", .help = "with --service: so many lines (default 100)"},
    {.flags = "--json", .help = "a line of JSON per piece, with stream and offset; or per line of brigd's"},
};
constexpr Example kLogsExamples[] = {
    {"brig logs fix", "what the agent has printed"},
    {"brig logs -f fix 2>errors", "as it comes, standard error apart"},
    {"brig logs --service -f -n 20", "brigd's own log: from the journal, or the file it writes to"},
};

}  // namespace

constexpr CommandSpec kAttach = {
    .name = "attach",
    .summary = "Attach to a session's process: see its output, type to it.",
    .description =
        "Several may be attached at once: one has the pen and writes, the others watch. The pen is yours if "
        "nobody "
        "has it; else you watch until you take it over, with --take-over or ctrl-p ctrl-t, and whoever had "
        "it "
        "is told and watches. It stays yours over a lost connection.\n"
        "brig exits with the process's exit code.",
    .positionals = kSession,
    .options = kAttachOptions,
    .examples = kAttachExamples,
    .run = attach_command,
};

constexpr CommandSpec kExec = {
    .name = "exec",
    .summary = "Run another command in a running session.",
    .positionals = kSession,
    .options = kExecOptions,
    .rest = "CMD",
    .rest_help = "the command and its arguments",
    .examples = kExecExamples,
    .run = exec,
};

constexpr CommandSpec kLogs = {
    .name = "logs",
    .summary = "Print what a session's process has printed, or brigd's own log.",
    .positionals = kLogsOf,
    .options = kLogsOptions,
    .examples = kLogsExamples,
    .run = logs,
};

}  // namespace brig::cli
