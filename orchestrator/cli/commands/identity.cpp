#include <algorithm>

#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/table.hpp"
#include "core/text.hpp"

namespace brig::cli {
namespace {

std::string path_of(const std::string& provider, const std::string& id = {}) {
  auto path = "/v1/providers/" + percent_encode(provider) + "/identities";
  return id.empty() ? path : path + "/" + percent_encode(id);
}

bool flag_of(const nlohmann::json& json, const char* key) {
  auto at = json.is_object() ? json.find(key) : json.end();
  return json.is_object() && at != json.end() && at->is_boolean() && at->get<bool>();
}

Result<nlohmann::json> identities_of(Context& context, const std::string& provider) {
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", path_of(provider)));
  return list_of(answer, "identities");
}

// People know them by label; an id comes first, because no label can be taken for another's id that way.
Result<nlohmann::json> find(Context& context, const std::string& provider, const std::string& ref) {
  BRIG_TRY(auto all, identities_of(context, provider));
  for (const char* key : {"id", "label"})
    for (const auto& identity : all)
      if (text_of(identity, key) == ref) return identity;
  std::vector<std::string> labels;
  for (const auto& identity : all) labels.push_back(text_of(identity, "label"));
  std::vector<std::string_view> known(labels.begin(), labels.end());
  return Error{Code::not_found,
               "you have no identity " + quoted(ref) + " at " + printable(provider) +
                   did_you_mean(ref, known) + "; 'brig identity ls " + printable(provider) + "' lists them",
               "cli", false};
}

// Every provider that keeps a configuration, or the one that was named.
Result<std::vector<std::string>> providers_of(Context& context, const Arguments& arguments) {
  if (!arguments.positionals().empty()) return std::vector<std::string>{arguments.positionals()[0]};
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", "/v1/providers"));
  std::vector<std::string> out;
  for (const auto& provider : list_of(answer, "providers"))
    if (!list_of(provider, "config").empty()) out.push_back(text_of(provider, "id"));
  return out;
}

Result<int> list(Context& context, const Arguments& arguments) {
  BRIG_TRY(auto providers, providers_of(context, arguments));
  auto all = nlohmann::json::array();
  Table table({"PROVIDER", "LABEL", "ID", "DEFAULT", "AGE", "CONFIGURATION"});
  for (const auto& provider : providers) {
    BRIG_TRY(auto identities, identities_of(context, provider));
    for (auto& identity : identities) {
      table.add({provider,
                 {text_of(identity, "label"), Colour::bold},
                 text_of(identity, "id"),
                 flag_of(identity, "is_default") ? Table::Cell("yes", Colour::green) : Table::Cell(""),
                 age(text_of(identity, "created")),
                 text_of(identity, "config_dir")});
      identity["provider"] = provider;
      all.push_back(std::move(identity));
    }
  }
  if (arguments.json())
    print_json(all);
  else
    print(table.text(context.out()));
  return 0;
}

int show(const Arguments& arguments, const nlohmann::json& identity) {
  if (arguments.json())
    print_json(identity);
  else
    print(printable(text_of(identity, "id")) + "\n");
  return 0;
}

Result<int> create(Context& context, const Arguments& arguments) {
  auto label = arguments.get("label");
  if (!label)
    return Error{Code::invalid,
                 "'brig identity create' needs --label, as in: brig identity create claude --label Work",
                 "usage", false};
  nlohmann::json body = {{"label", *label}};
  if (auto dir = arguments.get("config-dir")) body["config_dir"] = *dir;
  if (arguments.has("default")) body["set_default"] = true;
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("POST", path_of(arguments.positionals()[0]), body));
  return show(arguments, answer);
}

Result<int> update(Context& context, const Arguments& arguments) {
  const auto& provider = arguments.positionals()[0];
  BRIG_TRY(auto identity, find(context, provider, arguments.positionals()[1]));
  auto body = nlohmann::json::object();
  if (auto label = arguments.get("label")) body["label"] = *label;
  if (auto dir = arguments.get("config-dir")) body["config_dir"] = *dir;
  if (arguments.has("default")) body["is_default"] = true;
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("PATCH", path_of(provider, text_of(identity, "id")), body));
  return show(arguments, answer);
}

Result<int> remove(Context& context, const Arguments& arguments) {
  const auto& provider = arguments.positionals()[0];
  BRIG_TRY(auto identity, find(context, provider, arguments.positionals()[1]));
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto nothing, client->call("DELETE", path_of(provider, text_of(identity, "id"))));
  return show(arguments, identity);
}

Result<int> probe(Context& context, const Arguments& arguments) {
  BRIG_TRY(auto providers, providers_of(context, arguments));
  auto wanted = arguments.positionals().size() > 1 ? arguments.positionals()[1] : std::string();
  auto all = nlohmann::json::array();
  Table table({"PROVIDER", "LABEL", "LOGIN"});
  BRIG_TRY(Client * client, context.client());
  for (const auto& provider : providers) {
    auto identities = nlohmann::json::array();
    if (wanted.empty()) {
      BRIG_TRY(identities, identities_of(context, provider));
    } else {
      BRIG_TRY(auto one, find(context, provider, wanted));
      identities.push_back(std::move(one));
    }
    for (const auto& identity : identities) {
      BRIG_TRY(auto found, client->call("GET", path_of(provider, text_of(identity, "id")) + "/probe"));
      auto account = text_of(found, "account");
      bool known = found.contains("authenticated");
      Table::Cell login = "not known: the provider does not say how to tell";
      if (!flag_of(found, "exists"))
        login = Table::Cell("never used", Colour::dim);
      else if (known && flag_of(found, "authenticated"))
        login = Table::Cell("connected" + (account.empty() ? "" : " as " + account), Colour::green);
      else if (known)
        login = Table::Cell("not connected" + (account.empty() ? "" : ", was " + account), Colour::yellow);
      table.add({provider, {text_of(identity, "label"), Colour::bold}, login});
      found["provider"] = provider;
      found["identity"] = identity;
      all.push_back(std::move(found));
    }
  }
  if (arguments.json())
    print_json(all);
  else
    print(table.text(context.out()));
  return 0;
}

constexpr OptionSpec kLabelOption = {.flags = "--label", .value = "LABEL", .help = "what to call it"};
constexpr OptionSpec kDirOption = {
    .flags = "--config-dir", .value = "PATH", .help = "where the CLI finds its configuration inside"};
constexpr OptionSpec kDefaultOption = {.flags = "--default", .help = "make it the one that is used unasked"};
constexpr OptionSpec kJson[] = {kJsonOption};
constexpr OptionSpec kOptions[] = {kLabelOption, kDirOption, kDefaultOption, kJsonOption};
constexpr PositionalSpec kMaybe[] = {{.name = "PROVIDER",
                                      .help = "claude, codex, … (default: all)",
                                      .arity = Arity::optional,
                                      .complete = "provider"}};
constexpr PositionalSpec kProvider[] = {
    {.name = "PROVIDER", .help = "claude, codex, …", .complete = "provider"}};
constexpr PositionalSpec kOne[] = {
    {.name = "PROVIDER", .help = "claude, codex, …", .complete = "provider"},
    {.name = "IDENTITY", .help = "its label or id"},
};
constexpr PositionalSpec kMaybeOne[] = {
    {.name = "PROVIDER", .help = "claude, codex, …", .complete = "provider"},
    {.name = "IDENTITY", .help = "its label or id (default: all)", .arity = Arity::optional},
};
constexpr Example kListExamples[] = {{"brig identity ls claude", "its accounts; the first look makes one"}};
constexpr Example kCreateExamples[] = {
    {"brig identity create claude --label Work --default", "a second account, used from now on"},
    {"brig run claude --identity Work", "log in there; it stays logged in"}};
constexpr Example kUpdateExamples[] = {{"brig identity update claude Work --label Office", "a new label"},
                                       {"brig identity update claude Work --default", "used unasked"}};
constexpr Example kRemoveExamples[] = {{"brig identity rm claude Work", "its volumes stay"}};
constexpr Example kProbeExamples[] = {
    {"brig identity probe claude Work", "connected as …, without asking anybody"}};

constexpr CommandSpec kList = {.name = "ls",
                               .summary = "List the identities at providers.",
                               .positionals = kMaybe,
                               .options = kJson,
                               .examples = kListExamples,
                               .run = list};
constexpr CommandSpec kCreate = {.name = "create",
                                 .summary = "Make an identity: another account, another history.",
                                 .positionals = kProvider,
                                 .options = kOptions,
                                 .examples = kCreateExamples,
                                 .run = create};
constexpr CommandSpec kUpdate = {.name = "update",
                                 .summary = "Change an identity.",
                                 .positionals = kOne,
                                 .options = kOptions,
                                 .examples = kUpdateExamples,
                                 .run = update};
constexpr CommandSpec kRemove = {
    .name = "rm",
    .summary = "Forget an identity.",
    .description = "The entry alone goes: what is in its volumes stays, and 'docker volume ls' shows them.",
    .positionals = kOne,
    .options = kJson,
    .examples = kRemoveExamples,
    .run = remove};
constexpr CommandSpec kProbe = {.name = "probe",
                                .summary = "Say who is logged in, from the CLI's own files.",
                                .positionals = kMaybeOne,
                                .options = kJson,
                                .examples = kProbeExamples,
                                .run = probe};
constexpr const CommandSpec* kCommands[] = {&kList, &kCreate, &kUpdate, &kRemove, &kProbe};

}  // namespace

constexpr CommandSpec kIdentity = {
    .name = "identity",
    .summary = "Manage accounts at providers, each with its own configuration.",
    .commands = kCommands};

// What hosts of such CLIs call it.
constexpr CommandSpec kProfile = {
    .name = "profile", .summary = "The same as 'brig identity'.", .commands = kCommands, .hidden = true};

}  // namespace brig::cli
