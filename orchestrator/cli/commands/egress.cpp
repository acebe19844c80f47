#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/exit_codes.hpp"
#include "cli/signals.hpp"
#include "cli/table.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::cli {
namespace {

using nlohmann::json;

std::string path_of(const Arguments& arguments, const char* what = "") {
  return session_path(arguments.positionals()[0]) + "/egress" + what;
}

std::string number_of(const json& object, const char* key) {
  auto it = object.find(key);
  return it != object.end() && it->is_number_unsigned() ? std::to_string(it->get<std::uint64_t>()) : "";
}

std::string size_of(const json& object, const char* key) {
  auto it = object.find(key);
  return it != object.end() && it->is_number_unsigned() ? format_size(it->get<std::uint64_t>()) : "";
}

std::string process_of(const json& object) {
  auto name = text_of(object, "process");
  auto pid = number_of(object, "pid");
  return pid.empty() || pid == "0" ? name : name + "/" + pid;
}

// The clock time of an RFC 3339 time.
std::string clock_of(const json& object) {
  auto time = text_of(object, "time");
  return time.size() >= 19 ? time.substr(11, 8) : time;
}

Colour colour_of(const std::string& outcome) {
  if (outcome == "open" || outcome == "closed") return Colour::plain;
  return outcome == "denied" || outcome == "cut" ? Colour::red : Colour::yellow;
}

Result<int> show(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", path_of(arguments)));
  if (arguments.json()) {
    print_json(answer);
    return 0;
  }
  const auto& style = context.out();
  Table rules({"RULE", "", "FROM"});
  for (const auto& rule : list_of(answer, "rules")) {
    auto verb = text_of(rule, "verb");
    rules.add({{text_of(rule, "rule"), Colour::bold},
               {verb, verb == "deny" ? Colour::red : Colour::green},
               text_of(rule, "from")});
  }
  if (list_of(answer, "rules").empty())
    print("No rule allows anything.\n");
  else
    print(rules.text(style));
  if (answer.value("ask", json(false)) == true) print("What no rule decides is asked about.\n");
  const auto& credentials = list_of(answer, "credentials");
  if (!credentials.empty()) {
    Table table({"CREDENTIAL", "VARIABLE", "PLACEHOLDER"});
    for (const auto& c : credentials)
      table.add({{credential_text(c), Colour::bold}, text_of(c, "env"), text_of(c, "placeholder")});
    print("\n" + table.text(style));
  }
  const auto& questions = list_of(answer, "questions");
  if (!questions.empty()) {
    Table table({"QUESTION", "TARGET", "PROCESS", "SINCE"});
    for (const auto& q : questions)
      table.add({number_of(q, "number"),
                 {text_of(q, "target"), Colour::yellow},
                 process_of(q),
                 age(text_of(q, "since"))});
    print("\n" + table.text(style));
  }
  const auto& connections = list_of(answer, "connections");
  if (!connections.empty()) {
    Table table({"OPEN", "ADDRESS", "PROCESS", "AGE", "SENT", "RECEIVED", "RULE"});
    for (const auto& c : connections)
      table.add({{text_of(c, "host") + ":" + number_of(c, "port"), Colour::bold},
                 text_of(c, "address"),
                 process_of(c),
                 age(text_of(c, "since")),
                 size_of(c, "sent"),
                 size_of(c, "received"),
                 text_of(c, "rule")});
    print("\n" + table.text(style));
  }
  auto counts = answer.value("counts", json::object());
  print("\n" + number_of(counts, "allowed") + " connections, " + number_of(counts, "denied") + " denials, " +
        number_of(counts, "failed") + " failures; " + size_of(counts, "sent") + " sent, " +
        size_of(counts, "received") + " received\n");
  return 0;
}

std::string line_text(const json& line, const Style& style) {
  auto outcome = text_of(line, "outcome");
  if (text_of(line, "kind") == "missed") return "… " + number_of(line, "count") + " lines were missed\n";
  std::string out = style.paint(Colour::dim, clock_of(line)) + "  ";
  auto shown = outcome + std::string(outcome.size() < 12 ? 12 - outcome.size() : 1, ' ');
  out += style.paint(colour_of(outcome), printable(shown)) + " ";
  out += style.paint(Colour::bold, printable(text_of(line, "host") + ":" + number_of(line, "port")));
  if (auto process = process_of(line); !process.empty()) out += "  " + printable(process);
  if (outcome == "closed" || outcome == "cut")
    out += "  " + size_of(line, "sent") + " sent, " + size_of(line, "received") + " received";
  // The first line of a message stands alone; the second has the command.
  if (auto detail = text_of(line, "detail"); !detail.empty())
    out += "  " + style.paint(Colour::dim, printable(detail, 400));
  return out + "\n";
}

Result<int> tail(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto last, arguments.number("lines", 10'000));
  auto path = path_of(arguments, "/log") + "?last=" + std::to_string(last.value_or(50));
  bool follow = !arguments.has("no-follow");
  if (follow) path += "&follow=1";
  Signals signals({SIGINT, SIGTERM});
  client->interrupt_by(signals.fd());
  std::string kept;
  auto streamed = client->stream("GET", path, nullptr, [&](std::string_view part) {
    kept += part;
    for (auto end = kept.find('\n'); end != std::string::npos; end = kept.find('\n')) {
      auto text = kept.substr(0, end);
      kept.erase(0, end + 1);
      auto line = json::parse(text, nullptr, false);
      if (!line.is_object()) continue;
      print(arguments.json() ? line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"
                             : line_text(line, context.out()));
    }
    return flush_output().ok();
  });
  client->interrupt_by(-1);
  if (!streamed && was_interrupted(streamed.error())) return 0;
  BRIG_CHECK(streamed);
  return 0;
}

const char* scope_of(const Arguments& arguments, const char* standard) {
  for (const char* scope : {"once", "session", "always"})
    if (arguments.has(scope)) return scope;
  return standard;
}

Result<int> change(Context& context, const Arguments& arguments, const char* verb) {
  if (arguments.has("once") + arguments.has("session") + arguments.has("always") > 1)
    return Error{Code::invalid, "--once, --session and --always exclude each other; say one", "cli", false};
  BRIG_TRY(Client * client, context.client());
  json done = json::array();
  for (std::size_t i = 1; i < arguments.positionals().size(); ++i) {
    json body{
        {"verb", verb}, {"rule", arguments.positionals()[i]}, {"scope", scope_of(arguments, "session")}};
    BRIG_TRY(auto answer, client->call("POST", path_of(arguments, "/rules"), body));
    done.push_back(answer);
    if (!arguments.json()) print(printable(text_of(answer, "rule"), 300) + "\n");
  }
  if (arguments.json()) print_json(done);
  return 0;
}

Result<int> allow(Context& context, const Arguments& arguments) {
  return change(context, arguments, "allow");
}

Result<int> deny(Context& context, const Arguments& arguments) {
  return change(context, arguments, "deny");
}

Result<int> forget(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  for (std::size_t i = 1; i < arguments.positionals().size(); ++i) {
    const auto& rule = arguments.positionals()[i];
    BRIG_TRY(auto answer,
             client->call("DELETE", path_of(arguments, "/rules") + "?rule=" + percent_encode(rule)));
    (void)answer;
    print(printable(rule, 300) + "\n");
  }
  return 0;
}

Result<int> test(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", path_of(arguments, "/test") +
                                                "?target=" + percent_encode(arguments.positionals()[1])));
  auto verdict_of = [](const json& decision) { return text_of(decision, "verdict"); };
  auto name = answer.value("name", json::object());
  const auto& addresses = list_of(answer, "addresses");
  bool open = verdict_of(name) == "allowed" &&
              (addresses.empty() ? text_of(answer, "failure").find("proxy") != std::string::npos
                                 : std::any_of(addresses.begin(), addresses.end(),
                                               [&](const json& a) { return verdict_of(a) == "allowed"; }));
  if (arguments.json()) {
    print_json(answer);
    return open ? 0 : 1;
  }
  const auto& style = context.out();
  auto say = [&](const std::string& what, const json& decision) {
    auto verdict = verdict_of(decision);
    std::string out = style.paint(Colour::bold, printable(what)) + "  " +
                      style.paint(verdict == "allowed" ? Colour::green : Colour::red, printable(verdict));
    if (verdict == "allowed")
      out += "  by '" + printable(text_of(decision, "rule"), 300) + "' of " +
             printable(text_of(decision, "from"));
    else
      out += "  " + printable(text_of(decision, "why"), 600);
    if (auto command = text_of(decision, "command"); !command.empty())
      out += "\n  " + printable(command, 400);
    print(out + "\n");
  };
  say(text_of(answer, "target"), name);
  if (verdict_of(name) != "denied") {
    for (const auto& address : addresses) say("  " + text_of(address, "address"), address);
    if (auto failure = text_of(answer, "failure"); !failure.empty())
      print("  " + printable(failure, 400) + "\n");
  }
  return open ? 0 : 1;
}

Result<int> answer(Context& context, const Arguments& arguments) {
  const auto& words = arguments.positionals();
  if (words[2] != "yes" && words[2] != "no")
    return Error{Code::invalid, "the answer must be yes or no, not " + quoted(words[2]), "cli", false};
  std::uint64_t number = 0;
  for (char c : words[1]) {
    if (c < '0' || c > '9' || number > 100'000'000)
      return Error{Code::invalid,
                   "the question must be its number, not " + quoted(words[1]) + "; 'brig egress show' has it",
                   "cli", false};
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  BRIG_TRY(Client * client, context.client());
  json body{{"question", number}, {"answer", words[2]}, {"scope", scope_of(arguments, "once")}};
  BRIG_TRY(auto done, client->call("POST", path_of(arguments, "/answer"), body));
  (void)done;
  return 0;
}

constexpr PositionalSpec kSession[] = {
    {.name = "SESSION", .help = "name or id of a session", .complete = "session"}};
constexpr PositionalSpec kRules[] = {
    {.name = "SESSION", .help = "name or id of a session", .complete = "session"},
    {.name = "RULE",
     .help = "api.example.com, *.example.org:443, tcp://db.internal:5432, 10.1.2.3:8080",
     .arity = Arity::some}};
constexpr PositionalSpec kTarget[] = {
    {.name = "SESSION", .help = "name or id of a session", .complete = "session"},
    {.name = "TARGET", .help = "NAME:PORT; port 443 unless said"}};
constexpr PositionalSpec kQuestion[] = {
    {.name = "SESSION", .help = "name or id of a session", .complete = "session"},
    {.name = "QUESTION", .help = "its number"},
    {.name = "ANSWER", .help = "yes or no", .complete = "yes|no"}};
constexpr OptionSpec kOnce = {.flags = "--once", .help = "for the next connection alone"};
constexpr OptionSpec kThisSession = {.flags = "--session", .help = "as long as the session lives"};
constexpr OptionSpec kAlways = {.flags = "--always",
                                .help = "also for later sessions of yours over the same project"};
constexpr OptionSpec kAllowOptions[] = {kOnce, kThisSession, kAlways, kJsonOption};
constexpr OptionSpec kDenyOptions[] = {kThisSession, kAlways, kJsonOption};
constexpr OptionSpec kAnswerOptions[] = {kOnce, kThisSession, kAlways};
constexpr OptionSpec kShowOptions[] = {kJsonOption};
constexpr OptionSpec kTailOptions[] = {
    {.flags = "-n,--lines", .value = "N", .help = "how many of the past to begin with (default 50)"},
    {.flags = "--no-follow", .help = "stop when those are printed"},
    {.flags = "--json", .help = "print JSON, one object a line"},
};

constexpr Example kShowExamples[] = {
    {"brig egress show fix", "its rules and who gave them, and what it has open"}};
constexpr Example kTailExamples[] = {
    {"brig egress tail fix", "every connection and denial, as it happens"},
    {"brig egress tail fix --no-follow --json -n 1000", "the last thousand, for a program"}};
constexpr Example kAllowExamples[] = {
    {"brig egress allow fix example.net --once", "one connection, and then no more"},
    {"brig egress allow fix '*.example.org:443' --always", "also for later sessions over this project"},
    {"brig egress allow fix tcp://db.internal:5432 10.1.2.3:5432",
     "any protocol; and the private address that the name leads to"}};
constexpr Example kDenyExamples[] = {
    {"brig egress deny fix tracker.example", "at once, on every port; what is open is cut"}};
constexpr Example kForgetExamples[] = {
    {"brig egress forget fix example.net", "as if it had never been added"}};
constexpr Example kTestExamples[] = {
    {"brig egress test fix example.net", "would it be allowed, and by which rule?"}};
constexpr Example kAnswerExamples[] = {{"brig egress answer fix 1 yes", "lets those through who wait"},
                                       {"brig egress answer fix 1 no --session", "and do not ask again"}};

constexpr CommandSpec kShow = {
    .name = "show",
    .summary = "Show what a session may reach, what it has open and what waits for an answer.",
    .positionals = kSession,
    .options = kShowOptions,
    .examples = kShowExamples,
    .run = show};
constexpr CommandSpec kTail = {.name = "tail",
                               .summary = "Follow a session's connections and denials.",
                               .positionals = kSession,
                               .options = kTailOptions,
                               .examples = kTailExamples,
                               .run = tail};
constexpr CommandSpec kAllow = {.name = "allow",
                                .summary = "Let a session reach something more, at once.",
                                .positionals = kRules,
                                .options = kAllowOptions,
                                .examples = kAllowExamples,
                                .run = allow};
constexpr CommandSpec kDeny = {.name = "deny",
                               .summary = "Keep a session from reaching something, at once.",
                               .positionals = kRules,
                               .options = kDenyOptions,
                               .examples = kDenyExamples,
                               .run = deny};
constexpr CommandSpec kForget = {.name = "forget",
                                 .summary = "Take back rules that were added to a session.",
                                 .positionals = kRules,
                                 .examples = kForgetExamples,
                                 .run = forget};
constexpr CommandSpec kTest = {.name = "test",
                               .summary = "Say what a connection would meet; nothing is connected to.",
                               .description = "Exits with 0 if it would be allowed, with 1 if not.",
                               .positionals = kTarget,
                               .options = kShowOptions,
                               .examples = kTestExamples,
                               .run = test};
constexpr CommandSpec kAnswer = {.name = "answer",
                                 .summary = "Answer a question that connections wait for.",
                                 .positionals = kQuestion,
                                 .options = kAnswerOptions,
                                 .examples = kAnswerExamples,
                                 .run = answer};
constexpr const CommandSpec* kCommands[] = {&kShow, &kTail, &kAllow, &kDeny, &kForget, &kTest, &kAnswer};

}  // namespace

constexpr CommandSpec kEgress = {.name = "egress",
                                 .summary = "See and change what a session may reach.",
                                 .description =
                                     "A sandbox has no network: what it reaches, it reaches by name through "
                                     "brigd, by these rules. What is "
                                     "denied anywhere is denied.",
                                 .commands = kCommands};

}  // namespace brig::cli
