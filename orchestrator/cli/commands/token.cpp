#include "cli/commands/commands.hpp"
#include "cli/commands/common.hpp"
#include "cli/table.hpp"
#include "core/text.hpp"
#include "core/units.hpp"

namespace brig::cli {
namespace {

Result<int> create(Context& context, const Arguments& arguments) {
  auto label = arguments.get("label");
  auto role = arguments.get("role");
  constexpr std::string_view kRoles[] = {"viewer", "user", "admin"};
  if (!label || !role) {
    return Error{
        Code::invalid,
        "'brig token create' needs --label and --role, as in: brig token create --label ci --role user",
        "usage", false};
  }
  if (std::find(std::begin(kRoles), std::end(kRoles), *role) == std::end(kRoles)) {
    return Error{Code::invalid,
                 "--role " + quoted(*role) + " is not known" + did_you_mean(*role, kRoles) +
                     "; there are viewer, user and admin",
                 "cli", false};
  }
  nlohmann::json body = {{"label", *label}, {"role", *role}};
  for (const char* name : {"owner", "mesh"}) {
    if (auto value = arguments.get(name)) body[name] = *value;
  }
  BRIG_TRY(auto ttl, arguments.duration("ttl"));
  if (ttl) body["expires_in"] = arguments.get("ttl", "");
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("POST", "/v1/tokens", body));
  if (arguments.json()) {
    print_json(answer);
    return 0;
  }
  auto token = answer.find("token");
  std::string expires = token == answer.end() ? "" : text_of(*token, "expires");
  say_error("this is shown once; give it to brig as BRIG_TOKEN or in ~/.config/brig/token. It holds " +
            (expires.empty() ? std::string("until it is revoked") : "until " + printable(expires)));
  print(printable(text_of(answer, "secret")) + "\n");
  return 0;
}

Result<int> list(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  BRIG_TRY(auto answer, client->call("GET", "/v1/tokens"));
  const auto& tokens = list_of(answer, "tokens");
  if (arguments.json()) {
    print_json(tokens);
    return 0;
  }
  Table table({"ID", "LABEL", "ROLE", "OWNER", "MESH", "AGE", "LAST USED", "STATE"});
  for (const auto& token : tokens) {
    std::string used = age(text_of(token, "last_used"));
    bool revoked = !text_of(token, "revoked").empty();
    std::string expires = text_of(token, "expires");
    table.add({{text_of(token, "id"), Colour::bold},
               text_of(token, "label"),
               text_of(token, "role"),
               text_of(token, "owner"),
               text_of(token, "mesh"),
               age(text_of(token, "created")),
               used.empty() ? "never" : used + " ago",
               revoked ? Table::Cell("revoked", Colour::dim)
                       : Table::Cell(expires.empty() ? "holds" : "until " + expires, Colour::green)});
  }
  print(table.text(context.out()));
  return 0;
}

Result<int> revoke(Context& context, const Arguments& arguments) {
  BRIG_TRY(Client * client, context.client());
  for (const auto& id : arguments.positionals()) {
    BRIG_TRY(auto nothing, client->call("DELETE", "/v1/tokens/" + percent_encode(id)));
    if (!arguments.json()) print(printable(id) + "\n");
  }
  if (arguments.json()) print_json(arguments.positionals());
  return 0;
}

constexpr OptionSpec kJson[] = {kJsonOption};
constexpr OptionSpec kCreateOptions[] = {
    {.flags = "--label", .value = "LABEL", .help = "what it is for"},
    {.flags = "--role", .value = "ROLE", .help = "viewer, user or admin", .complete = "viewer|user|admin"},
    {.flags = "--owner",
     .value = "OWNER",
     .help = "whose sessions it sees and makes, such as uid:1000 or alice (default: its own)"},
    {.flags = "--mesh", .value = "MESH", .help = "confine it to this mesh (a tenant); not for admins"},
    {.flags = "--ttl",
     .value = "DURATION",
     .help = "how long it holds, such as 30d (default: until revoked)"},
    kJsonOption,
};
constexpr PositionalSpec kIds[] = {{.name = "ID", .help = "ids of tokens", .arity = Arity::some}};
constexpr Example kCreateExamples[] = {
    {"brig token create --label ci --role user --ttl 30d", "prints the secret, this once"},
    {"brig token create --label broker --role user --mesh acme --owner broker", "for one tenant alone"}};
constexpr Example kListExamples[] = {{"brig token ls", "who may come, and when they last did"}};
constexpr Example kRevokeExamples[] = {{"brig token revoke ab12cd34", "at once"}};

constexpr CommandSpec kCreate = {.name = "create",
                                 .summary = "Make a token for the API over TLS.",
                                 .options = kCreateOptions,
                                 .examples = kCreateExamples,
                                 .run = create};
constexpr CommandSpec kList = {.name = "ls",
                               .summary = "List tokens, without their secrets.",
                               .options = kJson,
                               .examples = kListExamples,
                               .run = list};
constexpr CommandSpec kRevoke = {.name = "revoke",
                                 .summary = "Revoke tokens.",
                                 .positionals = kIds,
                                 .options = kJson,
                                 .examples = kRevokeExamples,
                                 .run = revoke};
constexpr const CommandSpec* kCommands[] = {&kCreate, &kList, &kRevoke};

}  // namespace

constexpr CommandSpec kToken = {.name = "token",
                                .summary = "Manage the tokens with which others use this daemon over TLS.",
                                .commands = kCommands};

}  // namespace brig::cli
