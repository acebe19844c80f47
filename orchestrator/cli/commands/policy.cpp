#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/table.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

// What a provider brings along: data that grants nothing, but that one may want to know of.
void explain_provider(const nlohmann::json& provider, const Style& style) {
  Table table({"PROVIDER", "VALUE", "WHY"});
  table.add({"image", text_of(provider, "image"), ""});
  std::string args;
  for (const auto& arg : list_of(provider, "default_args"))
    if (arg.is_string()) args += (args.empty() ? "" : " ") + arg.get<std::string>();
  if (!args.empty())
    table.add({"default arguments", args, {text_of(provider, "default_args_reason"), Colour::dim}});
  for (const auto& credential : list_of(provider, "credential"))
    table.add({"credential", credential_text(credential), ""});
  for (const auto& config : list_of(provider, "config")) {
    bool read_only = config.is_object() && config.value("read_only", nlohmann::json(true)) == true;
    table.add(
        {"config volume",
         text_of(config, "path"),
         {std::string(read_only ? "read-only, " : "writable, ") + text_of(config, "sharing"), Colour::dim}});
  }
  print("\n" + table.text(style));
}

Result<int> explain(Context& context, const Arguments& arguments) {
  nlohmann::json body = nlohmann::json::object();
  if (auto provider = arguments.get("provider")) body["provider"] = *provider;
  if (auto profile = arguments.get("profile")) body["profile"] = *profile;
  BRIG_TRY(auto policy, policy_of(arguments));
  if (!policy.is_null()) body["policy"] = std::move(policy);
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("POST", "/v1/policy/explain", body));
  if (arguments.json()) {
    print_json(answer);
    return 0;
  }
  const auto& style = context.out();
  print(style.paint(Colour::bold, "profile ") + printable(text_of(answer, "profile")) +
        style.paint(Colour::bold, "  runtime ") + printable(text_of(answer, "runtime")) +
        style.paint(Colour::bold, "  hash ") + printable(text_of(answer, "hash")) + "\n\n");
  Table fields({"FIELD", "VALUE", "RULE", "WHY"});
  for (const auto& field : list_of(answer, "fields")) {
    std::string rule = text_of(field, "rule");
    fields.add({text_of(field, "field"),
                text_of(field, "value"),
                {rule, rule == "request" || rule == "ceiling" ? Colour::yellow : Colour::plain},
                {text_of(field, "detail"), Colour::dim}});
  }
  print(fields.text(style));
  if (answer.contains("provider")) explain_provider(answer["provider"], style);
  const auto& grants = list_of(answer, "grants");
  if (grants.empty()) {
    print("\nNothing is granted that weakens the sandbox.\n");
    return 0;
  }
  Table table({"GRANT", "RULE", "RISK"});
  for (const auto& grant : grants) {
    table.add({{text_of(grant, "text"), Colour::red}, text_of(grant, "rule"), text_of(grant, "risk")});
  }
  print("\n" + table.text(style));
  return 0;
}

Result<int> list(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", "/v1/profiles"));
  const auto& profiles = list_of(answer, "profiles");
  if (arguments.json()) {
    print_json(profiles);
    return 0;
  }
  Table table({"PROFILE", "FROM", "DESCRIPTION"});
  for (const auto& profile : profiles) {
    bool built_in = profile.is_object() && profile.value("built_in", nlohmann::json(false)) == true;
    bool standard = profile.is_object() && profile.value("default", nlohmann::json(false)) == true;
    table.add({{text_of(profile, "name") + (standard ? " (default)" : ""), Colour::bold},
               built_in ? "brig" : "the operator",
               text_of(profile, "description")});
  }
  print(table.text(context.out()));
  return 0;
}

Result<int> show(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", "/v1/profiles"));
  const std::string& wanted = arguments.positionals()[0];
  std::vector<std::string> names;
  for (const auto& profile : list_of(answer, "profiles")) {
    names.push_back(text_of(profile, "name"));
    if (names.back() != wanted) continue;
    print_json(profile);
    return 0;
  }
  std::vector<std::string_view> known(names.begin(), names.end());
  return Error{
      Code::not_found,
      "there is no profile " + quoted(wanted) + did_you_mean(wanted, known) + "; 'brig policy ls' lists them",
      "cli", false};
}

constexpr OptionSpec kExplainOptions[] = {
    {.flags = "--provider",
     .value = "PROVIDER",
     .help = "and what it brings along: arguments, configuration",
     .complete = "provider"},
    {.flags = "--profile",
     .value = "PROFILE",
     .help = "the policy profile (default: the default one)",
     .complete = "profile"},
    {.flags = "--runtime",
     .value = "RUNTIME",
     .help = "as if run with it: runc, crun or runsc",
     .complete = "runc|crun|runsc"},
    {.flags = "-m,--memory", .value = "SIZE", .help = "as if run with this memory limit"},
    {.flags = "--cpus", .value = "N", .help = "as if run with these processors"},
    {.flags = "--pids", .value = "N", .help = "as if run with this limit of processes"},
    {.flags = "--disk", .value = "SIZE", .help = "as if run with this disk limit"},
    kAllowOption,
    kDenyOption,
    kPresetOption,
    kAskOption,
    kJsonOption,
};
constexpr Example kExplainExamples[] = {
    {"brig policy explain --profile strict", "what a session would be allowed, and which rule says so"},
    {"brig policy explain --memory 64G", "what becomes of a wish above the ceiling"},
};
constexpr OptionSpec kListOptions[] = {kJsonOption};
constexpr OptionSpec kShowOptions[] = {{.flags = "--json", .help = "print JSON; it is anyway"}};
constexpr PositionalSpec kProfile[] = {
    {.name = "PROFILE", .help = "name of a profile", .complete = "profile"}};
constexpr Example kListExamples[] = {{"brig policy ls", "the profiles that --profile takes"}};
constexpr Example kShowExamples[] = {
    {"brig policy show strict", "what a profile says, before the ceiling lowers it"}};

constexpr CommandSpec kExplain = {
    .name = "explain",
    .summary = "Show the policy a session would get, and which rule gave which field.",
    .options = kExplainOptions,
    .examples = kExplainExamples,
    .run = explain};
constexpr CommandSpec kList = {.name = "ls",
                               .summary = "List the policy profiles.",
                               .options = kListOptions,
                               .examples = kListExamples,
                               .run = list};
constexpr CommandSpec kShow = {.name = "show",
                               .summary = "Show one profile.",
                               .positionals = kProfile,
                               .options = kShowOptions,
                               .examples = kShowExamples,
                               .run = show};
constexpr const CommandSpec* kCommands[] = {&kExplain, &kList, &kShow};

}  // namespace

constexpr CommandSpec kPolicy = {
    .name = "policy", .summary = "See what sessions are allowed, and why.", .commands = kCommands};

}  // namespace brig::cli
