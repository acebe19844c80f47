#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "cli/commands/build.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/commands/mounts.hpp"
#include "cli/exit_codes.hpp"
#include "cli/progress.hpp"
#include "cli/signals.hpp"
#include "core/random.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

// Starting waits for the engine; what takes longer than this has no end.
constexpr Millis kCreateLimit = std::chrono::minutes(5);
constexpr Millis kCloneLimit = std::chrono::minutes(20);

// KEY@HOST, then NAME=VALUE pairs. Without a place it is the commonest: Authorization: Bearer.
Result<nlohmann::json> credential_of(const std::string& given) {
  auto refuse = [&](const std::string& why) {
    return Error{Code::invalid,
                 "--credential " + quoted(given, 200) + " " + why +
                     "; write KEY@HOST, then for instance ,header=x-api-key",
                 "cli", false};
  };
  auto parts = split(given, ',');
  auto at = parts[0].find('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == parts[0].size())
    return refuse("names no key and host");
  nlohmann::json out{{"value", "$vault:" + std::string(parts[0].substr(0, at))},
                     {"host", parts[0].substr(at + 1)}};
  constexpr std::string_view kNames[] = {"header", "query",        "basic",        "template",
                                         "env",    "base_url_env", "base_url_path"};
  for (std::size_t i = 1; i < parts.size(); ++i) {
    auto equals = parts[i].find('=');
    auto name = parts[i].substr(0, equals);
    if (equals == std::string_view::npos ||
        std::find(std::begin(kNames), std::end(kNames), name) == std::end(kNames))
      return refuse("has " + quoted(parts[i]) + did_you_mean(name, kNames));
    if (out.contains(name)) return refuse("says " + quoted(name) + " twice");
    out[std::string(name)] = parts[i].substr(equals + 1);
  }
  if (!out.contains("header") && !out.contains("query") && !out.contains("basic")) {
    out["header"] = "Authorization";
    if (!out.contains("template")) out["template"] = "Bearer {}";
  }
  return out;
}

Result<nlohmann::json> create_body(Context& context, const Arguments& arguments, const Console& console) {
  nlohmann::json body;
  body["provider"] = arguments.positionals()[0];
  if (auto name = arguments.get("name")) body["name"] = *name;
  if (auto profile = arguments.get("profile")) body["profile"] = *profile;
  if (auto identity = arguments.get("identity")) body["identity"] = *identity;
  if (arguments.has("empty") && arguments.has("project")) {
    return Error{Code::invalid, "--empty and --project exclude each other; say one", "cli", false};
  }
  if (arguments.has("git") && (arguments.has("empty") || arguments.has("project") || arguments.has("bind"))) {
    return Error{Code::invalid, "--git excludes --project, --bind and --empty; say one", "cli", false};
  }
  if (arguments.has("ref") && !arguments.has("git")) {
    return Error{Code::invalid, "--ref is a branch or tag of what --git names; say --git as well", "cli",
                 false};
  }
  if (auto url = arguments.get("git")) {
    body["git"]["url"] = *url;
    if (auto ref = arguments.get("ref")) body["git"]["ref"] = *ref;
  } else if (!arguments.has("empty")) {
    std::error_code ec;
    auto given = arguments.get("project", ".");
    auto path = std::filesystem::absolute(given, ec);
    if (!ec) path = std::filesystem::canonical(path, ec);
    bool remote = context.client() && (*context.client())->endpoint().tls;
    if (ec && !remote) {
      return Error{Code::invalid,
                   "the project " + quoted(given) + " cannot be used: " + ec.message() +
                       "; give an existing directory with --project, or --empty",
                   "cli", false};
    }
    body["project"] = ec ? given : path.string();
  }
  if (arguments.has("bind") && (arguments.has("ro") || arguments.has("empty"))) {
    return Error{Code::invalid, "--bind contradicts --ro and --empty; say one", "cli", false};
  }
  BRIG_TRY(auto policy, policy_of(arguments));
  if (arguments.has("ro")) policy["workspace"]["mode"] = "readonly";
  if (arguments.has("bind")) policy["grants"]["project_write"] = true;
  if (!policy.is_null()) body["policy"] = std::move(policy);
  BRIG_TRY(auto env, environment_of(context, arguments));
  if (!env.empty()) body["env"] = std::move(env);
  BRIG_TRY(auto volumes, volumes_of(arguments));
  if (!volumes.empty()) body["volumes"] = std::move(volumes);
  BRIG_TRY(auto overlays, overlays_of(arguments));
  if (!overlays.empty()) body["overlays"] = std::move(overlays);
  BRIG_TRY(auto labels, labels_of(arguments.all("label"), "--label"));
  if (!labels.empty()) body["labels"] = std::move(labels);
  if (!arguments.rest().empty()) body["args"] = arguments.rest();
  if (!console.size.is_null()) body["terminal"] = console.size;
  // A detached terminal is for somebody who will attach to it; a detached pipe has nobody at its other end.
  if (!arguments.has("detach") || console.process_terminal) body["stdin_open"] = true;
  if (arguments.has("rm")) body["remove_when_ended"] = true;
  for (const char* name : {"ttl", "idle"}) {
    BRIG_TRY(auto bound, arguments.duration(name));
    if (bound) body[name] = arguments.get(name, "");
  }
  if (auto mesh = arguments.get("mesh")) body["mesh"] = *mesh;
  for (const auto& given : arguments.all("credential")) {
    BRIG_TRY(auto credential, credential_of(given));
    body["credentials"].push_back(std::move(credential));
  }
  return body;
}

// Creates the session; builds the provider's image first if that is what is missing.
Result<nlohmann::json> create(Context& context, const nlohmann::json& body) {
  BRIG_TRY(Client * client, context.client());
  bool clones = body.contains("git");
  auto limit = clones ? kCloneLimit : kCreateLimit;
  ProgressLine progress(context.err());
  if (clones) progress.update("cloning", std::nullopt);
  auto created = client->call("POST", "/v1/sessions", body, limit);
  progress.finish();
  if (created || created.error().code != Code::not_found) return created;
  std::vector<std::string> needed = {body["provider"]};
  if (clones) needed.push_back("shell");  // in whose image it is cloned
  bool built = false;
  for (const auto& provider : needed) {
    auto missing = image_is_missing(*client, provider);
    if (!missing || !*missing) continue;
    say_error("the image of " + quoted(provider) + " is not built yet; building it now, this once");
    BRIG_TRY(auto image, build_image(context, provider, false));
    built = true;
  }
  if (!built) return created;
  return client->call("POST", "/v1/sessions", body, limit);
}

// The name is ours even if none was asked for, so that a session can be taken back whose answer never came.
Result<nlohmann::json> create_named(Context& context, nlohmann::json& body) {
  if (body.contains("name")) return create(context, body);
  Result<nlohmann::json> created;
  for (int i = 0; i < 3; ++i) {
    body["name"] = random_name();
    created = create(context, body);
    if (created || created.error().code != Code::conflict) break;
  }
  return created;
}

// Somebody pressed ctrl-c before there was a process to pass it on to: nothing shall be left behind.
int take_back(Client& client, const std::string& name, int signal) {
  client.interrupt_by(-1);
  (void)client.call("DELETE", session_path(name) + "?force=1", nullptr, Millis{10'000});
  return kExitSignalBase + signal;
}

// Who names an identity that is not there gets the default one, and should know.
void tell_identity(const Arguments& arguments, const nlohmann::json& session) {
  auto asked = arguments.get("identity");
  auto given = text_of(session, "identity");
  if (asked && *asked != given && *asked != text_of(session, "identity_id"))
    say_error("there is no identity " + quoted(*asked) + "; " + quoted(given) + ", the default, is used");
}

Result<int> run(Context& context, const Arguments& arguments) {
  bool detach = arguments.has("detach");
  if (arguments.json() && !detach) {
    return Error{Code::invalid,
                 "--json prints the session, so it needs --detach; the output of an attached run is the "
                 "process's own",
                 "cli", false};
  }
  BRIG_TRY(auto keys, detach_keys_of(arguments));
  BRIG_TRY(Console console, console_of(arguments));
  if (detach && !arguments.has("tty") && arguments.has("no-tty")) console = Console{};
  BRIG_TRY(auto body, create_body(context, arguments, console));
  BRIG_TRY(Client * client, context.client());
  Signals signals({SIGINT, SIGTERM, SIGHUP});
  client->interrupt_by(signals.fd());
  auto created = create_named(context, body);
  client->interrupt_by(-1);
  if (!created) {
    if (was_interrupted(created.error())) return take_back(*client, body["name"], signals.take());
    return created.error();
  }
  const auto& session = *created;
  std::string name = text_of(session, "name");
  tell_identity(arguments, session);
  if (detach) {
    if (arguments.json())
      print_json(session);
    else
      print(printable(name) + "\n");
    return 0;
  }
  AttachRequest request;
  request.session = text_of(session, "id");
  request.from = "0";
  request.terminal = console.raw;
  request.signal_when_unread = true;
  request.started_by_us = true;
  request.detach_keys = std::move(keys);
  request.answer_questions = arguments.has("ask");
  if (request.session.empty()) return Error{Code::protocol, "brigd's answer names no session", "cli", false};
  return attach_and_exit(context, std::move(request), name);
}

constexpr PositionalSpec kPositionals[] = {
    {.name = "PROVIDER",
     .help = "what to run: shell, claude, … ('brig image ls' lists them)",
     .complete = "provider"},
};

constexpr OptionSpec kOptions[] = {
    {.flags = "-p,--project",
     .value = "DIR",
     .help = "the directory to work on, copy-on-write (default: this one)",
     .complete = "dir"},
    {.flags = "--ro", .help = "the project can be read, not changed"},
    {.flags = "--bind",
     .help = "what it writes, it writes to the project itself (a grant the ceiling must allow)"},
    {.flags = "--empty", .help = "start with an empty workspace instead of a project"},
    {.flags = "--git",
     .value = "URL",
     .help = "start with a clone of a repository, made in a sandbox that reaches its host alone"},
    {.flags = "--ref", .value = "REF", .help = "with --git: a branch or a tag"},
    {.flags = "-n,--name", .value = "NAME", .help = "what to call the session (default: made up)"},
    {.flags = "--profile",
     .value = "PROFILE",
     .help = "the policy profile (default: the provider's)",
     .complete = "profile"},
    {.flags = "--identity",
     .value = "IDENTITY",
     .help = "which of your accounts at the provider (default: 'brig identity ls' says which)"},
    {.flags = "-v,--volume",
     .value = "NAME:/PATH[:ro]",
     .help = "one of your volumes ('brig volume create'), at that place",
     .many = true},
    {.flags = "--overlay",
     .value = "FILE:/PATH[:rw]",
     .help = "a file of this machine, for this session alone, over whatever is at that place",
     .many = true},
    {.flags = "--runtime",
     .value = "RUNTIME",
     .help = "how to isolate it: runc, crun or runsc",
     .complete = "runc|crun|runsc"},
    {.flags = "-m,--memory", .value = "SIZE", .help = "memory limit, such as 2G; never above the profile's"},
    {.flags = "--cpus", .value = "N", .help = "processors, such as 1.5"},
    {.flags = "--pids", .value = "N", .help = "processes and threads at a time"},
    {.flags = "--disk", .value = "SIZE", .help = "what may be written to the workspace, such as 10G"},
    kAllowOption,
    kDenyOption,
    kPresetOption,
    kAskOption,
    {.flags = "--credential",
     .value = "KEY@HOST[,…]",
     .help =
         "put the vault's KEY into its requests to HOST; the sandbox has a placeholder. Also header=NAME, "
         "template='Bearer {}', query=NAME, basic=USER, env=NAME, base_url_env=NAME, base_url_path=/PATH",
     .many = true},
    kEnvOption,
    {.flags = "-l,--label",
     .value = "KEY=VALUE",
     .help = "mark the session, for 'brig ps --filter'",
     .many = true},
    {.flags = "--ttl", .value = "DURATION", .help = "end it after this, whatever it does, such as 2h"},
    {.flags = "--idle", .value = "DURATION", .help = "end it after so long without work, such as 30m"},
    {.flags = "--mesh",
     .value = "MESH",
     .help = "the mesh (a tenant) it belongs to, whose services it finds; admins may choose"},
    {.flags = "-d,--detach", .help = "start it, print its name and leave"},
    {.flags = "--rm", .help = "forget the session, and what it changed, when it has ended"},
    kTerminalOption,
    kNoTerminalOption,
    kDetachKeysOption,
    {.flags = "--json", .help = "with --detach: print the session as JSON"},
};

constexpr Example kExamples[] = {
    {"brig run shell", "a shell in a sandbox of this directory"},
    {"brig run claude --project ~/app --name fix -- -p \"explain this repo\"",
     "an agent, with arguments of its own"},
    {"tar c src | brig run shell --empty --rm -- tar t",
     "a pipe: binary-safe, with the command's own exit code"},
    {"brig run claude --allow api.example.com --preset npm --ask",
     "what it may reach; the rest is asked about"},
    {"brig run claude --overlay settings.json:/home/agent/.claude/settings.json --volume "
     "cache:/home/agent/.cache",
     "settings for this session, and a volume that all may use"},
    {"brig run claude --git https://git.example.org/team/app --ref main",
     "a repository instead of a directory"},
    {"brig run shell --allow api.example.com --credential API_KEY@api.example.com",
     "with a secret of 'brig vault set API_KEY' that it never holds"},
    {"brig run claude --mesh acme", "the mesh's MCP services are among its tools"},
    {"brig run shell --runtime runsc --memory 1G -- uname -r", "more isolation, less memory"},
};

}  // namespace

constexpr CommandSpec kRun = {
    .name = "run",
    .summary = "Start a session of a provider over a project, and attach to it.",
    .description =
        "On a terminal, the process gets one too: keys, sizes and signals reach it, and ctrl-p ctrl-q leaves "
        "it running. "
        "Otherwise brig is a pipe: standard input, output and error pass byte for byte, signals are passed "
        "on.\n"
        "brig exits with the process's own exit code, or 128 and the number of the signal that ended it. A "
        "lost "
        "connection to brigd is made again for BRIG_RECONNECT seconds (60); no byte is lost or doubled.",
    .positionals = kPositionals,
    .options = kOptions,
    .rest = "ARGS",
    .rest_help = "arguments for the provider's command; for shell: the command itself",
    .examples = kExamples,
    .run = run,
};

}  // namespace brig::cli
