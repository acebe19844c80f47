// apply and undo.
#include <unistd.h>

#include <iostream>

#include "cli/commands/changes.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/exit_codes.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

using nlohmann::json;

constexpr Millis kLimit = std::chrono::hours(1);

std::vector<std::string> spelled_all(const std::vector<std::string>& typed) {
  std::vector<std::string> out;
  for (const auto& path : typed) out.push_back(spelled(path));
  return out;
}

// The letter of an answer; 0 at the end of the input.
char ask(const std::string& question) {
  std::cerr << question << " " << std::flush;
  std::string line;
  if (!std::getline(std::cin, line)) return 0;
  return line.empty() ? '\n' : line[0];
}

struct Answer {
  json body;
  bool refused = false;
  Error error;  // of a refusal
};

// A refusal that names paths is no error yet: the person may decide about them.
Result<Answer> post(Client& client, const std::string& target, const json& body) {
  BRIG_TRY(Response response,
           client.send("POST", target, body.dump(-1, ' ', false, json::error_handler_t::replace),
                       Deadline::in(kLimit)));
  Answer answer;
  answer.body = json::parse(response.body, nullptr, false);
  if (response.head.status < 400) {
    if (!answer.body.is_object())
      return Error{Code::protocol, "brigd's answer is no report of an apply", "cli", false};
    return answer;
  }
  answer.error = problem_to_error(response.head.status, response.body);
  answer.refused = answer.body.is_object() &&
                   (!list_of(answer.body, "conflicts").empty() || !list_of(answer.body, "concerns").empty());
  if (!answer.refused) return answer.error;
  return answer;
}

void list_refused(const Context& context, const json& answer) {
  auto list = [&](const char* key, const char* heading, const char* remedy) {
    const auto& refused = list_of(answer, key);
    if (refused.empty()) return;
    std::cerr << heading << "\n";
    for (const auto& one : refused)
      std::cerr << "  " << context.err().paint(Colour::yellow, printable(text_of(one, "path"), 8192)) << ": "
                << printable(text_of(one, "reason"), 1024) << "\n";
    std::cerr << remedy << "\n";
  };
  list("conflicts", "Changed on the host too:",
       "Say --overwrite PATH to take the session's, --skip PATH to keep the host's.");
  list("concerns", "Not to be taken over unseen:",
       "Look at them with `brig diff`, then say --allow PATH or --skip PATH.");
}

struct Session {
  Client& client;
  std::string name;
};

// Asks about each path that stood in the way; false: the person wants none of it.
Result<bool> decide(Context& context, const Session& session, const json& answer, json& body) {
  for (const char* key : {"conflicts", "concerns"}) {
    bool conflict = std::string_view(key) == "conflicts";
    for (const auto& one : list_of(answer, key)) {
      auto path = text_of(one, "path");
      bool never = one.contains("never") && one["never"] == true;
      while (true) {
        std::string question =
            printable(path, 8192) + ": " + printable(text_of(one, "reason"), 1024) + "\n  ";
        question += conflict ? "[h] keep the host's  [s] take the session's"
                    : never  ? "[h] leave it out"
                             : "[h] leave it out  [a] allow it";
        auto letter = ask(question + "  [d] show the difference  [q] apply nothing ?");
        if (letter == 0 || letter == 'q') return false;
        if (letter == 'd') BRIG_CHECK(print_patch(session.client, session.name, {path}, context.out(), true));
        if (letter == 'd') BRIG_CHECK(flush_output());
        if (letter == 'h') body["skip"].push_back(path);
        if (letter == 's' && conflict) body["overwrite"].push_back(path);
        if (letter == 'a' && !conflict && !never) body["allow"].push_back(path);
        if (letter == 'h' || (letter == 's' && conflict) || (letter == 'a' && !conflict && !never)) break;
      }
    }
  }
  return true;
}

Result<int> report(const Arguments& arguments, const json& answer, const char* verb) {
  const auto& changes = list_of(answer, "changes");
  if (arguments.json()) {
    print_json(answer);
  } else {
    print(std::string(verb) + " " + std::to_string(changes.size()) +
          (changes.size() == 1 ? " change\n" : " changes\n"));
  }
  return 0;
}

Result<int> refused(Context& context, const Arguments& arguments, const Answer& answer) {
  if (arguments.json()) print_json(answer.body);
  list_refused(context, answer.body);
  say_error(answer.error.message);
  return exit_code(answer.error.code);
}

Result<int> apply(Context& context, const Arguments& arguments) {
  const auto& name = arguments.positionals()[0];
  std::vector<std::string> paths(arguments.positionals().begin() + 1, arguments.positionals().end());
  bool person = ::isatty(STDIN_FILENO) && !arguments.has("yes") && !arguments.json();
  if (!person && !arguments.has("yes")) {
    return Error{Code::invalid,
                 "there is nobody to ask; say --yes to apply what can be applied without asking", "cli",
                 false};
  }
  BRIG_TRY(Client * client, context.client());
  Session session{*client, name};
  json body{{"paths", spelled_all(paths)},
            {"overwrite", spelled_all(arguments.all("overwrite"))},
            {"allow", spelled_all(arguments.all("allow"))},
            {"skip", spelled_all(arguments.all("skip"))}};
  if (person) {
    BRIG_TRY(auto changes, fetch_changes(*client, name, paths, false));
    auto count = list_of(changes, "changes").size();
    if (count == 0) {
      print("nothing to apply\n");
      return 0;
    }
    print(summary_of(changes, context.out()));
    BRIG_CHECK(flush_output());
    auto letter = ask("Apply this to the project? [y/N/d]");
    if (letter == 'd') {
      BRIG_CHECK(print_patch(*client, name, paths, context.out(), true));
      BRIG_CHECK(flush_output());
      letter = ask("Apply this to the project? [y/N]");
    }
    if (letter != 'y' && letter != 'Y') return 0;
    // What was shown is what will be applied.
    body["digest"] = text_of(changes, "digest");
  }
  BRIG_TRY(Answer answer, post(*client, session_path(name) + "/apply", body));
  if (answer.refused && person) {
    BRIG_TRY(bool go_on, decide(context, session, answer.body, body));
    if (!go_on) return exit_code(answer.error.code);
    BRIG_TRY(answer, post(*client, session_path(name) + "/apply", body));
  }
  if (answer.refused) return refused(context, arguments, answer);
  return report(arguments, answer.body, "applied");
}

Result<int> undo(Context& context, const Arguments& arguments) {
  const auto& name = arguments.positionals()[0];
  bool person = ::isatty(STDIN_FILENO) && !arguments.has("yes") && !arguments.json();
  if (!person && !arguments.has("yes"))
    return Error{Code::invalid, "there is nobody to ask; say --yes to undo without asking", "cli", false};
  if (person) {
    auto letter = ask("Undo the last apply of " + printable(name) + "? [y/N]");
    if (letter != 'y' && letter != 'Y') return 0;
  }
  BRIG_TRY(Client * client, context.client());
  json body{{"skip", spelled_all(arguments.all("skip"))}};
  BRIG_TRY(Answer answer, post(*client, session_path(name) + "/undo", body));
  if (answer.refused) {
    if (arguments.json()) print_json(answer.body);
    for (const auto& one : list_of(answer.body, "conflicts"))
      std::cerr << "  " << printable(text_of(one, "path"), 8192) << ": "
                << printable(text_of(one, "reason"), 1024) << "\n";
    say_error("nothing was undone; say --skip PATH to leave what changed since as it is");
    return exit_code(answer.error.code);
  }
  return report(arguments, answer.body, "took back");
}

constexpr PositionalSpec kSessionAndPaths[] = {
    {.name = "SESSION", .help = "name or id of a session", .complete = "session"},
    {.name = "PATH", .help = "files or directories of the project; none: all of it", .arity = Arity::any},
};
constexpr PositionalSpec kSession[] = {
    {.name = "SESSION", .help = "name or id of a session", .complete = "session"},
};
constexpr OptionSpec kSkip = {
    .flags = "--skip", .value = "PATH", .help = "leave this as it is on the host", .many = true};
constexpr OptionSpec kApplyOptions[] = {
    {.flags = "-y,--yes", .help = "do not ask; what would have to be asked about is refused"},
    {.flags = "--overwrite",
     .value = "PATH",
     .help = "take the session's version although the host's changed",
     .many = true},
    {.flags = "--allow",
     .value = "PATH",
     .help = "take over what could run something on the host",
     .many = true},
    kSkip,
    kJsonOption,
};
constexpr Example kApplyExamples[] = {
    {"brig apply fix", "shows what will be done, and asks"},
    {"brig apply fix src -y", "one directory, without asking"},
    {"brig apply fix -y --allow .vscode/settings.json --skip .envrc", "decides about what was refused"},
};
constexpr OptionSpec kUndoOptions[] = {
    {.flags = "-y,--yes", .help = "do not ask"},
    kSkip,
    kJsonOption,
};
constexpr Example kUndoExamples[] = {
    {"brig undo fix", "the project is as it was before the last apply"},
    {"brig undo fix -y --skip README.md", "all but a file that you have worked on since"},
};

}  // namespace

constexpr CommandSpec kApply = {
    .name = "apply",
    .summary = "Take a session's changes over into its project.",
    .description =
        "All of them, or nothing. Exits with 73 where the host's files changed since the session began, with "
        "77 "
        "where something would run on the host later; each such path is named.",
    .positionals = kSessionAndPaths,
    .options = kApplyOptions,
    .examples = kApplyExamples,
    .run = apply,
};

constexpr CommandSpec kUndo = {
    .name = "undo",
    .summary = "Take the last apply of a session back.",
    .description = "Exits with 73, and does nothing, where files changed on the host since.",
    .positionals = kSession,
    .options = kUndoOptions,
    .examples = kUndoExamples,
    .run = undo,
};

}  // namespace brig::cli
