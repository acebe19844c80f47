// checkpoint, restore, fork, discard.
#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/exit_codes.hpp"
#include "cli/table.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::cli {
namespace {

// What was written may be gigabytes, and is copied.
constexpr Millis kCopyLimit = std::chrono::minutes(30);

std::string checkpoint_path(const std::string& session, const std::string& name) {
  return session_path(session) + "/checkpoints/" + percent_encode(name);
}

Result<int> list_checkpoints(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", session_path(arguments.positionals()[0]) + "/checkpoints"));
  const auto& checkpoints = list_of(answer, "checkpoints");
  if (arguments.json()) {
    print_json(checkpoints);
    return 0;
  }
  Table table({"NAME", "AGE", "SIZE", "LAYERS"});
  for (const auto& each : checkpoints) {
    if (!each.is_object()) continue;
    table.add({{text_of(each, "name"), Colour::bold},
               age(text_of(each, "created")),
               format_size(number_of(each, "bytes")),
               std::to_string(number_of(each, "layers"))});
  }
  print(table.text(context.out()));
  return 0;
}

Result<int> checkpoint(Context& context, const Arguments& arguments) {
  const auto& words = arguments.positionals();
  bool remove = arguments.has("delete");
  if (words.size() == 1 && !remove) return list_checkpoints(context, arguments);
  if (words.size() == 1) {
    return Error{Code::invalid, "--delete needs the checkpoint's name: brig checkpoint --delete SESSION NAME",
                 "cli", false};
  }
  BRIG_TRY(Client * client, context.client());
  if (remove) {
    BRIG_TRY(auto nothing, client->call("DELETE", checkpoint_path(words[0], words[1])));
    if (arguments.json())
      print_json({words[1]});
    else
      print(printable(words[1]) + "\n");
    return 0;
  }
  BRIG_TRY(auto made,
           client->call("POST", session_path(words[0]) + "/checkpoints", {{"name", words[1]}}, kCopyLimit));
  if (arguments.json())
    print_json(made);
  else
    print(printable(text_of(made, "name")) + "\n");
  return 0;
}

Result<int> show_session(const Arguments& arguments, const nlohmann::json& session) {
  if (arguments.json())
    print_json(session);
  else
    print(printable(text_of(session, "name")) + "\n");
  return 0;
}

Result<int> restore(Context& context, const Arguments& arguments) {
  nlohmann::json body = {{"checkpoint", arguments.positionals()[1]}};
  BRIG_TRY(auto env, environment_of(context, arguments));
  if (!env.empty()) body["env"] = std::move(env);
  BRIG_TRY(Client * client, context.client());
  auto path = session_path(arguments.positionals()[0]) + "/restore";
  BRIG_TRY(auto session, client->call("POST", path, body, std::chrono::minutes(5)));
  return show_session(arguments, session);
}

Result<int> fork(Context& context, const Arguments& arguments) {
  nlohmann::json body = nlohmann::json::object();
  if (auto name = arguments.get("name")) body["name"] = *name;
  if (auto from = arguments.get("from")) body["checkpoint"] = *from;
  BRIG_TRY(auto env, environment_of(context, arguments));
  if (!env.empty()) body["env"] = std::move(env);
  BRIG_TRY(auto labels, labels_of(arguments.all("label"), "--label"));
  if (!labels.empty()) body["labels"] = std::move(labels);
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto session,
           client->call("POST", session_path(arguments.positionals()[0]) + "/fork", body, kCopyLimit));
  return show_session(arguments, session);
}

Result<int> discard(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  auto done = nlohmann::json::array();
  int code = 0;
  for (const auto& ref : arguments.positionals()) {
    auto session = client->call("POST", session_path(ref) + "/discard", nullptr, std::chrono::minutes(2));
    if (!session) {
      say_error(session.error().message);
      if (code == 0) code = exit_code(session.error().code);
      continue;
    }
    if (!arguments.json()) print(printable(ref) + "\n");
    done.push_back(std::move(*session));
  }
  if (arguments.json()) print_json(done);
  return code;
}

constexpr PositionalSpec kSession = {
    .name = "SESSION", .help = "a session's name or id", .complete = "session"};

constexpr PositionalSpec kCheckpointWords[] = {
    kSession,
    {.name = "NAME", .help = "what to call the checkpoint", .arity = Arity::optional},
};
constexpr OptionSpec kCheckpointOptions[] = {
    {.flags = "-d,--delete", .help = "forget the checkpoint NAME instead of making it"},
    kJsonOption,
};
constexpr Example kCheckpointExamples[] = {
    {"brig checkpoint fix before-refactor", "keeps the workspace as it is now"},
    {"brig checkpoint fix", "lists what is kept"},
    {"brig checkpoint --delete fix before-refactor", "forgets it"},
};

constexpr PositionalSpec kRestoreWords[] = {kSession,
                                            {.name = "NAME", .help = "the checkpoint to go back to"}};
constexpr OptionSpec kRestoreOptions[] = {kEnvOption, kJsonOption};
constexpr Example kRestoreExamples[] = {
    {"brig restore fix before-refactor", "undoes all since, and starts the agent again"},
    {"brig restore fix before-refactor -e API_KEY && brig attach fix", "with a variable it was started with"},
};

constexpr PositionalSpec kForkWords[] = {kSession};
constexpr OptionSpec kForkOptions[] = {
    {.flags = "-n,--name", .value = "NAME", .help = "what to call the new session (default: made up)"},
    {.flags = "--from", .value = "CHECKPOINT", .help = "go on from a checkpoint instead of how it is now"},
    kEnvOption,
    {.flags = "-l,--label", .value = "KEY=VALUE", .help = "mark the new session", .many = true},
    kJsonOption,
};
constexpr Example kForkExamples[] = {
    {"brig fork fix --name fix2", "a second session from the same state; both continue"},
    {"for i in 1 2 3; do brig fork fix --from ready --name try-$i; done",
     "three attempts that share what is there"},
};

constexpr PositionalSpec kDiscardWords[] = {
    {.name = "SESSION", .help = "names or ids of sessions", .arity = Arity::some, .complete = "session"},
};
constexpr OptionSpec kDiscardOptions[] = {kJsonOption};
constexpr Example kDiscardExamples[] = {
    {"brig discard fix", "forgets every change; the session and its output stay"},
};

}  // namespace

constexpr CommandSpec kCheckpoint = {
    .name = "checkpoint",
    .summary = "Keep a session's workspace as it is now, under a name; or list what is kept.",
    .description =
        "The session goes on. While its files are copied, whoever writes to them waits; a session that has "
        "ended is kept without a copy.",
    .positionals = kCheckpointWords,
    .options = kCheckpointOptions,
    .examples = kCheckpointExamples,
    .run = checkpoint,
};

constexpr CommandSpec kRestore = {
    .name = "restore",
    .summary = "Put a session's workspace back to a checkpoint, and start its command again.",
    .description =
        "What runs in it is ended, what was written since and its output are forgotten. Variables given "
        "with --env were not kept: give them again.",
    .positionals = kRestoreWords,
    .options = kRestoreOptions,
    .examples = kRestoreExamples,
    .run = restore,
};

constexpr CommandSpec kFork = {
    .name = "fork",
    .summary = "Start a second session from the state of a first; both continue.",
    .description =
        "It has the same provider, policy, project and command. Variables given with --env were not kept: "
        "give them again.",
    .positionals = kForkWords,
    .options = kForkOptions,
    .examples = kForkExamples,
    .run = fork,
};

constexpr CommandSpec kDiscard = {
    .name = "discard",
    .summary = "Forget what ended sessions changed in their workspaces.",
    .positionals = kDiscardWords,
    .options = kDiscardOptions,
    .examples = kDiscardExamples,
    .run = discard,
};

}  // namespace brig::cli
