// brig service tools and approve: which tools of a service there are, which of them pass, and why not all.
#include <unistd.h>

#include <algorithm>

#include "cli/ask.hpp"
#include "cli/commands/services.hpp"
#include "cli/table.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxShown = 64 * 1024;

Colour standing_colour(const std::string& standing) {
  if (standing == "open") return Colour::green;
  return standing == "denied" ? Colour::dim : Colour::yellow;
}

void show_gate(Context& context, const json& gate) {
  Table table({"TOOL", "STANDING"});
  for (const auto& tool : list_of(gate, "tools")) {
    auto standing = text_of(tool, "standing");
    table.add({{text_of(tool, "name"), Colour::bold}, {standing, standing_colour(standing)}});
  }
  print(table.text(context.out()));
}

Result<int> set_lists(Context& context, const Arguments& arguments, const std::string& path) {
  json body{{"allow", arguments.all("allow")}, {"deny", arguments.all("deny")}};
  bool lists = arguments.has("allow") || arguments.has("deny");
  if (lists && arguments.has("default"))
    return Error{Code::invalid, "--default lets all tools pass; say it without --allow and --deny", "usage",
                 false};
  if (arguments.positionals().size() > 1)
    return Error{Code::invalid, "--allow and --deny are about the service; name no tool beside it", "usage",
                 false};
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto gate, client->call("PUT", path + "/tool-gate", body));
  if (arguments.json())
    print_json(gate);
  else
    show_gate(context, gate);
  return 0;
}

Result<int> tools(Context& context, const Arguments& arguments) {
  const auto& words = arguments.positionals();
  BRIG_TRY(auto path, service_path(context, arguments, words[0]));
  if (arguments.has("allow") || arguments.has("deny") || arguments.has("default"))
    return set_lists(context, arguments, path);
  BRIG_TRY(Client * client, context.client());
  if (arguments.has("all")) {
    BRIG_TRY(auto gate, client->call("GET", path + "/tool-gate"));
    if (arguments.json())
      print_json(gate);
    else
      show_gate(context, gate);
    return 0;
  }
  BRIG_TRY(auto answer, client->call("GET", path + "/tools"));
  const auto& all = list_of(answer, "tools");
  if (words.size() > 1) {
    std::vector<std::string> names;
    for (const auto& tool : all) {
      names.push_back(text_of(tool, "name"));
      if (names.back() != words[1]) continue;
      print_json(tool);
      return 0;
    }
    std::vector<std::string_view> known(names.begin(), names.end());
    return Error{
        Code::not_found,
        "service " + quoted(words[0]) + " has no tool " + quoted(words[1]) + did_you_mean(words[1], known),
        "cli", false};
  }
  if (arguments.json()) {
    print_json(all);
    return 0;
  }
  Table table({"TOOL", "WHAT IT DOES"});
  for (const auto& tool : all)
    table.add({{text_of(tool, "name"), Colour::bold}, printable(text_of(tool, "description"), 120)});
  print(table.text(context.out()));
  BRIG_TRY(auto service, client->call("GET", path));
  if (auto waiting = waiting_text(service); !waiting.empty()) print(waiting + "\n");
  return 0;
}

// A text as it reads, all else as JSON with a member a line.
std::vector<std::string> lines_of(const json& value) {
  auto text = value.is_string() ? value.get<std::string>()
                                : value.dump(2, ' ', false, json::error_handler_t::replace);
  std::vector<std::string> out;
  auto left = text.size() > kMaxShown ? text.size() - kMaxShown : 0;
  text.resize(text.size() - left);
  for (auto line : split(text, '\n')) out.push_back(printable(line, 4 * kMaxShown));
  if (left > 0) out.push_back("… and " + std::to_string(left) + " bytes more, which --json shows");
  return out;
}

void show_lines(Context& context, char sign, const std::vector<std::string>& lines, std::size_t from,
                std::size_t left, Colour colour) {
  for (auto i = from; i + left < lines.size(); ++i)
    print(context.out().paint(colour, "    " + std::string(1, sign) + " " + lines[i]) + "\n");
}

void show_change(Context& context, const json& change) {
  print("  " + printable(text_of(change, "member"), 128) + "\n");
  std::vector<std::string> before, after;
  if (change.contains("before")) before = lines_of(change["before"]);
  if (change.contains("after")) after = lines_of(change["after"]);
  auto most = std::min(before.size(), after.size());
  std::size_t from = 0, left = 0;
  while (from < most && before[from] == after[from]) ++from;
  while (left < most - from && before[before.size() - 1 - left] == after[after.size() - 1 - left]) ++left;
  show_lines(context, '-', before, from, left, Colour::red);
  show_lines(context, '+', after, from, left, Colour::green);
}

bool waits(const json& tool) {
  auto standing = text_of(tool, "standing");
  return standing == "new" || standing == "changed";
}

// Those that wait; of those, if some are named, these.
Result<std::vector<json>> to_approve(const json& gate, const std::vector<std::string>& words) {
  std::vector<json> out;
  std::vector<std::string> names;
  for (const auto& tool : list_of(gate, "tools")) {
    if (!waits(tool)) continue;
    names.push_back(text_of(tool, "name"));
    bool meant = words.size() == 1 || std::find(words.begin() + 1, words.end(), names.back()) != words.end();
    if (meant) out.push_back(tool);
  }
  std::vector<std::string_view> known(names.begin(), names.end());
  for (std::size_t i = 1; i < words.size(); ++i)
    if (std::find(names.begin(), names.end(), words[i]) == names.end())
      return Error{Code::not_found,
                   "no tool " + quoted(words[i]) + " of service " + quoted(words[0]) + " waits for approval" +
                       did_you_mean(words[i], known),
                   "cli", false};
  return out;
}

Result<int> approve(Context& context, const Arguments& arguments) {
  const auto& words = arguments.positionals();
  bool person = ::isatty(STDIN_FILENO) && !arguments.has("yes") && !arguments.json();
  BRIG_TRY(auto path, service_path(context, arguments, words[0]));
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto gate, client->call("GET", path + "/tool-gate"));
  BRIG_TRY(auto waiting, to_approve(gate, words));
  json body{{"tools", json::array()}};
  for (const auto& tool : waiting) {
    body["tools"].push_back({{"name", text_of(tool, "name")}, {"fingerprint", text_of(tool, "fingerprint")}});
    if (arguments.json()) continue;
    print(context.out().paint(Colour::bold, printable(text_of(tool, "name"), 128)) + " is " +
          text_of(tool, "standing") + "\n");
    for (const auto& change : list_of(tool, "changes")) show_change(context, change);
  }
  if (waiting.empty()) {
    if (arguments.json())
      print_json(gate);
    else
      print("no tool of " + printable(words[0]) + " waits for approval\n");
    return 0;
  }
  if (!person && !arguments.has("yes"))
    return Error{Code::invalid, "there is nobody to ask; say --yes to approve without asking", "cli", false};
  if (person) {
    BRIG_CHECK(flush_output());
    if (!yes(waiting.size() == 1 ? "Let it pass?" : "Let them pass?")) return 0;
  }
  BRIG_TRY(auto answer, client->call("POST", path + "/approve", body));
  if (arguments.json())
    print_json(answer);
  else
    show_gate(context, answer);
  return 0;
}

constexpr PositionalSpec kToolsWords[] = {
    kServiceName,
    {.name = "TOOL", .help = "all of this one: its schema and annotations", .arity = Arity::optional}};
constexpr PositionalSpec kApproveWords[] = {
    kServiceName, {.name = "TOOL", .help = "only this one; else all that wait", .arity = Arity::any}};
constexpr OptionSpec kToolsOptions[] = {
    kServiceMesh,
    {.flags = "--all", .help = "also those that do not pass, and why"},
    {.flags = "--allow",
     .value = "TOOL",
     .help = "from now on only this one passes; 'read_*' is all that begin so",
     .many = true},
    {.flags = "--deny",
     .value = "TOOL",
     .help = "from now on this one does not, whatever is allowed",
     .many = true},
    {.flags = "--default", .help = "from now on all pass, again"},
    kJsonOption};
constexpr OptionSpec kApproveOptions[] = {
    kServiceMesh, {.flags = "-y,--yes", .help = "do not ask"}, kJsonOption};
constexpr Example kToolsExamples[] = {
    {"brig service tools ev --mesh acme", "names and what they do"},
    {"brig service tools ev echo --mesh acme", "what one takes, as the server describes it"},
    {"brig service tools db --allow 'read_*' --deny read_secrets --mesh acme", "no others, for anybody"}};
constexpr Example kApproveExamples[] = {
    {"brig service approve db --mesh acme", "what has changed in its tools; then asks whether they may pass"},
    {"brig service approve db query -y --mesh acme", "this one may, without asking"}};

}  // namespace

constexpr CommandSpec kServiceTools = {
    .name = "tools",
    .summary = "List the tools of a service, or say which may pass.",
    .description =
        "--allow and --deny replace what was said before, and hold at once and for everybody: what does not "
        "pass is in no list and cannot be called. A denied tool does not pass, whatever is allowed.",
    .positionals = kToolsWords,
    .options = kToolsOptions,
    .examples = kToolsExamples,
    .run = tools};
constexpr CommandSpec kServiceApprove = {
    .name = "approve",
    .summary = "Let tools pass that are new or have changed.",
    .description =
        "A tool whose name, description, schema or annotations are not as they were approved is in no list "
        "and cannot be called until somebody has looked at what has changed. What the server says of itself, "
        "@instructions, is held back likewise.",
    .positionals = kApproveWords,
    .options = kApproveOptions,
    .examples = kApproveExamples,
    .run = approve};

}  // namespace brig::cli
